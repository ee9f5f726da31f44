/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * placed.h: a report with one loop and stacks of one function each, for the tests of what gathers
 * calls and tasks.
 */
#ifndef PLACED_H
#define PLACED_H

#include <criterion/criterion.h>
#include "collect.h"
#include "tables.h"

#define MS 1000000ULL

/* Serial 7, process 4242, 10 ms between samples. */
static inline struct gw_report *place_report(void)
{
	struct wire_found found = { .head.now_ns = 1, .serial = 7, .pid = 4242, .tid = 4242 };
	struct gw_report *report;

	cr_assert_eq(collect_new(&report, 0), 0);
	report->period_ns = 10 * MS;
	cr_assert_eq(collect_loop(report, &found), 0);
	return report;
}

/* A stack of one frame of the application: index of the stack. */
static inline uint32_t place_stack(struct gw_report *report, const char *function, uint32_t line)
{
	struct event_frame frame = { .kind = GW_FRAME_PYTHON,
				     .app = 1,
				     .line = line,
				     .name = function,
				     .file = "shop.py",
				     .module = "",
				     .nameless = "" };
	uint32_t index = tables_frame(report, &frame);

	return tables_stack(report, &index, 1);
}

#endif
