// SPDX-License-Identifier: BSD-2-Clause
/*
 * weigh.c: stacks with weights. See weigh.h.
 */
#include <string.h>

#include "sink/weigh.h"

/* The parts of the ledger of which no stack can be seen. */
static int rest(const struct gw_stall *stall, uint64_t left,
		int (*row)(void *ctx, const struct weight *weight), void *ctx)
{
	const struct {
		uint64_t ns;
		const char *why;
	} parts[] = {
		{ stall->ledger.runqueue_ns, "waiting for a CPU" },
		{ stall->ledger.throttled_ns, "CPU quota used up" },
		{ stall->ledger.stopped_ns, "stopped" },
		{ UINT64_MAX, "no stack was seen" },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && left && !err; i++) {
		struct weight weight = { .stack = GW_NONE,
					 .why = parts[i].why,
					 .ns = parts[i].ns < left ? parts[i].ns : left };

		left -= weight.ns;
		if (weight.ns)
			err = row(ctx, &weight);
	}
	return err;
}

int weigh(const struct gw_stall *stall, int (*row)(void *ctx, const struct weight *weight),
	  void *ctx)
{
	uint64_t left = stall->duration_ns;
	int err = 0;

	for (uint32_t i = 0; i < stall->n_samples && left && !err; i++) {
		const struct gw_sample *sample = &stall->samples[i];
		struct weight weight = { .stack = sample->stack,
					 .state = sample->state,
					 .task = sample->task,
					 .ns = sample->weight_ns };

		if (sample->stack == GW_NONE)
			continue;
		if (weight.ns > left)
			weight.ns = left;
		left -= weight.ns;
		if (weight.ns)
			err = row(ctx, &weight);
	}
	if (left == stall->duration_ns && stall->stack != GW_NONE && left && !err) {
		struct weight weight = { .stack = stall->stack,
					 .state = stall->cause == GW_CAUSE_CPU ? GW_STATE_ONCPU
									       : GW_STATE_BLOCKED,
					 .ns = left };

		return row(ctx, &weight);
	}
	return err ? err : rest(stall, left, row, ctx);
}

const char *weigh_name(char out[WEIGH_NAME], const struct gw_frame *frame)
{
	char name[ESCAPE_SIZE(ESCAPE_NAME)], place[ESCAPE_SIZE(ESCAPE_NAME)];
	const char *where = frame->kind == GW_FRAME_KERNEL ? NULL
			    : frame->file                  ? frame->file
							   : frame->module;

	gw_escape(name, sizeof(name), frame->name);
	gw_escape(place, sizeof(place), where ? where : "");
	if (frame->kind == GW_FRAME_KERNEL)
		snprintf(out, WEIGH_NAME, "%s [kernel]", name);
	else if (place[0] && !frame->nameless)
		snprintf(out, WEIGH_NAME, "%s (%s)", name, place);
	else
		snprintf(out, WEIGH_NAME, "%s", name);
	return out;
}

void weigh_quote(FILE *to, const char *text)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	escape(safe, sizeof(safe), text ? text : "", ESCAPE_SENTENCE);
	fputc('"', to);
	for (const char *p = safe; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', to);
		fputc(*p, to);
	}
	fputc('"', to);
}
