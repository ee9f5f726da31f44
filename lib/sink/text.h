/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h: what the two halves of the text sink share.
 */
#ifndef TEXT_H
#define TEXT_H

#include "base/escape.h"
#include "sink/format.h"
#include "sink/sink.h"

#define TEXT_NAME  ESCAPE_SIZE(ESCAPE_NAME)
#define TEXT_PLACE (TEXT_NAME + 16) /* file:line */

enum text_paint {
	TEXT_PLAIN,
	TEXT_BOLD,
	TEXT_DIM,
	TEXT_ALARM,
};

/* Escape sequence, or "" without colour. */
const char *text_paint(const struct gw_sink *sink, enum text_paint paint);
/* The first where UTF-8 is understood, else the second. */
const char *text_sign(const struct gw_sink *sink, const char *utf8, const char *ascii);
size_t text_columns(const char *text); /* characters, taken as one column each */

/* "app/db.py:88", "libpq.so.5", or "". Returns out. */
const char *text_place(char out[TEXT_PLACE], const struct gw_frame *frame);
/* "PID", or "PID/TID" where the process has other loops as well. Returns out. */
const char *text_loop(char out[32], const struct gw_report *report, uint32_t pid, uint32_t tid);

/* The block of one stall below its headline, and the headline's right part. text.c uses them. */
void text_cause(const struct gw_sink *sink, const struct gw_report *report,
		const struct gw_stall *stall);
void text_block(const struct gw_sink *sink, const struct gw_report *report,
		const struct gw_stall *stall);

/* Lines below the frames (story.c); none where nothing is known. */
void text_culprits(const struct gw_sink *sink, const struct gw_report *report,
		   const struct gw_stall *stall);
void text_tasks(const struct gw_sink *sink, const struct gw_report *report,
		const struct gw_stall *stall);
void text_delayed(const struct gw_sink *sink, const struct gw_stall *stall);
void text_advice(const struct gw_sink *sink, const struct gw_advice *advice);

/* Tables of the summary (lists.c); 0 or -ENOMEM. */
int text_users(const struct gw_sink *sink, const struct gw_report *report);
int text_calls(const struct gw_sink *sink, const struct gw_report *report);
/* The same of several loops as one, the most time first: free() it. NULL: no memory. */
struct report_call *text_merged_calls(const struct gw_report *report, uint32_t *n);
struct report_task *text_merged_tasks(const struct gw_report *report, uint32_t *n);
void text_patches(const struct gw_sink *sink, const struct gw_report *report); /* audit.c */

void text_verdict(const struct gw_sink *sink, const struct gw_report *report); /* verdict.c */
void text_pools(const struct gw_sink *sink, const struct gw_report *report);   /* pools.c */

int text_summary(const struct gw_sink *sink, const struct gw_report *report);

#endif
