// SPDX-License-Identifier: BSD-2-Clause
/*
 * run.c: what a report says about itself: the run, its quality, its verdict.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load/load.h"

#define AT(field) offsetof(struct gw_report, field)

/* The fraction of a second at p, in ns; *end: behind it. */
static uint64_t fraction(const char *p, const char **end)
{
	uint64_t ns = 0, unit = 100000000;

	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			ns += (uint64_t)(*p - '0') * unit;
	}
	*end = p;
	return ns;
}

/* "2026-11-23T04:08:00.120Z", or with +01:00 */
static void start(struct load *load, void *out)
{
	const char *text = text_string(&load->in), *end;
	struct tm tm = { 0 };
	int hours = 0, minutes = 0;
	uint64_t ns;
	long long seconds;
	char sign = 'Z';

	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end) {
		text_fail(&load->in, -EBADMSG, "must be a date and time as in RFC 3339");
		return;
	}
	ns = fraction(end, &end);
	sscanf(end, "%c%2d:%2d", &sign, &hours, &minutes);
	seconds = timegm(&tm);
	if (sign == '+' || sign == '-')
		seconds += (sign == '+' ? -1 : 1) * (hours * 3600LL + minutes * 60LL);
	if (seconds < 0 || seconds > 4102444800LL) /* 2100 */
		text_fail(&load->in, -EBADMSG, "is no date of this time");
	else
		*(uint64_t *)out = (uint64_t)seconds * 1000000000 + ns;
}

static void ended_by(struct load *load, void *out)
{
	static const char *const words[] = {
		[GW_ENDED_DURATION] = "duration",  [GW_ENDED_SIGNAL] = "signal",
		[GW_ENDED_TARGET] = "target-exit", [GW_ENDED_ERROR] = "error",
		[GW_ENDED_CHILD] = "child-exit",   [GW_ENDED_FAIL_FAST] = "fail-fast",
	};
	int i = load_word(load, words, sizeof(words) / sizeof(words[0]));

	*(enum gw_ended *)out = i < 0 ? GW_ENDED_DURATION : (enum gw_ended)i;
}

static void calls(struct load *load, void *all)
{
	*(bool *)all = !strcmp(text_string(&load->in), "all");
}

static void settings(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "threshold_ns", LOAD_NUMBER, AT(threshold_ns), NULL },
		{ "warmup_ns", LOAD_NUMBER, AT(warmup_ns), NULL },
		{ "sample_period_ns", LOAD_NUMBER, AT(period_ns), NULL },
		{ "calls", LOAD_PART, AT(calls_all), calls },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, report);
}

static void host(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "kernel", LOAD_TEXT, AT(kernel), NULL },
		{ "arch", LOAD_TEXT, AT(arch), NULL },
		{ "cpus", LOAD_SMALL, AT(cpus), NULL },
		{ "name", LOAD_TEXT, AT(host), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, report);
}

static void command(struct load *load, void *object)
{
	struct gw_report *report = object;

	report->n_command = load_texts(load, &report->command);
}

static void child_exit(struct load *load, void *out)
{
	uint64_t status;

	if (text_null(&load->in))
		return; /* it had not ended */
	status = text_number(&load->in);
	*(int *)out = status <= 255 ? (int)status : 255;
}

static void tags(struct load *load, void *object)
{
	struct gw_report *report = object;
	const char *key;

	if (!text_object(&load->in))
		return;
	while ((key = text_key(&load->in))) {
		struct report_tag *tag = load_row(load, &report->tags, sizeof(*tag), 1024, "tags");

		if (!tag)
			return;
		tag->key = load_intern(load, key);
		tag->value = load_intern(load, text_string(&load->in));
	}
}

void load_run(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "id", LOAD_TEXT, AT(id), NULL },
		{ "start", LOAD_PART, AT(wall_ns), start },
		{ "start_monotonic_ns", LOAD_NUMBER, AT(start_ns), NULL },
		{ "duration_ns", LOAD_NUMBER, AT(duration_ns), NULL },
		{ "ended_by", LOAD_PART, AT(ended), ended_by },
		{ "command", LOAD_PART, 0, command },
		{ "child_exit", LOAD_PART, AT(child_exit), child_exit },
		{ "tags", LOAD_PART, 0, tags },
		{ "settings", LOAD_PART, 0, settings },
		{ "host", LOAD_PART, 0, host },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, report);
}

/* Rows in the order of the file; of too many the last ones are one. */
static void lost(struct load *load, void *report)
{
	struct report_lost *rows = ((struct gw_report *)report)->lost;
	const char *key;
	uint32_t n = 0;

	if (!text_object(&load->in))
		return;
	while ((key = text_key(&load->in))) {
		const char *reason = load_intern(load, key);

		if (n < REPORT_LOST)
			rows[n++].reason = reason;
		rows[n - 1].count += text_number(&load->in);
	}
}

static void flaws(struct load *load, void *report)
{
#define FLAW(name, i)                                                                              \
	{                                                                                          \
		name, LOAD_NUMBER, AT(flaws) + (i) * sizeof(uint64_t), NULL                        \
	}
	static const struct load_key keys[] = {
		FLAW("cut", REPORT_CUT),
		FLAW("torn", REPORT_TORN),
		FLAW("unreadable", REPORT_UNREADABLE),
		FLAW("circular", REPORT_CIRCLE),
		{ NULL, LOAD_PART, 0, NULL },
	};
#undef FLAW
	load_object(load, keys, report);
}

/* Counts are not in the file: a thousand frames stand for its share. */
static void nameless(struct load *load, void *object)
{
	double share = text_real(&load->in);
	struct gw_report *report = object;

	if (share < 0 || share > 1)
		text_fail(&load->in, -EBADMSG, "must be between 0 and 1");
	if (load->in.err)
		return;
	report->frames_seen = 1000;
	report->frames_nameless = (uint64_t)(share * 1000 + 0.5);
}

static void degraded(struct load *load, void *object)
{
	static const struct load_key keys[] = {
		{ "what", LOAD_SENTENCE, offsetof(struct report_note, what), NULL },
		{ "why", LOAD_SENTENCE, offsetof(struct report_note, why), NULL },
		{ "fix", LOAD_SENTENCE, offsetof(struct report_note, fix), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *report = object;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_note *note =
			load_row(load, &report->notes, sizeof(*note), 1024, "notes");

		if (!note)
			return;
		note->what = note->why = "";
		load_object(load, keys, note);
	}
}

static void overhead(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "cpu_ns", LOAD_NUMBER, AT(cpu_ns), NULL },
		{ "bpf_ns", LOAD_NUMBER, AT(bpf_ns), NULL },
		{ "bpf_runs", LOAD_NUMBER, AT(bpf_runs), NULL },
		{ "rss_bytes", LOAD_NUMBER, AT(rss_bytes), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, report);
}

static void whole(struct load *load, void *incomplete)
{
	*(bool *)incomplete = !text_flag(&load->in);
}

void load_quality(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "complete", LOAD_PART, AT(said_incomplete), whole },
		{ "lost", LOAD_PART, 0, lost },
		{ "stacks", LOAD_PART, 0, flaws },
		{ "stalls_folded", LOAD_NUMBER, AT(stalls_folded), NULL },
		{ "calls_folded", LOAD_NUMBER, AT(calls_rest), NULL },
		{ "calls_folded_ns", LOAD_NUMBER, AT(calls_rest_ns), NULL },
		{ "nameless_frames", LOAD_PART, 0, nameless },
		{ "degraded", LOAD_PART, 0, degraded },
		{ "gate", LOAD_TEXT, AT(gate), NULL },
		{ "overhead", LOAD_PART, 0, overhead },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, report);
}

static void level(struct load *load, void *warn)
{
	*(bool *)warn = !strcmp(text_string(&load->in), "warn");
}

static void held(struct load *load, void *outcome)
{
	*(enum gw_outcome *)outcome = text_null(&load->in)   ? GW_NO_VERDICT
				      : text_flag(&load->in) ? GW_PASS
							     : GW_BROKEN;
}

static void actual(struct load *load, void *budget)
{
	((struct report_budget *)budget)->actual = text_real(&load->in);
	((struct report_budget *)budget)->measured = true;
}

static void limit(struct load *load, void *budget)
{
	((struct report_budget *)budget)->limit = text_real(&load->in);
	((struct report_budget *)budget)->limited = true;
}

static void count(struct gw_verdict *verdict, const struct report_budget *budget)
{
	if (budget->outcome == GW_PASS)
		verdict->held++;
	else if (budget->warn)
		verdict->warned += budget->outcome == GW_BROKEN;
	else if (budget->outcome == GW_BROKEN)
		verdict->broken++;
	else
		verdict->unjudged++;
	verdict->outcome = verdict->broken     ? GW_BROKEN
			   : verdict->unjudged ? GW_NO_VERDICT
					       : GW_PASS;
}

#define BUDGET(field) offsetof(struct report_budget, field)
void load_budgets(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "expr", LOAD_TEXT, BUDGET(expr), NULL },
		{ "level", LOAD_PART, BUDGET(warn), level },
		{ "ok", LOAD_PART, BUDGET(outcome), held },
		{ "actual", LOAD_PART, 0, actual },
		{ "limit", LOAD_PART, 0, limit },
		{ "unit", LOAD_TEXT, BUDGET(unit), NULL },
		{ "worst", LOAD_TEXT, BUDGET(worst), NULL },
		{ "why", LOAD_TEXT, BUDGET(why), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct report_judged *judged = ((struct gw_report *)report)->judged;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_budget *budget =
			load_row(load, &judged->budgets, sizeof(*budget), 1024, "budgets");

		if (!budget)
			return;
		budget->outcome = GW_NO_VERDICT;
		budget->expr = budget->unit = "";
		load_object(load, keys, budget);
		count(&judged->verdict, budget);
		judged->done = true;
	}
}

#define HIDDEN(field) offsetof(struct report_suppressed, field)
void load_suppressed(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "known", LOAD_TEXT, HIDDEN(known), NULL },
		{ "until", LOAD_TEXT, HIDDEN(until), NULL },
		{ "site", LOAD_TEXT, HIDDEN(site), NULL },
		{ "count", LOAD_NUMBER, HIDDEN(count), NULL },
		{ "total_ns", LOAD_NUMBER, HIDDEN(total_ns), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct report_judged *judged = ((struct gw_report *)report)->judged;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_suppressed *row =
			load_row(load, &judged->suppressed, sizeof(*row), 4096, "suppressions");

		if (!row)
			return;
		row->known = row->site = "";
		load_object(load, keys, row);
	}
}
