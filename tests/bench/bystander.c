// SPDX-License-Identifier: GPL-2.0
/*
 * bystander getppid|epoll_wait [CALLS [RUNS]]: what one system call costs a process that
 * nobody watches. Prints the best of RUNS (7) loops of CALLS (500000) calls, in ns per
 * call. epoll_wait never sleeps: it is an event loop with nothing to do, and its entry is
 * a traced one. It attaches nothing itself; bench.py compares runs with and without.
 */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double loop_getppid(long calls)
{
	double began = now_ns();

	for (long i = 0; i < calls; i++)
		syscall(SYS_getppid);
	return (now_ns() - began) / calls;
}

static double loop_epoll_wait(long calls)
{
	struct epoll_event event;
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	double began = now_ns();

	for (long i = 0; i < calls; i++)
		epoll_wait(epfd, &event, 1, 0);
	began = now_ns() - began;
	close(epfd);
	return began / calls;
}

static int usage(void)
{
	fprintf(stderr, "usage: bystander getppid|epoll_wait [CALLS [RUNS]]\n");
	return 2;
}

int main(int argc, char **argv)
{
	long calls = argc > 2 ? atol(argv[2]) : 500000;
	long runs = argc > 3 ? atol(argv[3]) : 7;
	double best = 0;

	if (argc < 2 || calls <= 0 || runs <= 0 || calls * runs > 100000000)
		return usage();
	if (strcmp(argv[1], "getppid") && strcmp(argv[1], "epoll_wait"))
		return usage();
	for (long i = 0; i < runs; i++) {
		double ns = argv[1][0] == 'g' ? loop_getppid(calls) : loop_epoll_wait(calls);

		if (i == 0 || ns < best)
			best = ns;
	}
	printf("%.2f\n", best);
	return 0;
}
