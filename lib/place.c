// SPDX-License-Identifier: BSD-2-Clause
/*
 * place.c: where in the application a stall happened: the function with the
 * most evidence, and the stack that shows it best.
 */
#include "place.h"

#include <string.h>

static bool is_made_up(const char *file)
{
	return file && file[0] == '<';
}

uint32_t place_app_frame(const struct gw_report *report, uint32_t stack, uint32_t *at)
{
	const uint32_t *frames;
	uint32_t n, fallback = GW_NONE;

	if (stack == GW_NONE)
		return GW_NONE;
	n = report_stack(report, stack, &frames);
	for (uint32_t i = 0; i < n; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);

		if (frame->app) {
			*at = i;
			return frames[i];
		}
		/* python -c, exec: better than nothing */
		if (fallback == GW_NONE && frame->kind == GW_FRAME_PYTHON &&
		    is_made_up(frame->file) && strncmp(frame->file, "<frozen", 7)) {
			*at = i;
			fallback = frames[i];
		}
	}
	return fallback;
}

static bool counts(const struct evidence *e, const struct looked_for *want)
{
	if (e->state != want->state)
		return false;
	return e->state != GW_STATE_BLOCKED || !want->wait || e->call == want->wait->call ||
	       want->wait->call == WIRE_CALL_OTHERS;
}

static bool same_function(const struct gw_report *report, uint32_t a, uint32_t b)
{
	const struct gw_frame *x, *y;

	if (a == GW_NONE || b == GW_NONE)
		return a == b;
	x = report_frame(report, a);
	y = report_frame(report, b);
	return x->name == y->name && x->file == y->file && x->module == y->module;
}

/* The function of Python, or of C by its caller's bytecode, that the application's frame had
 * called; GW_NONE: it is the leaf itself. */
uint32_t place_callee(const struct gw_report *report, uint32_t stack, uint32_t at)
{
	const struct gw_frame *callee;
	const uint32_t *frames;

	if (at == 0 || stack == GW_NONE)
		return GW_NONE;
	report_stack(report, stack, &frames);
	callee = report_frame(report, frames[at - 1]);
	return report_is_script(callee) || report_is_called(callee) ? frames[at - 1] : GW_NONE;
}

/* Weight of the evidence in the same function as like; with callee, that called the same one. */
static uint64_t weight_like(const struct gw_report *report, const struct stall *stall,
			    const struct looked_for *want, const struct evidence *like, bool callee)
{
	uint32_t at = 0, like_at = 0;
	uint32_t frame = place_app_frame(report, like->named.stack, &like_at);
	uint32_t called = place_callee(report, like->named.stack, like_at);
	uint64_t weight = 0;

	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		const struct evidence *e = &stall->evidence[i];

		at = 0;
		if (!counts(e, want) ||
		    !same_function(report, place_app_frame(report, e->named.stack, &at), frame))
			continue;
		if (!callee ||
		    same_function(report, place_callee(report, e->named.stack, at), called))
			weight += e->weight_ns;
	}
	return weight;
}

/* The place: the application's function with the most weight, in it what it called most, and of
 * that the heaviest stack. */
uint32_t place_heaviest(const struct gw_report *report, const struct stall *stall,
			const struct looked_for *want)
{
	uint64_t best[3] = { 0, 0, 0 };
	uint32_t stack = GW_NONE;

	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		const struct evidence *e = &stall->evidence[i];
		uint64_t weight[3];

		if (!counts(e, want))
			continue;
		weight[0] = weight_like(report, stall, want, e, false);
		weight[1] = weight_like(report, stall, want, e, true);
		weight[2] = e->weight_ns;
		if (stack != GW_NONE && (weight[0] != best[0]   ? weight[0] < best[0]
					 : weight[1] != best[1] ? weight[1] < best[1]
								: weight[2] <= best[2]))
			continue;
		stack = e->named.stack;
		memcpy(best, weight, sizeof(best));
	}
	return stack;
}
