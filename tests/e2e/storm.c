/*
 * An event loop that never sleeps: its epoll descriptor is always ready, and every turn takes SPIN
 * microseconds.
 *
 *   storm SPIN
 *
 * It says `READY pid tid`, turns until stdin ends, then says `TURNS count`.
 */
#define _GNU_SOURCE
#include <err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY 4096 /* turns between two looks at stdin */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void spin(uint64_t ns)
{
	uint64_t until = now_ns() + ns;

	while (now_ns() < until)
		;
}

static int stdin_has_ended(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char bytes[256];

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, bytes, sizeof(bytes)) <= 0;
}

int main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), always = eventfd(1, EFD_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = always };
	uint64_t turns = 0, spin_ns;

	if (argc != 2)
		errx(2, "usage: storm SPIN");
	spin_ns = strtoull(argv[1], NULL, 10) * 1000;
	if (epoll < 0 || always < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, always, &event) != 0)
		err(1, "epoll");
	printf("READY %d %d\n", (int)getpid(), (int)gettid());
	fflush(stdout);
	do {
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			err(1, "epoll_wait");
		spin(spin_ns);
	} while (++turns % LOOK_EVERY || !stdin_has_ended());
	printf("TURNS %llu\n", (unsigned long long)turns);
	return 0;
}
