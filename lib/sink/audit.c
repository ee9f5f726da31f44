// SPDX-License-Identifier: BSD-2-Clause
/*
 * audit.c: audits as text: the most important last, where the eye is.
 *
 *	captured originals (2): they block the loop when they are called
 *	  time.sleep       early.sleep               early.py
 *	  socket.socket    early.S (base class)      early.py:12
 *	  -> import ... (greenwatch explain GW3001)
 *
 *	4242 app.py: gevent 22.10.2, 11 modules patched: 2 captured-original
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"

#define SHOWN 20 /* findings of one kind, unless verbose */
#define RULES 8  /* of one kind whose fix is said */

/* By weight: what stops the loop for certain stands last. */
static const struct {
	const char *kind, *title;
	const char *before, *after; /* what to change: the call that patches stands between */
} kinds[] = {
	{ "native-lock", "native locks: a greenlet that waits for one stops the whole loop",
	  "make them after ", ": import their modules later" },
	{ "late", "patched too late", "call ",
	  " in the first lines of the main module, before other imports" },
	{ "native-client", "clients written in C, which patching cannot reach", NULL, NULL },
	{ "native-socket", "sockets that are not green: reading from one stops the whole loop",
	  "make them after ", "" },
	{ "captured-original", "captured originals: they stop the whole loop when they are called",
	  "import their modules after ", "" },
	{ "not-patched", "not patched", "let ", " patch it" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_of(const struct report_patch *patch, uint32_t pid, const char *kind)
{
	return patch->pid == pid && !strcmp(patch->kind, kind);
}

static uint32_t count(const struct gw_report *report, uint32_t pid, const char *kind)
{
	uint32_t n = 0;

	report_each (report, patches, struct report_patch, patch)
		n += is_of(patch, pid, kind);
	return n;
}

static const char *safe(char out[TEXT_NAME], const char *text)
{
	gw_escape(out, TEXT_NAME, text ? text : "");
	return out;
}

static void print_patch(const struct gw_sink *sink, const struct report_patch *patch, int width)
{
	char what[TEXT_NAME], where[TEXT_NAME], file[TEXT_NAME], more[TEXT_NAME];
	bool place = patch->where || patch->file;

	fprintf(sink->to, "  %-*s", width, safe(what, patch->what));
	if (patch->fd >= 0)
		fprintf(sink->to, "  descriptor %" PRId32, patch->fd);
	if (patch->where)
		fprintf(sink->to, "  %s", safe(where, patch->where));
	if (patch->file)
		fprintf(sink->to, "  %s", safe(file, patch->file));
	if (patch->file && patch->line)
		fprintf(sink->to, ":%" PRIu32, patch->line);
	if (patch->count > 1)
		fprintf(sink->to, "  %s%" PRIu32, text_sign(sink, "×", "x"), patch->count);
	if (patch->more)
		fprintf(sink->to, "%s%s", place || patch->fd >= 0 ? "; " : "  ",
			safe(more, patch->more));
	fputc('\n', sink->to);
}

static int width_of(const struct gw_report *report, uint32_t pid, const char *kind)
{
	size_t width = 0;

	report_each (report, patches, struct report_patch, patch) {
		size_t n = patch->what ? text_columns(patch->what) : 0;

		if (is_of(patch, pid, kind) && n > width)
			width = n;
	}
	return width < 40 ? (int)width : 40;
}

static const char *patching_call(const struct gw_report *report, uint32_t pid)
{
	report_each (report, audits, struct report_audit, of) {
		if (of->pid == pid && of->library && !strcmp(of->library, "eventlet"))
			return "eventlet.monkey_patch()";
	}
	return "monkey.patch_all()";
}

/* What to change: of the kind, then of each rule once. */
static void print_fixes(const struct gw_sink *sink, const struct gw_report *report, uint32_t pid,
			size_t k)
{
	const char *arrow = text_sign(sink, "→", "->"), *told[RULES];
	uint32_t n = 0;

	if (kinds[k].before)
		fprintf(sink->to, "  %s %s%s%s\n", arrow, kinds[k].before,
			patching_call(report, pid), kinds[k].after);
	report_each (report, patches, struct report_patch, patch) {
		const struct gw_rule *rule = patch->rule ? gw_rule_find(patch->rule) : NULL;
		bool again = false;

		if (!is_of(patch, pid, kinds[k].kind) || !rule || n == RULES)
			continue;
		for (uint32_t i = 0; i < n; i++)
			again |= told[i] == rule->id;
		if (again)
			continue;
		told[n++] = rule->id;
		fprintf(sink->to, "  %s %s: %s\n", arrow, rule->id, rule->fix);
	}
}

static void print_kind(const struct gw_sink *sink, const struct gw_report *report, uint32_t pid,
		       size_t k)
{
	uint32_t n = count(report, pid, kinds[k].kind), shown = 0;
	int width = width_of(report, pid, kinds[k].kind);

	if (!n)
		return;
	fprintf(sink->to, "%s%s%s (%" PRIu32 ")\n", text_paint(sink, TEXT_BOLD), kinds[k].title,
		text_paint(sink, TEXT_PLAIN), n);
	report_each (report, patches, struct report_patch, patch) {
		if (is_of(patch, pid, kinds[k].kind) && (shown < SHOWN || sink->opts.verbose)) {
			print_patch(sink, patch, width);
			shown++;
		}
	}
	if (shown < n)
		fprintf(sink->to, "  %" PRIu32 " more: -v lists them\n", n - shown);
	print_fixes(sink, report, pid, k);
	fputc('\n', sink->to);
}

static const struct report_target *target_of(const struct gw_report *report, uint32_t pid)
{
	report_each (report, targets, struct report_target, target) {
		if (target->pid == pid)
			return target;
	}
	return NULL;
}

static bool runs_asyncio(const struct report_target *target)
{
	return target && target->runtime &&
	       (!strcmp(target->runtime, "asyncio") || !strcmp(target->runtime, "uvloop"));
}

static void print_none(const struct gw_sink *sink, const struct report_audit *audit,
		       const struct report_target *target)
{
	fputs("it does not use monkey patching: neither gevent nor eventlet is imported\n",
	      sink->to);
	if (runs_asyncio(target))
		fprintf(sink->to,
			"  under %s un-patched calls are normal; which of them block its loop, "
			"greenwatch -p %" PRIu32 " tells\n",
			target->runtime, audit->pid);
}

static void print_counts(const struct gw_sink *sink, const struct gw_report *report,
			 const struct report_audit *audit)
{
	const char *before = ": ";

	for (size_t k = KINDS; k-- > 0;) {
		uint32_t n = count(report, audit->pid, kinds[k].kind);

		if (!n)
			continue;
		fprintf(sink->to, "%s%" PRIu32 " %s", before, n, kinds[k].kind);
		before = ", ";
	}
	if (!strcmp(before, ": "))
		fputs(audit->complete ? ": nothing was missed" : ": nothing was found", sink->to);
}

static void print_patched(const struct gw_sink *sink, const struct gw_report *report,
			  const struct report_audit *audit)
{
	char name[TEXT_NAME], time[FORMAT_TIME];

	fprintf(sink->to, "%s", safe(name, audit->library));
	if (audit->version)
		fprintf(sink->to, " %s", safe(name, audit->version));
	if (audit->state == WIRE_AUDIT_PATCHED)
		fprintf(sink->to, ", %" PRIu32 " module%s patched", audit->n_patched,
			audit->n_patched == 1 ? "" : "s");
	print_counts(sink, report, audit);
	if (!audit->complete)
		fputs("; the look was cut short, there may be more", sink->to);
	fprintf(sink->to, "\n  %" PRIu32 " modules and %" PRIu32 " objects seen in %s\n",
		audit->modules, audit->objects, format_time(time, audit->took_ns));
}

static void print_audit(const struct gw_sink *sink, const struct gw_report *report,
			const struct report_audit *audit)
{
	const struct report_target *target = target_of(report, audit->pid);
	char name[TEXT_NAME];

	for (size_t k = 0; k < KINDS; k++)
		print_kind(sink, report, audit->pid, k);
	fprintf(sink->to, "%s%" PRIu32 "%s", text_paint(sink, TEXT_BOLD), audit->pid,
		text_paint(sink, TEXT_PLAIN));
	if (target)
		fprintf(sink->to, " %s", safe(name, target->comm));
	fputs(": ", sink->to);
	switch (audit->state) {
	case WIRE_AUDIT_FAILED:
		fprintf(sink->to, "could not be audited: %s\n",
			audit->why ? safe(name, audit->why) : "reason not known");
		break;
	case WIRE_AUDIT_NO_PYTHON:
		fputs("it runs no Python, so there is nothing to patch\n", sink->to);
		break;
	case WIRE_AUDIT_NONE:
		print_none(sink, audit, target);
		break;
	case WIRE_AUDIT_IDLE:
		fprintf(sink->to,
			"%s is imported, but no hub of it runs and nothing is patched: "
			"nothing to find\n",
			safe(name, audit->library));
		break;
	case WIRE_AUDIT_UNPATCHED:
	case WIRE_AUDIT_PATCHED:
		print_patched(sink, report, audit);
		break;
	}
}

static int end(struct gw_sink *sink, const struct gw_report *report)
{
	if (sink->opts.quiet)
		return 0;
	report_each (report, audits, struct report_audit, audit) {
		if (audit != report->audits.items)
			fputc('\n', sink->to);
		print_audit(sink, report, audit);
	}
	return sink_flush(sink);
}

const struct sink_ops sink_audit = {
	.name = "audit",
	.end = end,
};

static void print_first(const struct gw_sink *sink, const struct gw_report *report,
			const char *kind, uint32_t n)
{
	char what[TEXT_NAME], where[TEXT_NAME];

	report_each (report, patches, struct report_patch, patch) {
		if (strcmp(patch->kind, kind))
			continue;
		fprintf(sink->to, ": %s", safe(what, patch->what));
		if (patch->where)
			fprintf(sink->to, " in %s", safe(where, patch->where));
		if (n > 1)
			fprintf(sink->to, " and %" PRIu32 " more", n - 1);
		return;
	}
}

/* The lines of a watch's summary: one for each kind, and where to read on. */
void text_patches(const struct gw_sink *sink, const struct gw_report *report)
{
	const char *word = "patches ";

	for (size_t k = 0; k < KINDS; k++) {
		uint32_t n = 0;

		report_each (report, patches, struct report_patch, patch)
			n += !strcmp(patch->kind, kinds[k].kind);
		if (!n)
			continue;
		fprintf(sink->to, "%s%" PRIu32 " %s", word, n, kinds[k].kind);
		print_first(sink, report, kinds[k].kind, n);
		fputc('\n', sink->to);
		word = "        ";
	}
	if (report->patches.count)
		fprintf(sink->to, "        %s greenwatch audit -p %" PRIu32 "\n",
			text_sign(sink, "→", "->"),
			((const struct report_patch *)report->patches.items)->pid);
}
