// SPDX-License-Identifier: BSD-2-Clause
/*
 * rows.c: the tables of a report: processes, loops, frames, stacks, sites.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "load/load.h"

static void python(struct load *load, void *out)
{
	*(const char **)out = load_intern(load, text_string(&load->in));
}

static void versions(struct load *load, void *target)
{
	static const struct load_key keys[] = {
		{ "python", LOAD_PART, offsetof(struct report_target, version), python },
		{ "node", LOAD_PART, offsetof(struct report_target, version), python },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, target);
}

uint32_t load_texts(struct load *load, const char ***out)
{
	struct report_vec words = { 0 };
	const char **word;

	if (!text_array(&load->in))
		return 0;
	while (text_more(&load->in)) {
		word = load_row(load, &words, sizeof(*word), 1024, "words");
		if (word)
			*word = load_intern(load, text_string(&load->in));
	}
	if (tables_used(load->report) + words.count * sizeof(**out) > LOAD_BYTES)
		text_fail(&load->in, -EFBIG, "the report holds too much");
	*out = tables_bytes(load->report, words.count * sizeof(**out));
	if (!*out)
		text_fail(&load->in, -ENOMEM, "out of memory");
	else if (words.count)
		memcpy(*out, words.items, words.count * sizeof(**out));
	free(words.items);
	return load->in.err ? 0 : words.count;
}

static void cmdline(struct load *load, void *object)
{
	struct report_target *target = object;

	target->argc = load_texts(load, &target->argv);
}

static void state(struct load *load, void *out)
{
	static const char *const words[] = {
		[WIRE_AUDIT_FAILED] = "failed",
		[WIRE_AUDIT_NO_PYTHON] = "no-python",
		[WIRE_AUDIT_NONE] = "none",
		[WIRE_AUDIT_IDLE] = "idle",
		[WIRE_AUDIT_UNPATCHED] = "not-patched",
		[WIRE_AUDIT_PATCHED] = "patched",
	};
	int i = load_word(load, words, sizeof(words) / sizeof(words[0]));

	*(enum wire_audit_state *)out = i < 0 ? WIRE_AUDIT_FAILED : (enum wire_audit_state)i;
}

/* "sleep time" of [ "sleep", "time" ] */
static const char *joined(struct load *load)
{
	char line[4096];
	size_t used = 0;

	line[0] = '\0';
	if (!text_array(&load->in))
		return "";
	while (text_more(&load->in)) {
		int n = snprintf(line + used, sizeof(line) - used, "%s%s", used ? " " : "",
				 text_string(&load->in));

		if (n > 0 && used + (size_t)n < sizeof(line))
			used += (size_t)n;
		line[used] = '\0'; /* whole names only */
	}
	return load_intern(load, line);
}

static void patched(struct load *load, void *object)
{
	struct report_audit *audit = object;
	struct report_vec pairs = { 0 };
	const char *key, **pair;

	if (!text_object(&load->in))
		return;
	while ((key = text_key(&load->in))) {
		pair = load_row(load, &pairs, 2 * sizeof(*pair), 1024, "modules");
		if (!pair)
			break;
		pair[0] = load_intern(load, key);
		pair[1] = joined(load);
	}
	audit->patched = tables_bytes(load->report, pairs.count * 2 * sizeof(*pair));
	if (audit->patched && pairs.count) {
		memcpy(audit->patched, pairs.items, pairs.count * 2 * sizeof(*pair));
		audit->n_patched = pairs.count;
	}
	free(pairs.items);
}

#define AUDIT(field) offsetof(struct report_audit, field)
static void patching(struct load *load, void *unused)
{
	static const struct load_key keys[] = {
		{ "state", LOAD_PART, AUDIT(state), state },
		{ "library", LOAD_TEXT, AUDIT(library), NULL },
		{ "version", LOAD_TEXT, AUDIT(version), NULL },
		{ "why", LOAD_TEXT, AUDIT(why), NULL },
		{ "patched", LOAD_PART, 0, patched },
		{ "complete", LOAD_FLAG, AUDIT(complete), NULL },
		{ "modules", LOAD_SMALL, AUDIT(modules), NULL },
		{ "objects", LOAD_SMALL, AUDIT(objects), NULL },
		{ "took_ns", LOAD_NUMBER, AUDIT(took_ns), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct report_audit *audit =
		load_row(load, &load->report->audits, sizeof(*audit), LOAD_TARGETS, "audits");

	(void)unused;
	if (audit)
		load_object(load, keys, audit);
}

#define TARGET(field) offsetof(struct report_target, field)
void load_targets(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "pid", LOAD_SMALL, TARGET(pid), NULL },
		{ "parent", LOAD_SMALL, TARGET(parent), NULL },
		{ "comm", LOAD_TEXT, TARGET(comm), NULL },
		{ "cmdline", LOAD_PART, 0, cmdline },
		{ "exe", LOAD_TEXT, TARGET(exe), NULL },
		{ "runtime", LOAD_TEXT, TARGET(runtime), NULL },
		{ "versions", LOAD_PART, 0, versions },
		{ "patching", LOAD_PART, 0, patching },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_target *target =
			load_row(load, &to->targets, sizeof(*target), LOAD_TARGETS, "processes");
		uint32_t audits = to->audits.count;

		if (!target)
			return;
		target->comm = "?";
		target->runtime = "native";
		load_object(load, keys, target);
		if (to->audits.count > audits)
			((struct report_audit *)to->audits.items)[audits].pid = target->pid;
	}
}

struct lag { /* turn lengths or delays, as a file has them */
	uint64_t max_ns, sum_ns, counts[HIST_BOUNDS + 1];
	uint64_t steps[REPORT_LAGS];
	struct report_said said;
};

static void lag_steps(struct load *load, void *object)
{
	struct lag *lag = object;
	uint32_t n = 0;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		uint64_t value = text_number(&load->in);

		if (n < REPORT_LAGS)
			lag->steps[n++] = value;
	}
}

static void lag_step(struct load *load, void *unused)
{
	(void)unused;
	load->report->lag_step_ns = text_number(&load->in);
}

static void lag_trend(struct load *load, void *lag)
{
	static const struct load_key keys[] = {
		{ "step_ns", LOAD_PART, 0, lag_step },
		{ "max_ns", LOAD_PART, 0, lag_steps },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, lag);
}

static void histogram(struct load *load, void *object)
{
	struct lag *lag = object;

	load_histogram(load, lag->counts, &lag->sum_ns);
}

static void read_lag(struct load *load, struct lag *lag, uint64_t *buckets)
{
#define SHARE(name, i)                                                                             \
	{                                                                                          \
		name, LOAD_NUMBER, offsetof(struct lag, said.ns) + (i) * sizeof(uint64_t), NULL    \
	}
	static const struct load_key keys[] = {
		{ "max_ns", LOAD_NUMBER, offsetof(struct lag, max_ns), NULL },
		{ "trend", LOAD_PART, 0, lag_trend },
		SHARE("p50_ns", 0),
		SHARE("p90_ns", 1),
		SHARE("p99_ns", 2),
		SHARE("p999_ns", 3),
		{ "histogram", LOAD_PART, 0, histogram },
		{ NULL, LOAD_PART, 0, NULL },
	};
#undef SHARE
	*lag = (struct lag){ .said.known = true };
	for (int i = 0; i < REPORT_SHARES; i++)
		lag->said.ns[i] = GW_UNKNOWN_NS;
	load_object(load, keys, lag);
	if (!load->in.err)
		hist_rebuild(buckets, lag->counts, report_shares, lag->said.ns, REPORT_SHARES,
			     lag->max_ns);
}

static void turns(struct load *load, void *object)
{
	struct report_loop *loop = object;
	struct lag lag;

	read_lag(load, &lag, loop->lag);
	loop->lag_max_ns = lag.max_ns;
	loop->lag_sum_ns = lag.sum_ns;
	loop->lag_said = lag.said;
	memcpy(loop->lags, lag.steps, sizeof(loop->lags));
}

static void delays(struct load *load, void *object)
{
	struct report_loop *loop = object;
	struct lag lag;

	read_lag(load, &lag, loop->delay);
	loop->delay_max_ns = lag.max_ns;
	loop->delay_sum_ns = lag.sum_ns;
	loop->delay_said = lag.said;
}

#define LOOP(field) offsetof(struct report_loop, field)
static void times(struct load *load, void *object)
{
	struct report_loop *loop = object;

	load_ledger(load, &loop->time, &loop->idle_ns);
}

static void loop_id(struct load *load, void *index)
{
	uint32_t pid, tid;

	*(uint32_t *)index = load_loop_id(load, &pid, &tid);
}

struct loop_read {
	struct report_loop loop;
	uint32_t index;
};

/* Where the row belongs: the place that something else in the document has made for it. */
static void keep_loop(struct load *load, struct loop_read *read)
{
	struct gw_report *report = load->report;
	struct report_loop *row = NULL;

	if (load->in.err)
		return;
	if (read->index != GW_NONE && !report_loop(report, read->index)->serial)
		row = report_loop(report, read->index);
	else
		row = load_row(load, &report->loops, sizeof(*row), LOAD_LOOPS, "loops");
	if (!row)
		return;
	if (read->index != GW_NONE) {
		read->loop.pid = report_loop(report, read->index)->pid;
		read->loop.tid = report_loop(report, read->index)->tid;
	}
	*row = read->loop;
	row->serial = (uint32_t)(row - (struct report_loop *)report->loops.items) + 1;
}

void load_loops(struct load *load, void *unused)
{
	static const struct load_key keys[] = {
		{ "id", LOAD_PART, offsetof(struct loop_read, index), loop_id },
		{ "pid", LOAD_SMALL, LOOP(pid), NULL },
		{ "tid", LOAD_SMALL, LOOP(tid), NULL },
		{ "thread_name", LOAD_TEXT, LOOP(comm), NULL },
		{ "runtime", LOAD_TEXT, LOOP(runtime), NULL },
		{ "turns", LOAD_NUMBER, LOOP(turns), NULL },
		{ "lag", LOAD_PART, 0, turns },
		{ "wakeup_delay", LOAD_PART, 0, delays },
		{ "time", LOAD_PART, 0, times },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct loop_read read;

	(void)unused;
	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		memset(&read, 0, sizeof(read));
		read.index = GW_NONE;
		read.loop.runtime = "native";
		read.loop.time = load_no_ledger();
		load_object(load, keys, &read);
		keep_loop(load, &read);
	}
}

static void frame_kind(struct load *load, void *out)
{
	static const char *const words[] = {
		[GW_FRAME_PYTHON] = "python", [GW_FRAME_NATIVE] = "native",
		[GW_FRAME_KERNEL] = "kernel", [GW_FRAME_JAVASCRIPT] = "javascript",
		[GW_FRAME_RUST] = "rust",     [GW_FRAME_MARKER] = "marker",
	};
	int i = load_word(load, words, sizeof(words) / sizeof(words[0]));

	*(enum gw_frame_kind *)out = i < 0 ? GW_FRAME_NATIVE : (enum gw_frame_kind)i;
}

#define FRAME(field) offsetof(struct gw_frame, field)
void load_frames(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "kind", LOAD_PART, FRAME(kind), frame_kind },
		{ "name", LOAD_TEXT, FRAME(name), NULL },
		{ "file", LOAD_TEXT, FRAME(file), NULL },
		{ "line", LOAD_SMALL, FRAME(line), NULL },
		{ "module", LOAD_TEXT, FRAME(module), NULL },
		{ "offset", LOAD_NUMBER, FRAME(offset), NULL },
		{ "app", LOAD_FLAG, FRAME(app), NULL },
		{ "nameless", LOAD_TEXT, FRAME(nameless), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct gw_frame *frame =
			load_row(load, &to->frames, sizeof(*frame), LOAD_FRAMES, "frames");

		if (!frame)
			return;
		frame->kind = GW_FRAME_NATIVE;
		frame->name = "?";
		load_object(load, keys, frame);
	}
}

void load_stacks(struct load *load, void *report)
{
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_stack *stack =
			load_row(load, &to->stacks, sizeof(*stack), LOAD_FRAMES, "stacks");

		if (!stack || !text_array(&load->in))
			return;
		stack->first = to->indexes.count;
		while (text_more(&load->in)) {
			uint32_t *index = load_row(load, &to->indexes, sizeof(*index), LOAD_INDEXES,
						   "frames in stacks");
			uint64_t value = text_number(&load->in);

			if (index)
				*index = value < GW_NONE ? (uint32_t)value : GW_NONE;
		}
		stack->depth = to->indexes.count - stack->first;
	}
}

static void cause(struct load *load, void *out)
{
	*(enum gw_cause *)out = (enum gw_cause)load_cause(load);
}

static void peer(struct load *load, void *out)
{
	load_peer(load, out);
}

static void advice(struct load *load, void *out)
{
	load_advice(load, out);
}

static void change(struct load *load, void *out)
{
	static const char *const words[] = {
		[GW_CHANGE_NEW] = "new",
		[GW_CHANGE_REGRESSED] = "regressed",
		[GW_CHANGE_UNCHANGED] = "unchanged",
		[GW_CHANGE_IMPROVED] = "improved",
		[GW_CHANGE_FIXED] = "fixed",
	};
	int i = load_word(load, words, sizeof(words) / sizeof(words[0]));

	*(enum gw_change *)out = i < 0 ? GW_CHANGE_NONE : (enum gw_change)i;
}

struct site_read {
	struct report_site site;
	uint32_t index;
	uint64_t p50_ns;
};

static void fingerprint(struct load *load, void *index)
{
	*(uint32_t *)index = load_site_id(load);
}

static void keep_site(struct load *load, struct site_read *read)
{
	struct report_site *row;

	if (read->index == GW_NONE)
		text_fail(&load->in, -EBADMSG, "has no fingerprint");
	if (load->in.err)
		return;
	row = report_site(load->report, read->index);
	memcpy(read->site.fingerprint, row->fingerprint, sizeof(row->fingerprint));
	if (read->p50_ns != GW_UNKNOWN_NS) {
		read->site.medians = tables_bytes(load->report, sizeof(struct report_median));
		if (read->site.medians) {
			read->site.medians[0] =
				(struct report_median){ read->p50_ns, read->site.count };
			read->site.n_medians = read->site.room_medians = 1;
		}
	}
	read->site.warmups = !read->site.count; /* else it would not be listed */
	*row = read->site;
}

#define SITE(field) offsetof(struct report_site, field)
void load_sites(struct load *load, void *unused)
{
	static const struct load_key keys[] = {
		{ "fingerprint", LOAD_PART, offsetof(struct site_read, index), fingerprint },
		{ "cause", LOAD_PART, SITE(cause), cause },
		{ "title", LOAD_SENTENCE, SITE(title), NULL },
		{ "count", LOAD_NUMBER, SITE(count), NULL },
		{ "total_ns", LOAD_NUMBER, SITE(total_ns), NULL },
		{ "charged_ns", LOAD_NUMBER, SITE(charged_ns), NULL },
		{ "max_ns", LOAD_NUMBER, SITE(max_ns), NULL },
		{ "p50_ns", LOAD_NUMBER, offsetof(struct site_read, p50_ns), NULL },
		{ "frame", LOAD_SMALL, SITE(frame), NULL },
		{ "stack", LOAD_SMALL, SITE(stack), NULL },
		{ "call", LOAD_TEXT, SITE(call), NULL },
		{ "peer", LOAD_PART, SITE(peer), peer },
		{ "advice", LOAD_PART, SITE(advice), advice },
		{ "suppressed_by", LOAD_TEXT, SITE(suppressed_by), NULL },
		{ "baseline", LOAD_PART, SITE(change), change },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct site_read read;

	(void)unused;
	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		read = (struct site_read){ .site.frame = GW_NONE,
					   .site.stack = GW_NONE,
					   .index = GW_NONE,
					   .p50_ns = GW_UNKNOWN_NS };
		load_object(load, keys, &read);
		keep_site(load, &read);
	}
}
