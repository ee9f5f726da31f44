// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c: the default command: stalls as they happen, a summary at the end.
 *
 * Files are opened before the probes, the line that begins with "watching "
 * comes when nothing can be missed any more, and whatever ends the run, the
 * summary is printed and the files are written. Looking is no test: stalls
 * do not change the exit code unless there is a budget.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "greenwatch.h"
#include "judge.h"
#include "signals.h"
#include "times.h"
#include "views.h"

#define STEP_MS  100               /* between two looks when nothing happens */
#define JUDGE_NS TIME_SECOND       /* between two verdicts of --fail-fast */
#define SOON_NS  (3 * TIME_SECOND) /* a loop should have been seen by then */

struct watch {
	struct gw *gw;
	const struct gw_report *report; /* NULL: not open yet */
	const struct options *options;
	struct views views;
	struct status status;
	struct judge judge;
	uint64_t judged_ns; /* when the last verdict of --fail-fast was made */
	int signals;
	uint64_t began_ns, until_ns; /* until_ns 0: no end */
	enum gw_ended ended;
	bool seen_loop, told_none, logged, failed;
};

static void on_stall(void *ctx, const struct gw_stall *stall)
{
	struct watch *watch = ctx;

	watch->seen_loop = true;
	if (watch->report)
		views_stall(&watch->views, watch->report, stall);
}

static void on_log(void *ctx, enum gw_level level, const char *line)
{
	struct watch *watch = ctx;

	watch->logged |= level == GW_WARN;
	status_log(&watch->status, level, line);
}

static void take_signals(struct watch *watch)
{
	int signo;

	while ((signo = signals_next(watch->signals))) {
		if (signo == SIGQUIT) {
			views_interim(&watch->views, gw_report(watch->gw));
			continue;
		}
		status_clear(&watch->status);
		if (signo == SIGINT)
			fprintf(stderr, "%sstopping; ^C again leaves now\n",
				isatty(STDERR_FILENO) ? "\n" : "");
		signals_leave_on_int();
		watch->ended = GW_ENDED_SIGNAL;
	}
}

/* Said once: silence could mean that all is well, and here it does not. */
static void tell_no_loop(struct watch *watch)
{
	const struct opt_pids *pids = &watch->options->pids;
	char line[1024];

	watch->told_none = true;
	if (gw_describe(watch->gw, line, sizeof(line)) < 0 || !line[0])
		status_say(&watch->status, "no event loop was seen in 3 s; still looking");
	else if (pids->count == 1)
		status_say(&watch->status, "%u has shown no event loop in 3 s: %s; still looking",
			   pids->items[0], line);
	else
		status_say(&watch->status, "no event loop was seen in 3 s: %s; still looking",
			   line);
}

static void look(struct watch *watch)
{
	uint64_t at = time_now();
	struct gw_now now = { 0 };

	if (watch->until_ns && at >= watch->until_ns && watch->ended == GW_ENDED_NOT)
		watch->ended = GW_ENDED_DURATION;
	if (watch->ended != GW_ENDED_NOT || gw_now(watch->gw, &now) < 0)
		return;
	watch->seen_loop |= now.loops > 0 || now.turns > 0;
	if (!watch->seen_loop && !watch->told_none && at - watch->began_ns >= SOON_NS)
		tell_no_loop(watch);
	status_show(&watch->status, &now);
}

/* A verdict that can only get worse ends the run. */
static void judge_now(struct watch *watch)
{
	uint64_t at = time_now();
	struct gw_verdict verdict;

	if (!watch->options->fail_fast || watch->ended != GW_ENDED_NOT ||
	    at - watch->judged_ns < JUDGE_NS)
		return;
	watch->judged_ns = at;
	if (judge_report(&watch->judge, gw_report(watch->gw), &watch->status, &verdict) ||
	    !verdict.for_good)
		return;
	status_say(&watch->status, "a budget is broken, stopping (--fail-fast)");
	watch->judge.opts.asked_ns = 0;
	watch->ended = GW_ENDED_FAIL_FAST;
}

static int wait_ms(const struct watch *watch)
{
	uint64_t at = time_now(), left;

	if (!watch->until_ns)
		return STEP_MS;
	left = at < watch->until_ns ? (watch->until_ns - at) / 1000000 + 1 : 0;
	return left < STEP_MS ? (int)left : STEP_MS;
}

static void run(struct watch *watch)
{
	while (watch->ended == GW_ENDED_NOT && !watch->views.closed) {
		struct pollfd fds[] = {
			{ .fd = gw_fd(watch->gw), .events = POLLIN },
			{ .fd = watch->signals, .events = POLLIN },
		};

		poll(fds, 2, wait_ms(watch));
		take_signals(watch);
		if (gw_poll(watch->gw, 0) < 0) {
			watch->failed = true;
			watch->ended = GW_ENDED_ERROR;
		}
		if (watch->ended == GW_ENDED_NOT)
			watch->ended = gw_ended(watch->gw);
		look(watch);
		judge_now(watch);
	}
	if (watch->ended == GW_ENDED_NOT) /* nobody reads stdout any more */
		watch->ended = GW_ENDED_SIGNAL;
}

static int end(struct watch *watch)
{
	const struct gw_report *report;
	struct gw_now now = { 0 };
	struct gw_verdict verdict;

	if (!gw_now(watch->gw, &now)) /* before the end: the totals are final then */
		watch->seen_loop |= now.loops > 0 || now.turns > 0;
	if (gw_end(watch->gw, watch->ended) < 0)
		watch->failed = true;
	report = gw_report(watch->gw);
	if (judge_report(&watch->judge, report, &watch->status, &verdict))
		watch->failed = true;
	views_end(&watch->views, report);
	judge_annotate(&watch->judge, report, watch->views.text);
	if (!watch->seen_loop)
		status_say(
			&watch->status,
			"no event loop was seen; greenwatch help limits says what counts as one");
	views_close(&watch->views, true);
	if (watch->failed || watch->views.failed || (!watch->seen_loop && !verdict.outcome))
		return EXIT_ERROR;
	return judge_exit(&verdict);
}

static int open_session(struct watch *watch)
{
	const struct options *options = watch->options;
	GW_OPTS(opts, .pids = options->pids.items, .n_pids = options->pids.count,
		.no_follow = options->no_follow, .threshold_ns = options->threshold_ns,
		.period_ns = options->period_ns, .max_stalls = (uint32_t)options->max_stalls,
		.calls_all = options->calls == OPT_CALLS_ALL, .record = options->tape,
		.warmup_ns = options->warmup_ns, .tags = options->tags.items,
		.n_tags = options->tags.count, .stall = on_stall, .log = on_log, .ctx = watch);
	int err = gw_open(&watch->gw, &opts);

	if (!err)
		return 0;
	if (!watch->logged)
		status_say(&watch->status, "cannot watch: %s", strerror(-err));
	return -1;
}

static int watch_all(struct watch *watch)
{
	int code;

	if (open_session(watch)) {
		views_close(&watch->views, false);
		return EXIT_ERROR;
	}
	watch->began_ns = time_now();
	if (watch->options->duration_ns)
		watch->until_ns = watch->began_ns + watch->options->duration_ns;
	watch->report = gw_report(watch->gw);
	views_start(&watch->views, watch->report);
	views_watching(&watch->views, watch->report);
	run(watch);
	code = end(watch);
	gw_close(watch->gw);
	return code;
}

static int watch_judged(struct watch *watch, const char *next)
{
	const struct options *options = watch->options;
	uint64_t threshold_ns = options->threshold_ns ? options->threshold_ns : GW_THRESHOLD_NS;
	int err = judge_open(&watch->judge, options, &watch->status, NULL, threshold_ns);

	watch->judge.opts.asked_ns = options->duration_ns;
	if (!err)
		err = views_open(&watch->views, options, &watch->status, "text", next);
	if (!err)
		err = watch_all(watch);
	judge_close(&watch->judge);
	return err;
}

int cmd_watch(struct options *options)
{
	struct watch watch = { .options = options };
	char next[80];
	int err = targets(options);

	if (err)
		return err;
	if (tags_check(options))
		return usage("%s", options->error);
	if (!options->pids.count)
		return usage("no process given, e.g. greenwatch -p 4242; greenwatch -h says more");
	snprintf(next, sizeof(next), "greenwatch -p %u -d 60 -o stalls.json",
		 options->pids.items[0]);
	status_open(&watch.status, options);
	watch.signals = signals_open();
	if (watch.signals < 0) {
		status_say(&watch.status, "signals: %s", strerror(-watch.signals));
		return EXIT_ERROR;
	}
	return watch_judged(&watch, options->outputs.count || options->json ? NULL : next);
}
