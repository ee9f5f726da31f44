/*
 * What the C workloads of the stall laboratory share: plan, truth, witness. See lab.py for what is
 * said.
 *
 * The program calls lab_beat() from a timer of its loop every 20 ms and lab_go() when its loop
 * finds stdin readable; the stalls are made inside lab_beat(). Included once, by the one file of a
 * program that has defined _GNU_SOURCE.
 */
#ifndef LAB_LOOP_H
#define LAB_LOOP_H

#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS          1000000ULL
#define BEAT_NS     (20 * MS)
#define CALM_NS     (100 * MS)
#define HICCUP_NS   (50 * MS)
#define SHORTEST_NS (62 * MS)
#define LONGEST_NS  (400 * MS)
#define HEALTHY_NS  (4000 * MS)

struct mark {
	uint64_t ns, cpu_ns, runqueue_ns;
};

struct truth {
	struct mark begin, end;
	uint64_t planned_ns, tail_runqueue_ns;
};

struct gap {
	uint64_t begin, end;
};

struct kind {
	const char *name;
	void (*stall)(uint64_t ns); /* NULL: a healthy twin, which just lives */
	const char *truth;          /* function, cause, and what else is told */
};

struct lab {
	const struct kind *kind;
	unsigned count, done, seed;
	struct truth *truths;
	uint64_t last, next; /* heartbeat; when the next stall is due */
	bool tail;
};

static int schedstat_fd;
static struct gap gaps[1000];
static unsigned gap_count;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

static uint64_t runqueue_ns(void)
{
	unsigned long long cpu, runqueue = 0;
	char text[100] = "";

	if (pread(schedstat_fd, text, sizeof(text) - 1, 0) > 0)
		sscanf(text, "%llu %llu", &cpu, &runqueue);
	return runqueue;
}

static struct mark mark_before(void)
{
	struct mark m = { .cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID),
			  .runqueue_ns = runqueue_ns() };

	m.ns = clock_ns(CLOCK_MONOTONIC);
	return m;
}

static struct mark mark_after(void)
{
	struct mark m = { .ns = clock_ns(CLOCK_MONOTONIC) };

	m.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	m.runqueue_ns = runqueue_ns();
	return m;
}

static void note_gap(uint64_t begin, uint64_t end)
{
	if (end > begin && end - begin > HICCUP_NS && gap_count < sizeof(gaps) / sizeof(gaps[0]))
		gaps[gap_count++] = (struct gap){ begin, end };
}

/* The parts of a gap that lie outside every planned stall. */
static void print_hiccups(struct gap gap, const struct truth *truths, unsigned count)
{
	for (unsigned i = 0; i <= count; i++) {
		uint64_t begin = i < count ? truths[i].begin.ns : gap.end;
		uint64_t end = i < count ? truths[i].end.ns : gap.end;

		if (end < gap.begin || begin > gap.end)
			continue;
		if (begin > gap.begin && begin - gap.begin > HICCUP_NS)
			printf("HICCUP %llu %llu\n", (unsigned long long)gap.begin,
			       (unsigned long long)begin);
		gap.begin = end;
	}
}

static void print_truth(const struct truth *truths, unsigned count, const char *told)
{
	for (unsigned i = 0; i < count; i++) {
		const struct truth *t = &truths[i];

		printf("STALL %llu %llu %s planned_ns=%llu cpu_ns=%llu runqueue_ns=%llu "
		       "tail_runqueue_ns=%llu\n",
		       (unsigned long long)t->begin.ns, (unsigned long long)t->end.ns, told,
		       (unsigned long long)t->planned_ns,
		       (unsigned long long)(t->end.cpu_ns - t->begin.cpu_ns),
		       (unsigned long long)(t->end.runqueue_ns - t->begin.runqueue_ns),
		       (unsigned long long)t->tail_runqueue_ns);
	}
	for (unsigned i = 0; i < gap_count; i++)
		print_hiccups(gaps[i], truths, count);
	puts("DONE");
	fflush(stdout);
}

static inline void lab_release(struct lab *lab)
{
	lab->next = clock_ns(CLOCK_MONOTONIC) + 2 * CALM_NS;
	if (!lab->kind->stall)
		lab->next += HEALTHY_NS;
}

/* stdin is readable: reads the line that starts the stalls. */
static inline void lab_go(struct lab *lab)
{
	char line[256];

	if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
		errx(1, "stdin ended before the line that starts the stalls (give --go to start at "
			"once)");
	lab_release(lab);
}

/* The arguments, and READY. Whether stdin is to be waited for. */
static inline bool lab_begin(struct lab *lab, const struct kind *kinds, unsigned n, int argc,
			     char **argv)
{
	bool go = false;

	*lab = (struct lab){ .count = 20, .seed = 1, .next = UINT64_MAX };
	for (unsigned i = 0; argc > 1 && i < n; i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			lab->kind = &kinds[i];
	if (!lab->kind)
		errx(2, "usage: %s KIND [--stalls N] [--seed N] [--go]", argv[0]);
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--go") == 0)
			go = true;
		else if (strcmp(argv[i], "--stalls") == 0 && i + 1 < argc)
			lab->count = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			lab->seed = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			errx(2, "unknown option %s", argv[i]);
	}
	schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (!lab->kind->stall)
		lab->count = 0;
	lab->truths = calloc(lab->count + 1, sizeof(*lab->truths));
	if (!lab->truths)
		err(1, "calloc");
	lab->last = clock_ns(CLOCK_MONOTONIC);
	if (go)
		lab_release(lab);
	printf("READY %d %d\n", (int)getpid(), (int)gettid());
	fflush(stdout);
	return !go;
}

/* A beat of the loop's timer; makes a stall when it is due. True: all is done. */
static inline bool lab_beat(struct lab *lab)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct truth *t;

	note_gap(lab->last, now);
	lab->last = now;
	if (lab->tail)
		lab->truths[lab->done - 1].tail_runqueue_ns =
			runqueue_ns() - lab->truths[lab->done - 1].end.runqueue_ns;
	lab->tail = false;
	if (now < lab->next)
		return false;
	if (lab->done == lab->count)
		return true;
	t = &lab->truths[lab->done++];
	t->planned_ns = SHORTEST_NS + (uint64_t)rand_r(&lab->seed) % (LONGEST_NS - SHORTEST_NS);
	t->begin = mark_before();
	lab->kind->stall(t->planned_ns);
	t->end = mark_after();
	lab->next = t->end.ns + CALM_NS;
	lab->tail = true;
	return false;
}

static inline void lab_end(struct lab *lab)
{
	print_truth(lab->truths, lab->count, lab->kind->truth);
	free(lab->truths);
}

#endif
