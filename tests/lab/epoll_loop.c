/*
 * A plain C event loop for the stall laboratory: epoll, a timerfd heartbeat of 20 ms, and planned
 * stalls.
 *
 *   epoll_loop sleep|cpu|poll [--stalls N] [--seed N] [--go]
 *
 * It says READY, waits for a line on stdin (in its loop), stalls, and prints the truth as lab.py
 * describes it. It refuses to start stalls when stdin ends before a line was read.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MS          1000000ULL
#define BEAT_NS     (20 * MS)
#define CALM_NS     (100 * MS)
#define HICCUP_NS   (50 * MS)
#define SHORTEST_NS (62 * MS)
#define LONGEST_NS  (400 * MS)

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

typedef void stall_fn(uint64_t ns);

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

static const struct kind {
	const char *name;
	stall_fn *stall;
	const char *truth; /* function, cause, and what else is told */
} kinds[] = {
	{ "sleep", stall_nanosleep, "stall_nanosleep syscall call=clock_nanosleep" },
	{ "cpu", stall_spin, "stall_spin cpu" },
	{ "poll", stall_poll, "stall_poll syscall call=poll peer=pipe" },
};

static const struct kind *find_kind(const char *name)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
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

static void watch(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		err(1, "epoll_ctl");
}

static void read_go(int epoll)
{
	char line[256];

	if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
		errx(1, "stdin ended before the line that starts the stalls (give --go to start at "
			"once)");
	epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
}

static int start_heartbeat(void)
{
	struct itimerspec every = { .it_interval.tv_nsec = BEAT_NS, .it_value.tv_nsec = BEAT_NS };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0)
		err(1, "timerfd");
	return fd;
}

static void run(stall_fn *stall, struct truth *truths, unsigned count, unsigned seed, bool go)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), beat = start_heartbeat();
	uint64_t last = clock_ns(CLOCK_MONOTONIC), next = go ? last + 2 * CALM_NS : UINT64_MAX;
	struct epoll_event event;
	unsigned done = 0;
	bool tail = false;

	watch(epoll, beat);
	if (!go)
		watch(epoll, STDIN_FILENO);
	printf("READY %d %d\n", (int)getpid(), (int)gettid());
	fflush(stdout);

	for (;;) {
		uint64_t now, beats;

		if (epoll_wait(epoll, &event, 1, -1) <= 0)
			continue;
		now = clock_ns(CLOCK_MONOTONIC);
		if (event.data.fd == STDIN_FILENO) {
			read_go(epoll);
			next = now + 2 * CALM_NS;
			continue;
		}
		if (read(beat, &beats, sizeof(beats)) != (ssize_t)sizeof(beats))
			err(1, "timerfd");
		note_gap(last, now);
		last = now;
		if (tail)
			truths[done - 1].tail_runqueue_ns =
				runqueue_ns() - truths[done - 1].end.runqueue_ns;
		tail = false;
		if (now < next)
			continue;
		if (done == count)
			return;

		struct truth *t = &truths[done++];

		t->planned_ns = SHORTEST_NS + (uint64_t)rand_r(&seed) % (LONGEST_NS - SHORTEST_NS);
		t->begin = mark_before();
		stall(t->planned_ns);
		t->end = mark_after();
		next = t->end.ns + CALM_NS;
		tail = true;
	}
}

int main(int argc, char **argv)
{
	unsigned count = 20, seed = 1;
	const struct kind *kind = argc < 2 ? NULL : find_kind(argv[1]);
	bool go = false;
	struct truth *truths;

	if (!kind)
		errx(2, "usage: epoll_loop sleep|cpu|poll [--stalls N] [--seed N] [--go]");
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--go") == 0)
			go = true;
		else if (strcmp(argv[i], "--stalls") == 0 && i + 1 < argc)
			count = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			errx(2, "unknown option %s", argv[i]);
	}
	schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	truths = calloc(count + 1, sizeof(*truths));
	if (!truths)
		err(1, "calloc");
	run(kind->stall, truths, count, seed, go);
	print_truth(truths, count, kind->truth);
	free(truths);
	return 0;
}
