// SPDX-License-Identifier: BSD-2-Clause
/*
 * live.c: loads the probes, maps the slots, drains the ring.
 *
 * With gate.c the one door to libbpf. Features are found by trying, never by version.
 */
#include "source/live.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probes.skel.h"
#include "source/gate.h"
#include "source/refuse.h"
#include "source/tracefs.h"

#define LOG_SIZE   (1 << 20)
#define LIVE_BATCH 512

struct live {
	struct probes *skel;
	struct ring_buffer *ring;
	enum gate gate;
	bool ticks; /* the tick gives the samples */
	bool calls_all;
	struct bpf_link *gate_links[GATE_LINKS];
	struct bpf_link **samples; /* one per slot */
	struct slots slots;
	int *chunks; /* maps with the scratches of so many slots each */
	uint32_t n_slots, n_chunks, n_layouts;
	uint64_t period_ns;
	struct wire_python layouts[WIRE_LAYOUTS];
	live_take take; /* while consuming */
	void *ctx;
	uint32_t budget;
};

/* A program's name begins with its probe; what is optional is chosen here. */
struct choice {
	const char *prefix;
	enum gate gate; /* wanted with this gate only */
	bool gated;
	bool by_age;
	bool recent; /* wanted where sched_switch hands over the state, or not there */
	bool by_tick;
	bool ticks; /* wanted where the tick gives the samples, or not there */
	bool asked; /* wanted with --calls=all only */
};

static const struct choice choices[] = {
	{ .prefix = "turn_f_", .gated = true, .gate = GATE_FENTRY },
	{ .prefix = "turn_enter", .gated = true, .gate = GATE_TRACEPOINT },
	{ .prefix = "turn_raw", .gated = true, .gate = GATE_RAW },
	{ .prefix = "sched_switch_old", .by_age = true, .recent = false },
	{ .prefix = "sched_switch", .by_age = true, .recent = true },
	{ .prefix = "sample_tick", .by_tick = true, .ticks = true },
	{ .prefix = "sample_clock", .by_tick = true, .ticks = false },
	{ .prefix = "calls_", .asked = true },
};

static bool wanted_program(const char *name, const struct live *live, bool recent)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct choice *c = &choices[i];

		if (strncmp(name, c->prefix, strlen(c->prefix)))
			continue;
		if (c->asked)
			return live->calls_all;
		if (c->by_tick)
			return c->ticks == live->ticks;
		return c->gated ? c->gate == live->gate : c->recent == recent;
	}
	return true;
}

static int set_sizes(struct live *live)
{
	struct bpf_map *sized[] = { live->skel->maps.loops, live->skel->maps.aims,
				    live->skel->maps.free_slots };
	int cpus = libbpf_num_possible_cpus();
	int err = bpf_map__set_max_entries(live->skel->maps.scratches, live->n_slots / WIRE_CHUNK);

	for (size_t i = 0; !err && i < sizeof(sized) / sizeof(sized[0]); i++)
		err = bpf_map__set_max_entries(sized[i], live->n_slots);
	return err ? err : bpf_map__set_max_entries(live->skel->maps.rivals, cpus);
}

/* log: where the verifier's words go; NULL: nowhere. */
static int load(struct live *live, const struct live_opts *opts, bool recent, char *log)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .kernel_log_buf = log,
		    .kernel_log_size = log ? LOG_SIZE : 0, .kernel_log_level = log ? 1 : 0);
	struct bpf_program *prog;
	struct wire_config config = { .late_ns = opts->late_ns,
				      .period_ns = opts->period_ns,
				      .light_ns = opts->light_ns,
				      .follow = opts->follow,
				      .calls_all = opts->calls_all };
	int err;

	live->skel = probes__open_opts(&open);
	if (!live->skel)
		return -errno;
	memcpy((void *)&live->skel->rodata->config, &config, sizeof(config));
	bpf_object__for_each_program(prog, live->skel->obj) bpf_program__set_autoload(
		prog, wanted_program(bpf_program__name(prog), live, recent));
	err = set_sizes(live);
	if (!err)
		err = probes__load(live->skel);
	if (err) {
		probes__destroy(live->skel);
		live->skel = NULL;
	}
	return err;
}

static int attach(struct live *live)
{
	struct bpf_program *prog;
	int err = gate_attach(live->gate, live->skel->progs.turn_enter, live->gate_links);

	if (err)
		return err;
	bpf_object__for_each_program(prog, live->skel->obj)
	{
		enum bpf_prog_type type = bpf_program__type(prog);

		/* by hand: perf events and tracepoints, and the iterator that runs once */
		if (type == BPF_PROG_TYPE_PERF_EVENT || type == BPF_PROG_TYPE_TRACEPOINT ||
		    bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER)
			bpf_program__set_autoattach(prog, false);
	}
	return probes__attach(live->skel);
}

/* Makes the scratches of one more chunk of slots, then lends these out. 0 or -errno. */
static int add_chunk(struct live *live)
{
	int free_slots = bpf_map__fd(live->skel->maps.free_slots), fd, err = 0;
	uint32_t chunk = live->n_chunks, first = chunk * WIRE_CHUNK;

	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "scratch", sizeof(uint32_t),
			    sizeof(struct wire_scratch), WIRE_CHUNK, NULL);
	if (fd < 0)
		return -errno;
	live->chunks[live->n_chunks++] = fd;
	if (bpf_map_update_elem(bpf_map__fd(live->skel->maps.scratches), &chunk, &fd, BPF_ANY))
		return -errno;
	for (uint32_t i = first; !err && i < first + WIRE_CHUNK; i++)
		err = bpf_map_update_elem(free_slots, NULL, &i, 0);
	return err;
}

static bool has_all(const struct live *live)
{
	return (live->n_chunks + 1) * WIRE_CHUNK > live->n_slots;
}

/* As many slots again. Loops that found none try again at their next wait. */
static void grow(struct live *live)
{
	uint32_t n = live->n_chunks;
	int err = 0;

	for (uint32_t i = 0; !err && i < n && !has_all(live); i++)
		err = add_chunk(live);
	if (err || has_all(live))
		live->skel->bss->slots_all = 1;
	live->skel->bss->slots_wanted = 0;
}

void live_room(struct live *live, uint32_t used)
{
	bool wanted = live->skel->bss->slots_wanted || used * 4 > live->n_chunks * WIRE_CHUNK * 3;

	if (wanted && !live->skel->bss->slots_all)
		grow(live);
}

static int map_slots(struct live *live)
{
	int err = slots_open(&live->slots, bpf_map__fd(live->skel->maps.loops),
			     bpf_map__fd(live->skel->maps.aims), live->n_slots);

	return err ? err : add_chunk(live);
}

static int ring_take(void *ctx, void *data, size_t size)
{
	struct live *live = ctx;
	int err;

	err = live->take(live->ctx, data, size);
	if (err < 0)
		return err;
	return --live->budget ? 0 : -EAGAIN;
}

/* A program the verifier does not take is a bug of ours: its words help whoever mends it. */
static int refused_by_verifier(struct live *live, const struct live_opts *opts, char *why,
			       size_t size)
{
	char *log = calloc(1, LOG_SIZE);
	int err;

	if (!log)
		return -ENOMEM;
	err = load(live, opts, true, log);
	snprintf(why, size, "the kernel's verifier refuses a program (%.180s); please report this",
		 refuse_last_line(log));
	free(log);
	return err ? err : -EACCES;
}

/* The coarse clocks advance at each tick. */
static uint64_t tick_ns(void)
{
	struct timespec tick = { .tv_nsec = 0 };

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return tick.tv_nsec;
}

static int open_parts(struct live *live, const struct live_opts *opts, const char **step)
{
	int err;

	*step = "load";
	live->samples = calloc(live->n_slots, sizeof(*live->samples));
	live->chunks = calloc(live->n_slots / WIRE_CHUNK, sizeof(*live->chunks));
	if (!live->samples || !live->chunks)
		return -ENOMEM;
	live->gate = gate_choose();
	live->ticks = gate_tick_comes() && live->period_ns >= tick_ns();
	err = load(live, opts, true, NULL);
	if (err == -EINVAL || err == -EACCES)
		err = load(live, opts, false, NULL);
	if (!err)
		err = map_slots(live);
	if (err)
		return err;
	*step = "attach";
	err = attach(live);
	if (err)
		return err;
	live->ring = ring_buffer__new(bpf_map__fd(live->skel->maps.ring), ring_take, live, NULL);
	return live->ring ? slots_keep_from_children() : -errno;
}

int live_open(struct live **out, const struct live_opts *opts, char *why, size_t size)
{
	struct live *live = calloc(1, sizeof(*live));
	const char *step = "load";
	int err;

	if (!live)
		return -ENOMEM;
	libbpf_set_print(NULL);
	live->n_slots = opts->loops;
	live->period_ns = opts->period_ns < opts->light_ns ? opts->period_ns : opts->light_ns;
	live->calls_all = opts->calls_all;
	err = open_parts(live, opts, &step);
	if (err) {
		err = refuse(err, step, why, size);
		if ((err == -EACCES || err == -EINVAL) && !strcmp(step, "load"))
			err = refused_by_verifier(live, opts, why, size);
		live_close(live);
		return err;
	}
	*out = live;
	return 0;
}

void live_close(struct live *live)
{
	if (!live)
		return;
	ring_buffer__free(live->ring);
	for (uint32_t i = 0; live->samples && i < live->n_slots; i++)
		bpf_link__destroy(live->samples[i]);
	for (uint32_t i = 0; i < GATE_LINKS; i++)
		bpf_link__destroy(live->gate_links[i]);
	slots_close(&live->slots);
	probes__destroy(live->skel);
	for (uint32_t i = 0; i < live->n_chunks; i++)
		close(live->chunks[i]);
	free(live->chunks);
	free(live->samples);
	free(live);
}

/* Runs the iterator over all threads once; reading it to its end is what runs it. */
static int iterate(struct live *live)
{
	struct bpf_link *link = bpf_program__attach_iter(live->skel->progs.life_iter, NULL);
	char nothing[64];
	int fd, err = 0;
	ssize_t n;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		err = -errno;
	while (!err && (n = read(fd, nothing, sizeof(nothing))) != 0)
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			err = -errno;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return err;
}

/* Again with more slots, as long as some loop found none. hung: as hung.bpf.h does, which compares
 * times with that at which this thread got on the CPU: so it gets on now. */
static int look(struct live *live, bool hung)
{
	const struct timespec least = { .tv_nsec = 1 };
	int err;

	live->skel->bss->look_hung = hung;
	do {
		live_room(live, 0);
		nanosleep(&least, NULL);
		err = iterate(live);
	} while (!err && live->skel->bss->slots_wanted && !live->skel->bss->slots_all);
	return err;
}

static int attach_as(struct live *live, uint32_t pid, uint32_t how)
{
	int map = bpf_map__fd(live->skel->maps.wanted), err;

	if (bpf_map_update_elem(map, &pid, &how, BPF_ANY))
		return -errno;
	err = look(live, false);
	if (!err)
		err = look(live, true);
	bpf_map_delete_elem(map, &pid);
	return err;
}

int live_attach(struct live *live, uint32_t pid)
{
	return attach_as(live, pid, 1);
}

int live_attach_asleep(struct live *live, uint32_t pid)
{
	return attach_as(live, pid, 2);
}

int live_parks(struct live *live, uint32_t pid, const struct wire_parks *parks)
{
	int map = bpf_map__fd(live->skel->maps.parks);

	if (parks ? bpf_map_update_elem(map, &pid, parks, BPF_ANY) : bpf_map_delete_elem(map, &pid))
		return -errno;
	live->skel->bss->parking = 1;
	return 0;
}

int live_worker(struct live *live, uint32_t tid, bool is)
{
	int map = bpf_map__fd(live->skel->maps.workers);
	uint32_t one = 1;
	int err =
		is ? bpf_map_update_elem(map, &tid, &one, BPF_ANY) : bpf_map_delete_elem(map, &tid);

	return err ? -errno : 0;
}

void live_away(struct live *live, uint32_t slot, uint32_t serial, uint64_t turn_ns)
{
	if (slots_peek(&live->slots, slot)->serial == serial)
		__atomic_store_n(&slots_aim(&live->slots, slot)->away_ns, turn_ns,
				 __ATOMIC_RELEASE);
}

const char *live_gate(const struct live *live)
{
	return gate_name(live->gate);
}

int live_fd(const struct live *live)
{
	return ring_buffer__epoll_fd(live->ring);
}

void live_stop(struct live *live)
{
	live->skel->bss->stopped = 1;
}

int live_consume(struct live *live, uint32_t budget, live_take take, void *ctx)
{
	int err;

	live->take = take;
	live->ctx = ctx;
	live->budget = budget;
	err = ring_buffer__consume(live->ring);
	return err < 0 && err != -EAGAIN ? err : (int)(budget - live->budget);
}

const struct slots *live_slots(const struct live *live)
{
	return &live->slots;
}

bool live_turn(const struct live *live, uint32_t slot, struct wire_turn *turn,
	       struct wire_scratch *scratch)
{
	const struct wire_loop *loop = slots_peek(&live->slots, slot);
	uint32_t i = slot % WIRE_CHUNK;

	for (int tries = 0; tries < 100; tries++) {
		uint32_t seq = slots_seq(&live->slots, slot);

		memcpy(turn, &loop->turn, sizeof(*turn));
		if (bpf_map_lookup_elem(live->chunks[slot / WIRE_CHUNK], &i, scratch))
			return false;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && slots_seq(&live->slots, slot) == seq)
			return true;
	}
	return false;
}

void live_recycle(struct live *live, uint32_t slot)
{
	bpf_link__destroy(live->samples[slot]);
	live->samples[slot] = NULL;
	slots_clear(&live->slots, slot);
	bpf_map_update_elem(bpf_map__fd(live->skel->maps.free_slots), NULL, &slot, 0);
}

static int layout_number(struct live *live, const struct wire_python *layout, uint32_t *number)
{
	uint32_t i;

	for (i = 0; i < live->n_layouts; i++) {
		if (!memcmp(&live->layouts[i], layout, sizeof(*layout))) {
			*number = i;
			return 0;
		}
	}
	if (i == WIRE_LAYOUTS)
		return -ENOSPC;
	if (bpf_map_update_elem(bpf_map__fd(live->skel->maps.layouts), &i, layout, BPF_ANY))
		return -errno;
	live->layouts[i] = *layout;
	live->n_layouts++;
	*number = i;
	return 0;
}

int live_aim(struct live *live, uint32_t slot, const struct wire_aim *aim,
	     const struct wire_python *layout)
{
	struct wire_aim *at = slots_aim(&live->slots, slot), whole = *aim;
	int err = layout_number(live, layout, &whole.layout);

	if (err)
		return err;
	whole.tstate = 0;
	*at = whole;
	__atomic_store_n(&at->tstate, aim->tstate, __ATOMIC_RELEASE);
	return 0;
}

int live_sample(struct live *live, uint32_t slot, uint32_t tid)
{
	int fd;

	if (live->ticks)
		return 0;
	fd = perf_open(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, live->period_ns, tid, -1);
	if (fd < 0)
		return fd;
	bpf_link__destroy(live->samples[slot]);
	live->samples[slot] = bpf_program__attach_perf_event(live->skel->progs.sample_clock, fd);
	if (!live->samples[slot]) {
		close(fd);
		return -errno;
	}
	return 0;
}

/* The kernel's own cursor is a bucket number. */
int live_calls(const struct live *live, uint32_t *at, struct wire_call_row *rows, uint32_t n)
{
	struct wire_call_key keys[LIVE_BATCH];
	struct wire_call_sum sums[LIVE_BATCH];
	uint32_t count = n < LIVE_BATCH ? n : LIVE_BATCH, next = 0;
	int err;

	if (*at == UINT32_MAX)
		return 0;
	err = bpf_map_lookup_batch(bpf_map__fd(live->skel->maps.calls), *at ? at : NULL, &next,
				   keys, sums, &count, NULL);
	if (err && err != -ENOENT)
		return err;
	*at = err ? UINT32_MAX : next;
	for (uint32_t i = 0; i < count; i++)
		rows[i] = (struct wire_call_row){ .key = keys[i], .sum = sums[i] };
	return count;
}

void live_drop_call(const struct live *live, const struct wire_call_key *key)
{
	bpf_map_delete_elem(bpf_map__fd(live->skel->maps.calls), key);
}

int live_stats(const struct live *live, struct wire_stats *out)
{
	int cpus = libbpf_num_possible_cpus(), err = 0;
	struct wire_stats *each;
	uint32_t zero = 0;

	if (cpus < 0)
		return cpus;
	each = calloc(cpus, sizeof(*each));
	if (!each)
		return -ENOMEM;
	memset(out, 0, sizeof(*out));
	if (bpf_map_lookup_elem(bpf_map__fd(live->skel->maps.stats), &zero, each))
		err = -errno;
	for (int i = 0; !err && i < cpus; i++) {
		const uint64_t *from = (const uint64_t *)&each[i];

		for (size_t f = 0; f < sizeof(*out) / sizeof(uint64_t); f++)
			((uint64_t *)out)[f] += from[f];
	}
	free(each);
	return err;
}

bool live_cost(const struct live *live, uint64_t *ns, uint64_t *runs)
{
	struct bpf_program *prog;

	*ns = 0;
	*runs = 0;
	bpf_object__for_each_program(prog, live->skel->obj)
	{
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_program__fd(prog);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
			continue;
		*ns += info.run_time_ns;
		*runs += info.run_cnt;
	}
	return *runs > 0;
}
