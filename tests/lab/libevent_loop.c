/*
 * A C program on libevent for the stall laboratory.
 *
 *   libevent_loop fsync|idle [--stalls N] [--seed N] [--go]
 *
 * fsync: a callback appends to a file and syncs it again and again. idle: nothing but a timer.
 */
#define _GNU_SOURCE
#include <event2/event.h>
#include "loop.h"

static struct lab lab;

static __attribute__((noinline)) void stall_fsync(uint64_t ns)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + ns;
	char name[] = "journal.XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0)
		err(1, "mkstemp");
	unlink(name);
	while (clock_ns(CLOCK_MONOTONIC) < until)
		if (write(fd, "order paid\n", 11) != 11 || fsync(fd) != 0)
			err(1, "journal");
	close(fd);
}

static void on_beat(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	if (lab_beat(&lab))
		event_base_loopbreak(base);
}

static void on_go(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	(void)base;
	lab_go(&lab);
}

static const struct kind kinds[] = {
	{ "fsync", stall_fsync, "stall_fsync syscall call=fsync peer=file rule=GW9001" },
	{ "idle", NULL, "" },
};

int main(int argc, char **argv)
{
	struct timeval every = { .tv_usec = BEAT_NS / 1000 };
	struct event_base *base = event_base_new();
	struct event *beat = event_new(base, -1, EV_PERSIST, on_beat, base);
	struct event *go = event_new(base, STDIN_FILENO, EV_READ, on_go, base);

	if (lab_begin(&lab, kinds, sizeof(kinds) / sizeof(kinds[0]), argc, argv))
		event_add(go, NULL);
	event_add(beat, &every);
	event_base_dispatch(base);
	lab_end(&lab);
	event_free(beat);
	event_free(go);
	event_base_free(base);
	return 0;
}
