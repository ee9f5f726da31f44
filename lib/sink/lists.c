// SPDX-License-Identifier: BSD-2-Clause
/*
 * lists.c: who and what used the loops, as tables of the summary.
 *
 *	calls   4 021 held a loop up for 9.12 s
 *	  4 012×  max 212 ms  Σ 9.10 s  get_user app/db.py:88 → poll() tcp 10.0.0.5:5432  GW1001
 *	users   of 12.3 s on the CPU, by 1 230 samples
 *	  41.2 ± 2.7 %  render_cart app/views.py:31 (greenlet)  longest hold 61 ms  4 stalls
 *
 * One line per place: what several loops do is one thing to change. Long and
 * short ones alike; only the first lines are shown unless all are asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"

#define CALLS 6 /* lines, unless verbose */
#define USERS 5
#define FEW   20 /* samples that show nothing yet */

static const char *kind_of(const struct gw_peer *peer)
{
	return peer ? peer->kind : "";
}

static bool same_call(const struct report_call *a, const struct report_call *b)
{
	return a->call == b->call && a->frame == b->frame && !strcmp(a->class, b->class) &&
	       !strcmp(kind_of(a->peer), kind_of(b->peer));
}

/* Those of several loops as one; the first is the one with the most time. How many are left. */
static uint32_t merge(struct report_call *calls, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = 0;

		while (at < kept && !same_call(&calls[at], &calls[i]))
			at++;
		if (at == kept) {
			calls[kept++] = calls[i];
			continue;
		}
		calls[at].calls += calls[i].calls;
		calls[at].total_ns += calls[i].total_ns;
		if (calls[i].max_ns > calls[at].max_ns)
			calls[at].max_ns = calls[i].max_ns;
	}
	return kept;
}

static int by_total(const void *a, const void *b)
{
	const struct report_call *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return x->frame != y->frame ? (x->frame < y->frame ? -1 : 1) : strcmp(x->call, y->call);
}

static void print_peer(const struct gw_sink *sink, const struct gw_peer *peer)
{
	char name[TEXT_NAME];
	const char *what;

	if (!peer || !strncmp(peer->kind, "futex", 5))
		return;
	what = peer->remote ? peer->remote : peer->path;
	gw_escape(name, sizeof(name), what ? what : "");
	fprintf(sink->to, "  %s%s%s", peer->kind, what ? " " : "", name);
}

static void print_call(const struct gw_sink *sink, const struct gw_report *report,
		       const struct report_call *call)
{
	char count[FORMAT_TIME], max[FORMAT_TIME], total[FORMAT_TIME];
	char name[TEXT_NAME], place[TEXT_PLACE];

	fprintf(sink->to, "%6s%s  max %s  %s %s  ", format_count(count, call->calls),
		text_sign(sink, "×", "x"), format_time(max, call->max_ns),
		text_sign(sink, "Σ", "total"), format_time(total, call->total_ns));
	if (call->frame != GW_NONE) {
		const struct gw_frame *frame = report_frame(report, call->frame);

		gw_escape(name, sizeof(name), frame->name);
		fprintf(sink->to, "%s %s %s ", name, text_place(place, frame),
			text_sign(sink, "→", "->"));
	}
	if (!strcmp(call->class, "gil"))
		fputs("waiting for the GIL", sink->to);
	else
		fprintf(sink->to, "%s%s", call->call, strcmp(call->class, "pagefault") ? "()" : "");
	print_peer(sink, call->peer);
	fprintf(sink->to, "%s%s\n", call->advice.rule ? "  " : "",
		call->advice.rule ? call->advice.rule : "");
}

/* The head of the table: how many there were, and what they took. */
static void print_sum(const struct gw_sink *sink, const struct gw_report *report)
{
	uint64_t n = report->calls_rest, ns = report->calls_rest_ns;
	char count[FORMAT_TIME], total[FORMAT_TIME];

	report_each (report, calls, struct report_call, call) {
		n += call->calls;
		ns += call->total_ns;
	}
	fprintf(sink->to, "calls   %s %s %s of the loops' time", format_count(count, n),
		n == 1 ? "took" : "in all took", format_time(total, ns));
	if (report->calls_rest)
		fprintf(sink->to, "; %s of them in no line: too many different places",
			format_count(count, report->calls_rest));
	fputc('\n', sink->to);
}

struct report_call *text_merged_calls(const struct gw_report *report, uint32_t *n)
{
	struct report_call *calls = malloc((report->calls.count + 1) * sizeof(*calls));

	if (!calls)
		return NULL;
	if (report->calls.count)
		memcpy(calls, report->calls.items, report->calls.count * sizeof(*calls));
	*n = merge(calls, report->calls.count);
	qsort(calls, *n, sizeof(*calls), by_total);
	return calls;
}

int text_calls(const struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t n, i;
	struct report_call *calls;

	if (!report->calls.count && !report->calls_rest)
		return 0;
	calls = text_merged_calls(report, &n);
	if (!calls)
		return -ENOMEM;
	print_sum(sink, report);
	for (i = 0; i < n && (i < CALLS || sink->opts.verbose); i++)
		print_call(sink, report, &calls[i]);
	if (i < n)
		fprintf(sink->to, "         %" PRIu32 " more: -v lists them\n", n - i);
	free(calls);
	return 0;
}

static bool same_user(const struct report_task *a, const struct report_task *b)
{
	return a->kind == b->kind && a->frame == b->frame && a->name == b->name;
}

static void user_add(struct report_task *to, const struct report_task *from)
{
	to->samples += from->samples;
	to->cpu_ns += from->cpu_ns;
	to->blocked_ns += from->blocked_ns;
	to->stalls += from->stalls;
	to->instances += from->instances;
	if (from->longest_ns > to->longest_ns)
		to->longest_ns = from->longest_ns;
	for (uint32_t i = 0; i < REPORT_TREND; i++)
		to->trend[i] += from->trend[i];
}

static uint32_t merge_users(struct report_task *users, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = 0;

		while (at < kept && !same_user(&users[at], &users[i]))
			at++;
		if (at == kept)
			users[kept++] = users[i];
		else
			user_add(&users[at], &users[i]);
	}
	return kept;
}

static int by_cpu(const void *a, const void *b)
{
	const struct report_task *x = a, *y = b;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns < y->cpu_ns ? 1 : -1;
	return x->family < y->family ? -1 : x->family > y->family;
}

/* Percent of a share that n samples saw, and what it may be off by, nineteen times out of twenty.
 */
static void print_part(const struct gw_sink *sink, const struct report_task *user, uint64_t cpu_ns,
		       uint64_t samples)
{
	double part = (double)user->cpu_ns / (double)cpu_ns;
	double off = 1.96 * sqrt(part * (1 - part) / (double)samples);

	fprintf(sink->to, "  %5.1f %s %.1f %%  ", 100 * part, text_sign(sink, "±", "+-"),
		100 * off);
}

static void print_user(const struct gw_sink *sink, const struct gw_report *report,
		       const struct report_task *user)
{
	char name[TEXT_NAME], place[TEXT_PLACE], hold[FORMAT_TIME], n[FORMAT_TIME];

	gw_escape(name, sizeof(name), user->name);
	fputs(name, sink->to);
	if (user->frame != GW_NONE)
		fprintf(sink->to, " %s", text_place(place, report_frame(report, user->frame)));
	if (user->kind == GW_TASK_GREENLET || user->kind == GW_TASK_TASK ||
	    user->kind == GW_TASK_CALLBACK)
		fprintf(sink->to, " (%s)", format_task_kind(user->kind));
	fprintf(sink->to, "  longest hold %s", format_time(hold, user->longest_ns));
	if (user->stalls)
		fprintf(sink->to, "  %s stall%s", format_count(n, user->stalls),
			user->stalls == 1 ? "" : "s");
	fputc('\n', sink->to);
}

struct report_task *text_merged_tasks(const struct gw_report *report, uint32_t *n)
{
	struct report_task *users = malloc((report->tasks.count + 1) * sizeof(*users));

	if (!users)
		return NULL;
	if (report->tasks.count)
		memcpy(users, report->tasks.items, report->tasks.count * sizeof(*users));
	*n = merge_users(users, report->tasks.count);
	qsort(users, *n, sizeof(*users), by_cpu);
	return users;
}

int text_users(const struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t n, i;
	uint64_t samples = 0, cpu_ns = 0;
	char count[FORMAT_TIME], total[FORMAT_TIME];
	struct report_task *users;

	report_each (report, tasks, struct report_task, task) {
		samples += task->samples;
		cpu_ns += task->cpu_ns;
	}
	if (!cpu_ns || samples < (sink->opts.verbose ? 1 : FEW))
		return 0;
	users = text_merged_tasks(report, &n);
	if (!users)
		return -ENOMEM;
	fprintf(sink->to, "users   of %s on the CPU, by %s sample%s\n", format_time(total, cpu_ns),
		format_count(count, samples), samples == 1 ? "" : "s");
	for (i = 0; i < n && users[i].cpu_ns && (i < USERS || sink->opts.verbose); i++) {
		print_part(sink, &users[i], cpu_ns, samples);
		print_user(sink, report, &users[i]);
	}
	if (i < n && users[i].cpu_ns)
		fprintf(sink->to, "         %" PRIu32 " more: -v lists them\n", n - i);
	free(users);
	return 0;
}
