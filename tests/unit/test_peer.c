// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_peer.c: what a call slept on, from the kernel's facts.
 */
#include <arpa/inet.h>
#include <asm/unistd_64.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "collect.h"
#include "peer.h"

static struct gw_report *report;
static struct wire_stack stack;
static char text[160];

static void setup(void)
{
	cr_assert_eq(collect_new(&report, 0), 0);
	memset(&stack, 0, sizeof(stack));
}

static void teardown(void)
{
	collect_free(report);
}

TestSuite(peer, .init = setup, .fini = teardown);

static const struct gw_peer *peer_in(int call, unsigned int mode, const char *name)
{
	stack.call = call;
	stack.fd.fd = 7;
	stack.fd.mode = mode;
	snprintf(stack.fd.name, sizeof(stack.fd.name), "%s", name);
	return peer_of(report, &stack, "");
}

static const char *words(const struct gw_peer *peer)
{
	peer_text(peer, text, sizeof(text));
	return text;
}

Test(peer, a_tcp_socket_tells_both_addresses_and_its_mode)
{
	const struct gw_peer *peer;

	stack.fd.family = AF_INET;
	stack.fd.protocol = IPPROTO_TCP;
	stack.fd.local_port = 40000;
	stack.fd.remote_port = 5432;
	inet_pton(AF_INET, "10.0.0.9", stack.fd.local);
	inet_pton(AF_INET, "10.0.0.5", stack.fd.remote);
	peer = peer_in(__NR_recvfrom, S_IFSOCK, "");
	cr_assert_str_eq(peer->kind, "tcp");
	cr_assert_str_eq(peer->remote, "10.0.0.5:5432");
	cr_assert_str_eq(peer->local, "10.0.0.9:40000");
	cr_assert(peer->blocking_mode);
	cr_assert_str_eq(words(peer), "tcp 10.0.0.5:5432");
	stack.fd.flags = O_NONBLOCK;
	cr_assert_not(peer_in(__NR_recvfrom, S_IFSOCK, "")->blocking_mode);
}

Test(peer, ipv6_is_bracketed_and_mapped_addresses_are_ipv4)
{
	stack.fd.family = AF_INET6;
	stack.fd.protocol = IPPROTO_UDP;
	stack.fd.remote_port = 53;
	inet_pton(AF_INET6, "2001:db8::1", stack.fd.remote);
	cr_assert_str_eq(words(peer_in(__NR_poll, S_IFSOCK, "")), "udp [2001:db8::1]:53");
	inet_pton(AF_INET6, "::ffff:127.0.0.1", stack.fd.remote);
	cr_assert_str_eq(words(peer_in(__NR_poll, S_IFSOCK, "")), "udp 127.0.0.1:53");
}

Test(peer, files_pipes_and_nameless_descriptors_are_told_apart)
{
	stack.fd.magic = EXT4_SUPER_MAGIC;
	cr_assert_str_eq(words(peer_in(__NR_read, S_IFREG, "app.log")), "file app.log (ext4)");
	stack.fd.magic = PIPEFS_MAGIC;
	cr_assert_str_eq(peer_in(__NR_write, S_IFIFO, "")->kind, "pipe");
	stack.fd.magic = EXT4_SUPER_MAGIC;
	cr_assert_str_eq(peer_in(__NR_write, S_IFIFO, "queue")->kind, "fifo");
	stack.fd.magic = 0;
	cr_assert_str_eq(peer_in(__NR_epoll_wait, 0, "[eventpoll]")->kind, "epoll");
	cr_assert_str_eq(peer_in(__NR_poll, 0, "[eventfd]")->kind, "eventfd");
	cr_assert_str_eq(peer_in(__NR_read, 0, "something else")->kind, "other");
}

Test(peer, a_unix_socket_tells_the_path_of_its_listening_end)
{
	stack.fd.family = AF_UNIX;
	cr_assert_str_eq(words(peer_in(__NR_sendto, S_IFSOCK, "/dev/log")), "unix /dev/log");
}

Test(peer, a_futex_is_private_or_shared_and_has_no_descriptor)
{
	stack.call = __NR_futex;
	stack.fd.fd = -1;
	stack.args[1] = FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
	cr_assert_str_eq(peer_of(report, &stack, "")->kind, "futex-private");
	stack.args[1] = FUTEX_WAIT;
	cr_assert_str_eq(peer_of(report, &stack, "")->kind, "futex-shared");
	cr_assert_eq(peer_of(report, &stack, "")->fd, -1);
}

Test(peer, a_page_fault_tells_the_whole_path_or_that_there_is_no_file)
{
	char path[] = "/srv/a/very/long/way/down/the/tree/of/files/to/the/one/that/is/meant.bin";
	const struct gw_peer *peer;

	stack.call = WIRE_CALL_FAULT;
	stack.fd = (struct wire_fd){ .fd = WIRE_FD_MAPPED,
				     .mode = S_IFREG,
				     .magic = EXT4_SUPER_MAGIC,
				     .name = "meant.bin" };
	peer = peer_of(report, &stack, path);
	cr_assert_str_eq(peer->kind, "file");
	cr_assert_str_eq(peer->path, path);
	cr_assert_eq(peer->fd, -1);
	cr_assert_str_eq(
		words(peer),
		"file .../long/way/down/the/tree/of/files/to/the/one/that/is/meant.bin (ext4)");
	cr_assert_str_eq(peer_of(report, &stack, "")->path, "meant.bin");
	cr_assert_str_eq(peer_class(&stack, peer), "pagefault");
	stack.fd = (struct wire_fd){ .fd = WIRE_FD_MAPPED };
	peer = peer_of(report, &stack, "");
	cr_assert_str_eq(peer->kind, "memory");
	cr_assert_null(peer->path);
}

Test(peer, the_same_peer_is_kept_once)
{
	stack.fd.magic = EXT4_SUPER_MAGIC;
	cr_assert_eq(peer_in(__NR_read, S_IFREG, "a"), peer_in(__NR_read, S_IFREG, "a"));
	cr_assert_neq(peer_in(__NR_read, S_IFREG, "a"), peer_in(__NR_read, S_IFREG, "b"));
}

Test(peer, the_class_of_read_comes_from_its_descriptor_and_a_poll_of_nothing_sleeps)
{
	const struct gw_peer *peer = peer_in(__NR_read, S_IFREG, "a");

	cr_assert_str_eq(peer_class(&stack, peer), "file");
	cr_assert_str_eq(peer_class(&stack, NULL), "other");
	stack.call = __NR_poll;
	cr_assert_str_eq(peer_class(&stack, NULL), "sleep");
	stack.args[1] = 1;
	cr_assert_str_eq(peer_class(&stack, NULL), "poll");
	stack.call = __NR_select;
	cr_assert_str_eq(peer_class(&stack, NULL), "sleep");
}

Test(peer, a_call_on_no_descriptor_has_no_peer)
{
	stack.call = __NR_clock_nanosleep;
	stack.fd.fd = -1;
	cr_assert_null(peer_of(report, &stack, ""));
	cr_assert_str_eq(words(NULL), "");
}
