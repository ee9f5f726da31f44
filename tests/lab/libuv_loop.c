/*
 * A C program on libuv for the stall laboratory.
 *
 *   libuv_loop read|idle [--stalls N] [--seed N] [--go]
 *
 * read: a callback reads from a pipe that somebody fills when it is time; beside it libuv's thread
 * pool sleeps, which is healthy. idle: nothing but a timer.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <uv.h>
#include "loop.h"

static struct lab lab;
static uv_timer_t beat;
static uv_poll_t go;

static void *fill_later(void *arg)
{
	const uint64_t *asked = arg;

	usleep((useconds_t)(asked[0] / 1000));
	if (write((int)asked[1], "x", 1) != 1)
		err(1, "write");
	return NULL;
}

static __attribute__((noinline)) void stall_read(uint64_t ns)
{
	uint64_t asked[2] = { ns };
	pthread_t thread;
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		err(1, "pipe2");
	asked[1] = (uint64_t)ends[1];
	if (pthread_create(&thread, NULL, fill_later, asked) != 0)
		errx(1, "pthread_create");
	if (read(ends[0], &byte, 1) != 1)
		err(1, "read");
	pthread_join(thread, NULL);
	close(ends[0]);
	close(ends[1]);
}

static void sleep_in_pool(uv_work_t *work)
{
	(void)work;
	usleep(120000);
}

static void again(uv_work_t *work, int status)
{
	if (!status)
		uv_queue_work(work->loop, work, sleep_in_pool, again);
}

static void on_beat(uv_timer_t *timer)
{
	if (lab_beat(&lab))
		uv_stop(timer->loop);
}

static void on_go(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	lab_go(&lab);
	uv_poll_stop(poll);
}

static const struct kind kinds[] = {
	{ "read", stall_read, "stall_read syscall call=read peer=pipe" },
	{ "idle", NULL, "" },
};

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	static uv_work_t work;

	if (lab_begin(&lab, kinds, sizeof(kinds) / sizeof(kinds[0]), argc, argv)) {
		uv_poll_init(loop, &go, STDIN_FILENO);
		uv_poll_start(&go, UV_READABLE, on_go);
	}
	uv_timer_init(loop, &beat);
	uv_timer_start(&beat, on_beat, BEAT_NS / MS, BEAT_NS / MS);
	if (lab.kind->stall)
		uv_queue_work(loop, &work, sleep_in_pool, again);
	uv_run(loop, UV_RUN_DEFAULT);
	lab_end(&lab);
	return 0;
}
