/*
 * A plain C event loop for the stall laboratory: epoll, a timerfd heartbeat of 20 ms, and planned
 * stalls.
 *
 *   epoll_loop sleep|cpu|poll|threads [--stalls N] [--seed N] [--go]
 *
 * threads: beside the loop that stalls, others begin and end in threads of their own all the time.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include "loop.h"

static __attribute__((noinline)) void stall_nanosleep(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / (1000 * MS)),
			      .tv_nsec = (long)(ns % (1000 * MS)) };

	while (nanosleep(&t, &t) != 0)
		;
}

static __attribute__((noinline)) void stall_spin(uint64_t ns)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + ns;
	volatile unsigned sum = 0;

	while (clock_ns(CLOCK_MONOTONIC) < until)
		for (unsigned i = 0; i < 1000; i++)
			sum += i;
}

/* A poll inside a handler: a wait, but not the loop's. */
static __attribute__((noinline)) void stall_poll(uint64_t ns)
{
	struct pollfd silent = { .events = POLLIN };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		err(1, "pipe2");
	silent.fd = ends[0];
	if (poll(&silent, 1, (int)(ns / MS)) < 0)
		err(1, "poll");
	close(ends[0]);
	close(ends[1]);
}

static const struct kind kinds[] = {
	{ "sleep", stall_nanosleep, "stall_nanosleep syscall call=clock_nanosleep" },
	{ "cpu", stall_spin, "stall_spin cpu" },
	{ "poll", stall_poll, "stall_poll syscall call=poll peer=pipe" },
	{ "threads", stall_nanosleep, "stall_nanosleep syscall call=clock_nanosleep" },
};

static void watch(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		err(1, "epoll_ctl");
}

static int start_heartbeat(void)
{
	struct itimerspec every = { .it_interval.tv_nsec = BEAT_NS, .it_value.tv_nsec = BEAT_NS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0)
		err(1, "timerfd");
	return fd;
}

/* A loop of ten turns. */
static void *short_life(void *nothing)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), beat = start_heartbeat();
	struct epoll_event event;
	uint64_t beats;

	watch(epoll, beat);
	for (int i = 0; i < 10; i++)
		if (epoll_wait(epoll, &event, 1, -1) > 0 &&
		    read(beat, &beats, sizeof(beats)) != (ssize_t)sizeof(beats))
			err(1, "timerfd");
	close(beat);
	close(epoll);
	return nothing;
}

static void *short_lives(void *nothing)
{
	for (;;) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, short_life, NULL) != 0)
			errx(1, "pthread_create");
		pthread_join(thread, NULL);
	}
	return nothing;
}

static void run(struct lab *lab, bool wait)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), beat = start_heartbeat();
	struct epoll_event event;
	uint64_t beats;

	watch(epoll, beat);
	if (wait)
		watch(epoll, STDIN_FILENO);
	for (;;) {
		if (epoll_wait(epoll, &event, 1, -1) <= 0)
			continue;
		if (event.data.fd == STDIN_FILENO) {
			lab_go(lab);
			epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
			continue;
		}
		if (read(beat, &beats, sizeof(beats)) != (ssize_t)sizeof(beats))
			err(1, "timerfd");
		if (lab_beat(lab))
			return;
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	struct lab lab;
	bool wait = lab_begin(&lab, kinds, sizeof(kinds) / sizeof(kinds[0]), argc, argv);

	for (int i = 0; i < 3 && !strcmp(lab.kind->name, "threads"); i++)
		if (pthread_create(&thread, NULL, short_lives, NULL) != 0)
			errx(1, "pthread_create");
	run(&lab, wait);
	lab_end(&lab);
	return 0;
}
