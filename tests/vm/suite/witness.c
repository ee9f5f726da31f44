/*
 * witness.c: notes when a guest's CPU itself was not running, because the machine had other work.
 *
 *   witness CPU
 *
 * Sleeps 5 ms at a time on one CPU before everything else there (SCHED_FIFO), and prints
 * `GAP begin_ns end_ns` (CLOCK_MONOTONIC) for each time it woke 5 ms late or more. What a guest
 * measures in a gap is the machine's doing. Runs until it is killed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NAP_NS  5000000
#define LATE_NS 5000000

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void come_first(int cpu)
{
	struct sched_param param = { .sched_priority = 50 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "CPU %d", cpu);
}

int main(int argc, char **argv)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };

	if (argc != 2)
		errx(2, "usage: witness CPU");
	come_first(atoi(argv[1]));
	setlinebuf(stdout);
	for (uint64_t last = now_ns(), now;; last = now) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
		now = now_ns();
		if (now - last > NAP_NS + LATE_NS)
			printf("GAP %llu %llu\n", (unsigned long long)last,
			       (unsigned long long)now);
	}
}
