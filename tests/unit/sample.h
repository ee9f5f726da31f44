/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample.h: a report made by hand, for the tests of the sinks.
 *
 * One gevent process, two sites: sleep in retry (shop.py), and time the
 * machine did not give. The tests change what they are about.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <string.h>
#include "report.h"
#include "bpf/hist.h"

#define SAMPLE_MS 1000000ULL
#define VEC(array, n)                                                                              \
	{                                                                                          \
		.items = (array), .count = (n), .room = (n)                                        \
	}

struct sample {
	struct report_target targets[1];
	struct report_loop loops[2];
	struct gw_frame frames[5];
	uint32_t indexes[6];
	struct report_stack stacks[2];
	struct report_site sites[2];
	uint64_t lengths[2][4];
	struct gw_stall stalls[4];
	struct gw_wait waits[1];
	struct gw_sample samples[2];
	struct gw_culprit culprits[1];
	struct report_note notes[2];
	const char *argv[3];
	struct report_judged judged;
	struct gw_report report;
};

static inline void sample_tables(struct sample *s)
{
	s->argv[0] = "python3";
	s->argv[1] = "shop.py";
	s->targets[0] = (struct report_target){ .pid = 4242,
						.parent = 1,
						.asked = true,
						.comm = "python3",
						.exe = "/usr/bin/python3.11",
						.runtime = "gevent",
						.version = "3.11.2",
						.argv = s->argv,
						.argc = 2 };
	s->frames[0] = (struct gw_frame){
		.kind = GW_FRAME_PYTHON, .app = true, .line = 17, .name = "retry", .file = "shop.py"
	};
	s->frames[1] = (struct gw_frame){ .kind = GW_FRAME_NATIVE,
					  .offset = 0x2c81f0,
					  .name = "python3.11+0x2c81f0",
					  .module = "python3.11",
					  .nameless = "no symbol table" };
	s->frames[2] = (struct gw_frame){ .kind = GW_FRAME_NATIVE,
					  .offset = 1031424,
					  .name = "clock_nanosleep",
					  .module = "libc.so.6" };
	s->frames[3] = (struct gw_frame){ .kind = GW_FRAME_PYTHON,
					  .line = 900,
					  .name = "Greenlet.run",
					  .file = "gevent/greenlet.py" };
	s->indexes[0] = 2;
	s->indexes[1] = 1;
	s->indexes[2] = 0;
	s->indexes[3] = 3;
	s->stacks[0] = (struct report_stack){ .first = 0, .depth = 4 };
	s->sites[0] = (struct report_site){ .fingerprint = "gw1-9b502de55a86d314",
					    .cause = GW_CAUSE_SYSCALL,
					    .title = "clock_nanosleep in retry (shop.py)",
					    .call = "clock_nanosleep",
					    .count = 2,
					    .total_ns = 912 * SAMPLE_MS,
					    .max_ns = 612 * SAMPLE_MS,
					    .lengths = s->lengths[0],
					    .n_lengths = 2,
					    .frame = 0,
					    .stack = 0 };
	s->lengths[0][0] = 612 * SAMPLE_MS;
	s->lengths[0][1] = 300 * SAMPLE_MS;
	s->sites[1] = (struct report_site){ .fingerprint = "gw1-acb021d6b2464ba5",
					    .cause = GW_CAUSE_RUNQUEUE,
					    .title = "ready to run, but no CPU was given",
					    .count = 1,
					    .total_ns = 187300000,
					    .max_ns = 187300000,
					    .lengths = s->lengths[1],
					    .n_lengths = 1,
					    .frame = GW_NONE,
					    .stack = GW_NONE };
	s->lengths[1][0] = 187300000;
}

static inline void sample_stalls(struct sample *s)
{
	s->waits[0] = (struct gw_wait){ .call = "clock_nanosleep",
					.class = "sleep",
					.calls = 1,
					.stack = 0,
					.total_ns = 600800000,
					.max_ns = 600800000 };
	s->samples[0] =
		(struct gw_sample){ .stack = 0, .state = GW_STATE_BLOCKED, .weight_ns = 600800000 };
	s->samples[1] =
		(struct gw_sample){ .stack = GW_NONE, .state = GW_STATE_STOPPED, .weight_ns = 1 };
	s->culprits[0] = (struct gw_culprit){
		.role = "preemptor", .comm = "hog", .pid = 123, .tid = 124, .share_ns = 151000000
	};
	s->stalls[0] = (struct gw_stall){ .pid = 4242,
					  .tid = 4242,
					  .at_ns = 1841200345,
					  .duration_ns = 612 * SAMPLE_MS,
					  .cause = GW_CAUSE_SYSCALL,
					  .site = 0,
					  .frame = 0,
					  .stack = 0,
					  .why = "600.8 of 612.0 ms in clock_nanosleep",
					  .ledger = { 11000000, 600800000, 200000, 0, 0, 0 },
					  .waits = s->waits,
					  .n_waits = 1,
					  .samples = s->samples,
					  .n_samples = 2 };
	s->stalls[1] = s->stalls[0];
	s->stalls[1].at_ns = 9 * 1000 * SAMPLE_MS;
	s->stalls[1].duration_ns = 300 * SAMPLE_MS;
	s->stalls[1].ledger = (struct gw_ledger){ .blocked_ns = 300 * SAMPLE_MS };
	s->stalls[2] = (struct gw_stall){ .pid = 4242,
					  .tid = 4242,
					  .at_ns = 17400000912,
					  .duration_ns = 187300000,
					  .cause = GW_CAUSE_RUNQUEUE,
					  .site = 1,
					  .frame = GW_NONE,
					  .stack = GW_NONE,
					  .why = "ready to run for 156.1 of 187.3 ms",
					  .ledger = { 31200000, 0, 156100000, 0, 0, 0 },
					  .culprits = s->culprits,
					  .n_culprits = 1 };
}

static inline void sample_make(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	sample_tables(s);
	sample_stalls(s);
	s->loops[0] = (struct report_loop){ .serial = 1,
					    .pid = 4242,
					    .tid = 4242,
					    .comm = "python3",
					    .runtime = "gevent",
					    .turns = 182044,
					    .idle_ns = 41220 * SAMPLE_MS,
					    .lag_max_ns = 612 * SAMPLE_MS,
					    .lag_sum_ns = 18780 * SAMPLE_MS,
					    .stalls = 3,
					    .stalled_ns = 1099300000 };
	s->loops[0].time = (struct gw_ledger){ .oncpu_ns = 13320 * SAMPLE_MS,
					       .blocked_ns = 5100 * SAMPLE_MS,
					       .runqueue_ns = 360 * SAMPLE_MS };
	s->loops[0].lag[hist_index(300000)] = 182041;
	s->loops[0].lag[hist_index(612 * SAMPLE_MS)] = 3;
	s->report = (struct gw_report){
		.tool = "0.1.0",
		.id = "t1",
		.kernel = "6.1.0",
		.arch = "x86_64",
		.host = "ci-7",
		.gate = "fentry",
		.start_ns = 918220114551003,
		.wall_ns = 1795406880120000000,
		.duration_ns = 60000 * SAMPLE_MS,
		.threshold_ns = 100 * SAMPLE_MS,
		.period_ns = 10 * SAMPLE_MS,
		.cpus = 4,
		.ended = GW_ENDED_DURATION,
		.targets = VEC(s->targets, 1),
		.loops = VEC(s->loops, 1),
		.frames = VEC(s->frames, 4),
		.stacks = VEC(s->stacks, 1),
		.indexes = VEC(s->indexes, 4),
		.sites = VEC(s->sites, 2),
		.stalls = VEC(s->stalls, 3),
		.notes = VEC(s->notes, 0),
		.lost = { { "ring_full", 0 }, { "slots_full", 0 } },
		.stalls_seen = 3,
		.frames_seen = 1000,
		.frames_nameless = 136,
		.cpu_ns = 240 * SAMPLE_MS,
		.rss_bytes = 21000192,
		.max_stalls = 10000,
		.judged = &s->judged,
	};
}

#endif
