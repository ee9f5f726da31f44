// SPDX-License-Identifier: BSD-2-Clause
/*
 * format.c: numbers and words as people read them.
 *
 * Three significant digits are enough for a reader; machines take the JSON.
 * Nothing here depends on the locale: digits are put together from integers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/format.h"

#define MS 1000000ULL
#define S  1000000000ULL

static const char *const causes[] = {
	[GW_CAUSE_UNKNOWN] = "unknown",
	[GW_CAUSE_CPU] = "cpu",
	[GW_CAUSE_GC] = "gc",
	[GW_CAUSE_SYSCALL] = "syscall",
	[GW_CAUSE_LOCK] = "lock",
	[GW_CAUSE_GIL] = "gil",
	[GW_CAUSE_PAGEFAULT] = "pagefault",
	[GW_CAUSE_CROWD] = "crowd",
	[GW_CAUSE_RUNQUEUE] = "runqueue",
	[GW_CAUSE_THROTTLED] = "throttled",
	[GW_CAUSE_STOPPED] = "stopped",
};

static const char *const kinds[] = {
	[GW_FRAME_PYTHON] = "python", [GW_FRAME_NATIVE] = "native",
	[GW_FRAME_KERNEL] = "kernel", [GW_FRAME_JAVASCRIPT] = "javascript",
	[GW_FRAME_RUST] = "rust",     [GW_FRAME_MARKER] = "marker",
};

const char *gw_cause_name(enum gw_cause cause)
{
	if ((size_t)cause >= sizeof(causes) / sizeof(causes[0]))
		cause = GW_CAUSE_UNKNOWN;
	return causes[cause];
}

const char *format_frame_kind(enum gw_frame_kind kind)
{
	if ((size_t)kind >= sizeof(kinds) / sizeof(kinds[0]))
		kind = GW_FRAME_MARKER;
	return kinds[kind];
}

const char *format_task_kind(enum gw_task_kind kind)
{
	switch (kind) {
	case GW_TASK_HUB:
		return "hub";
	case GW_TASK_TASK:
		return "task";
	case GW_TASK_CALLBACK:
		return "callback";
	case GW_TASK_NONE:
	case GW_TASK_GREENLET:
	case GW_TASK_MAIN: /* schema 1.0 has no word of its own for it here */
		break;
	}
	return "greenlet";
}

/* ns in units of 1/scale of unit_ns, rounded. */
static uint64_t units(uint64_t ns, uint64_t unit_ns)
{
	return ns / unit_ns + (ns % unit_ns >= unit_ns / 2 ? 1 : 0);
}

const char *format_time(char out[FORMAT_TIME], uint64_t ns)
{
	uint64_t n;

	if (!ns) {
		strcpy(out, "0 ms");
	} else if (ns < 50000) {
		strcpy(out, "<0.1 ms");
	} else if (ns < 9950000) {
		n = units(ns, MS / 10);
		snprintf(out, FORMAT_TIME, "%" PRIu64 ".%u ms", n / 10, (unsigned)(n % 10));
	} else if (ns < 999500000) {
		snprintf(out, FORMAT_TIME, "%" PRIu64 " ms", units(ns, MS));
	} else if (ns < 9995000000) {
		n = units(ns, S / 100);
		snprintf(out, FORMAT_TIME, "%" PRIu64 ".%02u s", n / 100, (unsigned)(n % 100));
	} else {
		n = units(ns, S / 10);
		snprintf(out, FORMAT_TIME, "%" PRIu64 ".%u s", n / 10, (unsigned)(n % 10));
	}
	return out;
}

const char *format_span(char out[FORMAT_TIME], uint64_t ns)
{
	char *unit, *p;

	format_time(out, ns);
	unit = strchr(out, ' ');
	if (!unit || !memchr(out, '.', (size_t)(unit - out)))
		return out;
	for (p = unit; p[-1] == '0'; p--)
		;
	if (p[-1] == '.')
		p--;
	memmove(p, unit, strlen(unit) + 1);
	return out;
}

const char *format_count(char out[FORMAT_TIME], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), used = 0;

	if (len + (len - 1) / 3 >= FORMAT_TIME) { /* 18 digits and more: no room to group */
		snprintf(out, FORMAT_TIME, "%s", digits);
		return out;
	}
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[used++] = ' ';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	return out;
}

const char *format_share(char out[FORMAT_TIME], uint64_t part, uint64_t whole)
{
	uint64_t n = whole ? (uint64_t)((double)part * 1000 / (double)whole + 0.5) : 0;

	if (part && !n)
		strcpy(out, "<0.1 %");
	else
		snprintf(out, FORMAT_TIME, "%" PRIu64 ".%u %%", n / 10, (unsigned)(n % 10));
	return out;
}

const char *format_runtime(const struct gw_report *report)
{
	const char *same = NULL;

	report_each (report, loops, struct report_loop, loop) {
		if (same && strcmp(same, loop->runtime))
			return "event";
		same = loop->runtime;
	}
	return same && strcmp(same, "native") ? same : "event";
}

bool format_charged(enum gw_cause cause)
{
	return cause != GW_CAUSE_RUNQUEUE && cause != GW_CAUSE_THROTTLED &&
	       cause != GW_CAUSE_STOPPED;
}
