// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmllists.c: who and what used the loops, late or not, and what monkey
 * patching missed. What several loops do at one place is one row.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sink/html.h"

static void call_row(const struct html *html, const struct report_call *call)
{
	FILE *to = html->to;
	char n[FORMAT_TIME];

	fputs("<tr><td>", to);
	if (!strcmp(call->class, "gil")) {
		fputs("waiting for the GIL", to);
	} else {
		fputs("<span class=\"fn\">", to);
		html_text(to, call->call);
		fputs(strcmp(call->class, "pagefault") ? "()</span>" : "</span>", to);
	}
	fputs("</td><td>", to);
	if (call->frame != GW_NONE)
		html_frame(to, report_frame(html->report, call->frame));
	else
		fputs("<span class=\"dim\">not known</span>", to);
	fputs("</td><td>", to);
	html_peer(to, call->peer);
	fputs("</td>", to);
	html_number(to, format_count(n, call->calls));
	html_number(to, format_time(n, call->total_ns));
	html_number(to, format_time(n, call->max_ns));
	fputs("<td>", to);
	html_rule(to, call->advice.rule);
	fputs("</td></tr>\n", to);
}

int html_calls(const struct html *html)
{
	static const char *const heads[] = { "Call",   "From",     "On",  "#Times",
					     "#Total", "#Longest", "Rule" };
	const struct gw_report *report = html->report;
	char count[FORMAT_TIME], total[FORMAT_TIME];
	struct report_call *calls;
	uint32_t n;

	if (!report->calls.count && !report->calls_rest)
		return 0;
	calls = text_merged_calls(report, &n);
	if (!calls)
		return -ENOMEM;
	html_section(html->to, "calls", "Calls that held a loop up, short ones too");
	html_table(html->to, "Calls", heads, sizeof(heads) / sizeof(heads[0]));
	for (uint32_t i = 0; i < n && i < HTML_ROWS; i++)
		call_row(html, &calls[i]);
	html_table_end(html->to);
	html_more(html->to, n > HTML_ROWS ? n - HTML_ROWS : 0, "places");
	if (report->calls_rest) {
		fputs("<p class=\"dim\">", html->to);
		html_say(html->to, "%s calls, %s in all, are in no row: too many different places.",
			 format_count(count, report->calls_rest),
			 format_time(total, report->calls_rest_ns));
		fputs("</p>\n", html->to);
	}
	html_section_end(html->to);
	free(calls);
	return 0;
}

struct whole { /* of all tasks */
	uint64_t cpu_ns, samples;
	uint32_t steps; /* of a trend, up to where the run has come */
};

static void task_row(const struct html *html, const struct report_task *task,
		     const struct whole *whole)
{
	double part = whole->cpu_ns ? (double)task->cpu_ns / (double)whole->cpu_ns : 0;
	double off = whole->samples ? 1.96 * sqrt(part * (1 - part) / (double)whole->samples) : 0;
	FILE *to = html->to;
	char n[FORMAT_TIME], place[TEXT_PLACE];

	fputs("<tr><td><span class=\"fn\">", to);
	html_text(to, task->name);
	fputs("</span> <span class=\"at\">", to);
	if (task->frame != GW_NONE)
		html_own(to, text_place(place, report_frame(html->report, task->frame)));
	fprintf(to, "</span></td><td>%s</td>",
		task->kind == GW_TASK_MAIN || task->kind == GW_TASK_NONE
			? "main"
			: format_task_kind(task->kind));
	fprintf(to, "<td class=\"num\">%.1f &plusmn; %.1f %%</td>", 100 * part, 100 * off);
	html_number(to, format_time(n, task->cpu_ns));
	html_number(to, format_time(n, task->blocked_ns));
	html_number(to, format_time(n, task->longest_ns));
	html_number(to, format_count(n, task->instances));
	html_number(to, format_count(n, task->stalls));
	fputs("<td>", to);
	html_spark(to, task->trend, whole->steps);
	fputs("</td></tr>\n", to);
}

static bool is_seen(const struct report_task *task)
{
	return task->samples || task->blocked_ns || task->stalls;
}

int html_tasks(const struct html *html)
{
	static const char *const heads[] = { "What ran",        "Kind",     "#Of the CPU time",
					     "#On CPU",         "#Blocked", "#Longest hold",
					     "#Different ones", "#Stalls",  "Over the run" };
	const struct gw_report *report = html->report;
	struct whole whole = { 0 };
	struct report_task *tasks;
	uint32_t n, shown = 0;

	report_each (report, tasks, struct report_task, task) {
		whole.cpu_ns += task->cpu_ns;
		whole.samples += task->samples;
		shown += is_seen(task);
	}
	if (!shown)
		return 0;
	whole.steps = REPORT_TREND;
	if (report->trend_step_ns && report->duration_ns / report->trend_step_ns < REPORT_TREND)
		whole.steps = (uint32_t)(report->duration_ns / report->trend_step_ns) + 1;
	tasks = text_merged_tasks(report, &n);
	if (!tasks)
		return -ENOMEM;
	html_section(html->to, "tasks", "Who used the loops, late or not");
	fputs("<p class=\"dim\">By samples: a share is off by no more than is said, nineteen times "
	      "out of twenty. A hold is the time for which one of them did not let go of the "
	      "loop.</p>\n",
	      html->to);
	html_table(html->to, "Tasks", heads, sizeof(heads) / sizeof(heads[0]));
	shown = 0;
	for (uint32_t i = 0; i < n; i++)
		if (is_seen(&tasks[i]) && shown++ < HTML_ROWS)
			task_row(html, &tasks[i], &whole);
	html_table_end(html->to);
	html_more(html->to, shown > HTML_ROWS ? shown - HTML_ROWS : 0, "functions");
	html_section_end(html->to);
	free(tasks);
	return 0;
}

static void pool_row(const struct html *html, const struct report_pool *pool)
{
	FILE *to = html->to;
	char n[FORMAT_TIME];

	fprintf(to, "<tr><td>%" PRIu32 "</td><td><span class=\"fn\">", pool->pid);
	html_text(to, pool->name);
	fputs("</span> <span class=\"at\">", to);
	html_text(to, pools_kind(pool));
	fprintf(to, "</span></td><td class=\"num\">%" PRIu32 " of %" PRIu32 "</td>", pool->busy_max,
		pool->size);
	html_number(to, format_time(n, pool->saturated_ns));
	html_number(to, format_count(n, pool->waits));
	html_number(to, pool->waits
				? format_time(n, hist_quantile(pool->wait, 0.99, pool->wait_max_ns))
				: "");
	html_number(to, pool->waits ? format_time(n, pool->wait_max_ns) : "");
	fputs("<td>", to);
	html_rule(to, pools_rule(pool));
	fputs("</td></tr>\n", to);
}

void html_pools(const struct html *html)
{
	static const char *const heads[] = { "Process",   "Pool",          "#Busy at most",
					     "#Full for", "#Seen waiting", "#Wait p99",
					     "#longest",  "Rule" };
	uint32_t shown = 0;

	if (!html->report->pools.count)
		return;
	html_section(html->to, "pools", "Thread pools beside the loops");
	fputs("<p class=\"dim\">A full pool stalls no loop, yet what is handed to it waits.</p>\n",
	      html->to);
	html_table(html->to, "Thread pools", heads, sizeof(heads) / sizeof(heads[0]));
	report_each (html->report, pools, struct report_pool, pool)
		if (shown++ < HTML_ROWS)
			pool_row(html, pool);
	html_table_end(html->to);
	html_more(html->to, shown > HTML_ROWS ? shown - HTML_ROWS : 0, "pools");
	html_section_end(html->to);
}

static void audit_line(const struct html *html, const struct report_audit *audit)
{
	FILE *to = html->to;
	uint32_t n = 0;

	report_each (html->report, patches, struct report_patch, patch)
		n += patch->pid == audit->pid;
	fprintf(to, "<li>%" PRIu32 ": ", audit->pid);
	switch (audit->state) {
	case WIRE_AUDIT_FAILED:
		fputs("could not be audited: ", to);
		html_sentence(to, audit->why ? audit->why : "reason not known");
		break;
	case WIRE_AUDIT_NO_PYTHON:
		fputs("runs no Python", to);
		break;
	case WIRE_AUDIT_NONE:
		fputs("does not use monkey patching", to);
		break;
	case WIRE_AUDIT_IDLE:
		html_text(to, audit->library);
		fputs(" is imported, nothing is patched and no hub runs", to);
		break;
	case WIRE_AUDIT_UNPATCHED:
	case WIRE_AUDIT_PATCHED:
		html_text(to, audit->library);
		fputc(' ', to);
		html_text(to, audit->version ? audit->version : "");
		fprintf(to, ", %" PRIu32 " module%s patched, %" PRIu32 " finding%s%s",
			audit->n_patched, audit->n_patched == 1 ? "" : "s", n, n == 1 ? "" : "s",
			audit->complete ? "" : "; the look was cut short, there may be more");
		break;
	}
	fputs("</li>\n", to);
}

static void patch_row(FILE *to, const struct report_patch *patch)
{
	fputs("<tr><td>", to);
	html_text(to, patch->kind);
	fputs("</td><td><span class=\"fn\">", to);
	html_text(to, patch->what);
	fputs("</span>", to);
	if (patch->count > 1)
		fprintf(to, " &times;%" PRIu32, patch->count);
	fputs("</td><td>", to);
	if (patch->where)
		html_text(to, patch->where);
	if (patch->fd >= 0)
		fprintf(to, "%sdescriptor %" PRId32, patch->where ? ", " : "", patch->fd);
	if (patch->more) {
		fputs(patch->where || patch->fd >= 0 ? "; " : "", to);
		html_sentence(to, patch->more);
	}
	fputs("</td><td><span class=\"at\">", to);
	if (patch->file)
		html_text(to, patch->file);
	if (patch->file && patch->line)
		fprintf(to, ":%" PRIu32, patch->line);
	fprintf(to, "</span></td><td>%" PRIu32 "</td><td>", patch->pid);
	html_rule(to, patch->rule);
	fputs("</td></tr>\n", to);
}

void html_patches(const struct html *html)
{
	static const char *const heads[] = { "Kind", "What", "Held by", "File", "Process", "Rule" };
	const struct gw_report *report = html->report;
	uint32_t shown = 0;

	if (!report->audits.count)
		return;
	html_section(html->to, "patches", "What monkey patching missed");
	fputs("<ul class=\"plain\">\n", html->to);
	report_each (report, audits, struct report_audit, audit)
		audit_line(html, audit);
	fputs("</ul>\n", html->to);
	if (report->patches.count) {
		html_table(html->to, "Findings", heads, 6);
		report_each (report, patches, struct report_patch, patch)
			if (shown++ < HTML_SITES)
				patch_row(html->to, patch);
		html_table_end(html->to);
		html_more(html->to, shown > HTML_SITES ? shown - HTML_SITES : 0, "findings");
	}
	html_section_end(html->to);
}
