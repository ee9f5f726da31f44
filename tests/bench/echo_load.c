// SPDX-License-Identifier: GPL-2.0
/*
 * echo_load PORT PID CONNECTIONS WARMUP_MS MEASURE_MS: keeps CONNECTIONS loopback
 * connections busy, one 64-byte message in flight on each, and prints one JSON line:
 * replies, wall_ns and cpu_ns (CPU time of process PID, the server), all taken over the
 * same window after the warm-up. It talks to 127.0.0.1 only and gives up 5 s after its
 * time; a connection that fails or closes is an error, never a smaller number. It never
 * sleeps: waking it on the other CPU would be work of the server, more or less of it as
 * the load falls behind or not, and several times what is measured.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES   64
#define MAX_CONNECTIONS 1024

struct load {
	int epfd;
	int n; /* connections */
	int fd[MAX_CONNECTIONS];
	int got[MAX_CONNECTIONS]; /* bytes of the current reply */
	uint64_t replies;
};

struct mark {
	uint64_t replies;
	uint64_t wall_ns;
	uint64_t cpu_ns; /* of the server */
};

static const char message[MESSAGE_BYTES] = "greenwatch bench";

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int connection_open(int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int load_open(struct load *load, int port, int n)
{
	load->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (load->epfd < 0)
		return -errno;
	for (load->n = 0; load->n < n; load->n++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = load->n };
		int fd = connection_open(port);

		if (fd < 0)
			return fd;
		load->fd[load->n] = fd;
		if (epoll_ctl(load->epfd, EPOLL_CTL_ADD, fd, &event) < 0)
			return -errno;
	}
	return 0;
}

static void load_close(struct load *load)
{
	for (int i = 0; i < load->n; i++)
		close(load->fd[i]);
	close(load->epfd);
}

static int message_send(const struct load *load, int i)
{
	ssize_t n = send(load->fd[i], message, MESSAGE_BYTES, MSG_NOSIGNAL);

	return n == MESSAGE_BYTES ? 0 : n < 0 ? -errno : -EIO;
}

/* One message in flight: a socket that reads as ready never blocks here. */
static int reply_take(struct load *load, int i)
{
	char reply[MESSAGE_BYTES];
	ssize_t n = recv(load->fd[i], reply, MESSAGE_BYTES - load->got[i], 0);

	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	load->got[i] += n;
	if (load->got[i] < MESSAGE_BYTES)
		return 0;
	load->got[i] = 0;
	load->replies++;
	return message_send(load, i);
}

static int load_until(struct load *load, uint64_t end_ns)
{
	struct epoll_event events[64];

	while (clock_ns(CLOCK_MONOTONIC) < end_ns) {
		int n = epoll_wait(load->epfd, events, 64, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			int err = reply_take(load, events[i].data.u32);

			if (err)
				return err;
		}
	}
	return 0;
}

static struct mark mark_take(const struct load *load, clockid_t server)
{
	return (struct mark){
		.replies = load->replies,
		.wall_ns = clock_ns(CLOCK_MONOTONIC),
		.cpu_ns = clock_ns(server),
	};
}

static int load_run(struct load *load, clockid_t server, int warmup_ms, int measure_ms)
{
	uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC) + warmup_ms * 1000000ull;
	struct mark from, to;
	int err = 0;

	for (int i = 0; i < load->n && !err; i++)
		err = message_send(load, i);
	if (!err)
		err = load_until(load, begin_ns);
	if (err)
		return err;
	from = mark_take(load, server);
	err = load_until(load, from.wall_ns + measure_ms * 1000000ull);
	to = mark_take(load, server);
	if (err)
		return err;
	printf("{\"replies\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu}\n",
	       (unsigned long long)(to.replies - from.replies),
	       (unsigned long long)(to.wall_ns - from.wall_ns),
	       (unsigned long long)(to.cpu_ns - from.cpu_ns));
	return 0;
}

int main(int argc, char **argv)
{
	static struct load load;
	int arg[6] = { 0 };
	clockid_t server;
	int err;

	for (int i = 1; i < argc && i < 6; i++)
		arg[i] = atoi(argv[i]);
	if (argc != 6 || arg[3] < 1 || arg[3] > MAX_CONNECTIONS || arg[4] < 0 || arg[5] < 1) {
		fprintf(stderr, "usage: echo_load PORT PID CONNECTIONS WARMUP_MS MEASURE_MS\n");
		return 2;
	}
	alarm((arg[4] + arg[5]) / 1000 + 5);
	err = -clock_getcpuclockid(arg[2], &server);
	if (!err)
		err = load_open(&load, arg[1], arg[3]);
	if (!err)
		err = load_run(&load, server, arg[4], arg[5]);
	load_close(&load);
	if (err)
		fprintf(stderr, "echo_load: %s\n", strerror(-err));
	return err ? 1 : 0;
}
