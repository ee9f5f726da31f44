/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.h: numbers and words as people read them; used by every text sink.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdint.h>
#include "report.h"

#define FORMAT_TIME 24 /* bytes that always suffice */

/* "0.3 ms", "612 ms", "1.84 s", "60.0 s". Returns out. */
const char *format_time(char out[FORMAT_TIME], uint64_t ns);
/* As said in a sentence: "60 s", "100 ms", "1.5 s". Returns out. */
const char *format_span(char out[FORMAT_TIME], uint64_t ns);
const char *format_count(char out[FORMAT_TIME], uint64_t n);                    /* "182 044" */
const char *format_share(char out[FORMAT_TIME], uint64_t part, uint64_t whole); /* "8.5 %" */

const char *format_frame_kind(enum gw_frame_kind kind);
const char *format_task_kind(enum gw_task_kind kind);
/* What the loops run if all run the same, else "event". */
const char *format_runtime(const struct gw_report *report);
/* Whether budgets charge it to the program, as opposed to the machine. */
bool format_charged(enum gw_cause cause);

#endif
