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
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probes.skel.h"
#include "source/gate.h"
#include "source/refuse.h"
#include "source/tracefs.h"

#define LOG_SIZE (1 << 20)

struct live {
	struct probes *skel;
	struct ring_buffer *ring;
	enum gate gate;
	bool ticks; /* the tick gives the samples */
	struct bpf_link *gate_links[GATE_LINKS];
	struct bpf_link **samples; /* one per slot */
	struct slots slots;
	uint32_t n_slots, n_layouts;
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
};

static const struct choice choices[] = {
	{ .prefix = "turn_f_", .gated = true, .gate = GATE_FENTRY },
	{ .prefix = "turn_enter", .gated = true, .gate = GATE_TRACEPOINT },
	{ .prefix = "turn_ring", .gated = true, .gate = GATE_TRACEPOINT },
	{ .prefix = "turn_raw", .gated = true, .gate = GATE_RAW },
	{ .prefix = "sched_switch_old", .by_age = true, .recent = false },
	{ .prefix = "sched_switch", .by_age = true, .recent = true },
	{ .prefix = "sample_tick", .by_tick = true, .ticks = true },
	{ .prefix = "sample_clock", .by_tick = true, .ticks = false },
};

static bool wanted_program(const char *name, const struct live *live, bool recent)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct choice *c = &choices[i];

		if (strncmp(name, c->prefix, strlen(c->prefix)))
			continue;
		if (c->by_tick)
			return c->ticks == live->ticks;
		return c->gated ? c->gate == live->gate : c->recent == recent;
	}
	return true;
}

static int set_sizes(struct live *live)
{
	struct bpf_map *sized[] = { live->skel->maps.loops, live->skel->maps.scratches,
				    live->skel->maps.aims, live->skel->maps.free_slots };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(sized) / sizeof(sized[0]); i++)
		err = bpf_map__set_max_entries(sized[i], live->n_slots);
	return err;
}

/* log: where the verifier's words go; NULL: nowhere. */
static int load(struct live *live, const struct live_opts *opts, bool recent, char *log)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .kernel_log_buf = log,
		    .kernel_log_size = log ? LOG_SIZE : 0, .kernel_log_level = log ? 1 : 0);
	struct bpf_program *prog;
	struct wire_config config = { .late_ns = opts->late_ns,
				      .period_ns = opts->period_ns,
				      .follow = opts->follow };
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
	int err = gate_attach(live->gate, live->skel->progs.turn_enter, live->skel->progs.turn_ring,
			      live->gate_links);

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

static int map_slots(struct live *live)
{
	int free_slots = bpf_map__fd(live->skel->maps.free_slots);
	int err = slots_open(&live->slots, bpf_map__fd(live->skel->maps.loops),
			     bpf_map__fd(live->skel->maps.aims), live->n_slots);

	for (uint32_t i = 0; !err && i < live->n_slots; i++)
		err = bpf_map_update_elem(free_slots, NULL, &i, 0);
	return err;
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

static int open_parts(struct live *live, const struct live_opts *opts, const char **step)
{
	int err;

	*step = "load";
	live->samples = calloc(live->n_slots, sizeof(*live->samples));
	if (!live->samples)
		return -ENOMEM;
	live->gate = gate_choose();
	live->ticks = gate_tick_comes();
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
	live->period_ns = opts->period_ns;
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

static int attach_as(struct live *live, uint32_t pid, uint32_t how)
{
	int map = bpf_map__fd(live->skel->maps.wanted), err;

	if (bpf_map_update_elem(map, &pid, &how, BPF_ANY))
		return -errno;
	err = iterate(live);
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
	int map = bpf_map__fd(live->skel->maps.scratches);

	for (int tries = 0; tries < 100; tries++) {
		uint32_t seq = slots_seq(&live->slots, slot);

		memcpy(turn, &loop->turn, sizeof(*turn));
		if (bpf_map_lookup_elem(map, &slot, scratch))
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
