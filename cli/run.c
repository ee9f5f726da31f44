// SPDX-License-Identifier: BSD-2-Clause
/*
 * run.c: starts a command, watches it or what it puts load on, and judges.
 *
 *	held -> probes on -> "watching" -> CMD runs -> the window ends -> CMD ends -> verdict
 *
 * The window ends with CMD, or when the run is told to end: what CMD does
 * while it shuts down is not judged. Text goes to stderr, stdout is CMD's.
 * The report is written whatever CMD did. CMD is never killed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "greenwatch.h"
#include "judge.h"
#include "load.h"
#include "signals.h"
#include "times.h"
#include "views.h"

#define STEP_MS   100               /* between two looks when nothing happens */
#define READY_NS  (2 * TIME_SECOND) /* a program may take so long until it listens */
#define GRACE_NS  (10 * TIME_SECOND)
#define SECOND_NS (2 * TIME_SECOND) /* ^C again within that does not wait */
#define JUDGE_NS  (TIME_SECOND / 4) /* between two verdicts with --fail-fast */

struct run {
	struct gw *gw;
	const struct gw_report *report; /* NULL: not open yet */
	const struct options *options;
	char *const *command;
	struct judge judge;
	struct gw_verdict verdict;
	struct views views;
	struct status status;
	struct child child;
	struct load load;
	int signals;
	bool outside;   /* something else is watched, CMD is the load */
	bool generator; /* CMD is watched, and is one */
	enum gw_ended ended;
	uint64_t until_ns;  /* the window ends then at the latest; 0: no limit */
	uint64_t grace_ns;  /* CMD is waited for until then; 0: as long as it takes */
	uint64_t signal_ns; /* when the last ^C came */
	uint64_t judged_ns;
	bool news, stopped, left, logged, failed, seen_loop, goes_on;
};

static void on_stall(void *ctx, const struct gw_stall *stall)
{
	struct run *run = ctx;

	if (run->generator)
		load_stall(&run->load, stall);
	run->news |= !stall->open && !stall->warmup;
	if (run->report)
		views_stall(&run->views, run->report, stall);
}

static void on_log(void *ctx, enum gw_level level, const char *line)
{
	struct run *run = ctx;

	run->logged |= level == GW_WARN;
	status_log(&run->status, level, line);
}

static const char *name_of(const struct run *run)
{
	const char *slash = strrchr(run->command[0], '/');

	return slash ? slash + 1 : run->command[0];
}

static void wait_for_grace(struct run *run)
{
	const struct options *options = run->options;
	uint64_t grace = options_given(options, "grace") ? options->grace_ns : GRACE_NS;

	run->grace_ns = time_now() + grace;
}

/* Whoever ends the run by a key has told CMD already. */
static void take_stop(struct run *run, int signo, bool terminal)
{
	uint64_t now = time_now();

	if (!terminal)
		child_signal(&run->child, signo);
	if (signo == SIGINT && run->signal_ns && now - run->signal_ns < SECOND_NS)
		run->left = true;
	if (signo == SIGINT)
		run->signal_ns = now;
	if (!run->stopped && signo == SIGINT)
		status_say(&run->status, "waiting for %s to end; ^C again does not", name_of(run));
	run->stopped = true;
	wait_for_grace(run);
	if (run->ended == GW_ENDED_NOT)
		run->ended = GW_ENDED_SIGNAL;
}

static void take_signals(struct run *run)
{
	bool terminal;
	int signo;

	while ((signo = signals_take(run->signals, &terminal))) {
		if (signo != SIGQUIT)
			take_stop(run, signo, terminal);
		else if (run->ended == GW_ENDED_NOT)
			views_interim(&run->views, gw_report(run->gw));
	}
}

static void judge(struct run *run, int status)
{
	run->judge.opts.status = status;
	if (judge_report(&run->judge, gw_report(run->gw), &run->status, &run->verdict))
		run->failed = true;
}

/* A verdict brings the whole report up to date: not more often than four times a second, and once
 * a second where no stall has ended. */
static void fail_fast(struct run *run)
{
	uint64_t now = time_now();

	if (!run->options->fail_fast || now - run->judged_ns < (run->news ? JUDGE_NS : TIME_SECOND))
		return;
	run->judged_ns = now;
	run->news = false;
	judge(run, 0);
	if (!run->verdict.for_good)
		return;
	run->judge.opts.asked_ns = 0;
	run->ended = GW_ENDED_FAIL_FAST;
}

/* The window ends for which reason? */
static void look(struct run *run)
{
	if (run->ended == GW_ENDED_NOT && child_look(&run->child))
		run->ended = GW_ENDED_CHILD;
	if (run->ended == GW_ENDED_NOT)
		run->ended = gw_ended(run->gw);
	if (run->ended == GW_ENDED_TARGET && !run->outside)
		run->ended = GW_ENDED_CHILD;
	if (run->ended == GW_ENDED_NOT && run->until_ns && time_now() >= run->until_ns)
		run->ended = GW_ENDED_DURATION;
	if (run->ended == GW_ENDED_NOT)
		fail_fast(run);
}

static void watch(struct run *run)
{
	while (run->ended == GW_ENDED_NOT) {
		struct pollfd fds[] = {
			{ .fd = gw_fd(run->gw), .events = POLLIN },
			{ .fd = run->signals, .events = POLLIN },
			{ .fd = run->child.pidfd, .events = POLLIN },
			{ .fd = load_fd(&run->load), .events = POLLIN },
		};

		poll(fds, 4, STEP_MS);
		take_signals(run);
		if (gw_poll(run->gw, 0) < 0) {
			run->failed = true;
			run->ended = GW_ENDED_ERROR;
		}
		load_poll(&run->load);
		look(run);
	}
}

/* The window is over. CMD is told, unless it knows: it has ended, or was told by whoever told us.
 */
static void end_window(struct run *run)
{
	struct gw_now now = { 0 };
	char line[300];

	if (gw_poll(run->gw, 0) >= 0 && !gw_now(run->gw, &now)) {
		run->seen_loop = now.loops > 0 || now.turns > 0;
		run->goes_on = run->ended == GW_ENDED_CHILD && !run->outside && now.loops > 0;
	}
	load_tell(&run->load, run->command[0], run->gw, line, sizeof(line));
	if (run->child.ended)
		gw_child_exit(run->gw, run->child.status);
	if (gw_end(run->gw, run->ended) < 0)
		run->failed = true;
	if (line[0])
		status_say(&run->status, "%s", line);
	if (run->ended == GW_ENDED_DURATION || run->ended == GW_ENDED_FAIL_FAST) {
		child_signal(&run->child, SIGTERM);
		wait_for_grace(run);
	}
}

static int wait_ms(const struct run *run)
{
	uint64_t now = time_now();

	if (!run->grace_ns || run->grace_ns > now + STEP_MS * 1000000ULL)
		return STEP_MS;
	return run->grace_ns > now ? (int)((run->grace_ns - now) / 1000000) + 1 : 0;
}

static void wait_for_child(struct run *run)
{
	bool known = run->child.ended;

	while (!child_look(&run->child) && !run->left) {
		struct pollfd fds[] = {
			{ .fd = run->child.pidfd, .events = POLLIN },
			{ .fd = run->signals, .events = POLLIN },
		};

		if (run->grace_ns && time_now() >= run->grace_ns)
			break;
		poll(fds, 2, wait_ms(run));
		take_signals(run);
	}
	if (!known && run->child.ended)
		gw_child_exit(run->gw, run->child.status);
	if (!run->child.ended)
		status_say(&run->status, "%s (%d) has not ended and is left alone", name_of(run),
			   (int)run->child.pid);
}

/* CMD's own failure; what it does when the run ends it is none. */
static bool has_failed(const struct run *run)
{
	return run->child.ended && run->child.status && run->ended != GW_ENDED_DURATION &&
	       run->ended != GW_ENDED_FAIL_FAST;
}

static int exit_code(const struct run *run)
{
	if (has_failed(run))
		return run->child.status;
	if (run->left)
		return EXIT_LEFT;
	if (run->failed || run->views.failed || !run->child.ended)
		return EXIT_ERROR;
	return judge_exit(&run->verdict);
}

static int end(struct run *run)
{
	judge(run, has_failed(run) ? run->child.status : 0);
	if (run->signal_ns) /* the first ^C still writes the reports, the second does not */
		signals_leave_on_int();
	views_end(&run->views, gw_report(run->gw));
	judge_annotate(&run->judge, gw_report(run->gw), run->views.text);
	if (!run->seen_loop)
		status_say(
			&run->status,
			"no event loop was seen; greenwatch help limits says what counts as one");
	if (run->goes_on)
		status_say(
			&run->status,
			"%s has ended, and a process that it started goes on unwatched: run it in "
			"the foreground, or watch it with -p",
			name_of(run));
	views_close(&run->views, true);
	return exit_code(run);
}

/* One that is not there is refused at once, before anything takes time. */
static bool all_there(const struct opt_pids *pids)
{
	for (size_t i = 0; i < pids->count; i++)
		if (kill((pid_t)pids->items[i], 0) && errno == ESRCH)
			return false;
	return true;
}

static int open_session(struct run *run)
{
	const struct options *options = run->options;
	const uint32_t child = (uint32_t)run->child.pid;
	bool given = options_given(options, "warmup");
	GW_OPTS(opts, .pids = run->outside ? options->pids.items : &child,
		.n_pids = run->outside ? options->pids.count : 1, .no_follow = options->no_follow,
		.threshold_ns = options->threshold_ns, .period_ns = options->period_ns,
		.max_stalls = (uint32_t)options->max_stalls,
		.calls_all = options->calls == OPT_CALLS_ALL, .warmup_ns = options->warmup_ns,
		.command = (const char *const *)run->command, .command_watched = !run->outside,
		.tags = options->tags.items, .n_tags = options->tags.count, .stall = on_stall,
		.log = on_log, .ctx = run);
	int err;

	if (!given && !run->outside) {
		opts.warmup_ns = READY_NS;
		opts.warmup_ready = true;
	}
	if (run->outside &&
	    all_there(&options->pids)) /* before: the run begins with the other session */
		load_open(&run->load, child, options->threshold_ns);
	err = gw_open(&run->gw, &opts);
	if (err && !run->logged)
		status_say(&run->status, "cannot watch: %s", strerror(-err));
	if (err)
		return EXIT_OURS;
	run->report = gw_report(run->gw);
	run->load.began_ns = time_now();
	return 0;
}

/* 0: CMD runs. */
static int begin(struct run *run)
{
	char why[900];
	int code = open_session(run);

	if (code)
		return code;
	views_start(&run->views, run->report);
	views_watching(&run->views, run->report);
	code = child_begin(&run->child, why, sizeof(why));
	if (code)
		status_say(&run->status, "%s", why);
	else if (run->options->duration_ns)
		run->until_ns = time_now() + run->options->duration_ns;
	return code;
}

static int run_all(struct run *run)
{
	int code = begin(run);

	if (code) {
		child_drop(&run->child);
		views_close(&run->views, false);
	} else {
		watch(run);
		end_window(run);
		wait_for_child(run);
		code = end(run);
	}
	load_close(&run->load);
	gw_close(run->gw);
	child_close(&run->child);
	if (!code || !has_failed(run) || code != run->child.status)
		return code;
	return child_end_alike(&run->child);
}

static int open_budget(struct run *run)
{
	const struct options *options = run->options;
	uint64_t threshold_ns = options->threshold_ns ? options->threshold_ns : GW_THRESHOLD_NS;
	int err = judge_open(&run->judge, options, &run->status, "stalls == 0", threshold_ns);

	run->judge.opts.asked_ns = options->duration_ns;
	return err == EXIT_ERROR ? EXIT_OURS : err;
}

/* Everything that can be refused is, before anything is started. */
static int check(struct options *options, char **command)
{
	int err;

	if (!options->has_rest && options->words.count)
		return usage("put -- before the command: greenwatch run -- %s ...",
			     options->words.items[0]);
	if (!command[0])
		return usage("no command given, e.g. greenwatch run -- python3 app.py");
	for (size_t i = 0; i < options->outputs.count; i++)
		if (!strcmp(options->outputs.items[i], "-"))
			return usage("-o \"-\": stdout is the command's; give a file");
	if (tags_check(options))
		return usage("%s", options->error);
	options->words.count = options->rest;
	err = targets(options);
	return err == EXIT_ERROR ? EXIT_OURS : err;
}

static int start(struct run *run, const struct invoker *user)
{
	int err = child_hold(&run->child, run->command, user);

	if (err) {
		status_say(&run->status, "cannot start a process: %s", strerror(-err));
		return EXIT_OURS;
	}
	run->signals = signals_open();
	if (run->signals < 0) {
		status_say(&run->status, "signals: %s", strerror(-run->signals));
		child_drop(&run->child);
		return EXIT_OURS;
	}
	err = views_open(&run->views, run->options, &run->status, "text", NULL);
	if (err) {
		child_drop(&run->child);
		return err == EXIT_USAGE ? err : EXIT_OURS;
	}
	return run_all(run);
}

int cmd_run(struct options *options)
{
	char **command = (char **)options->words.items + options->rest, why[300];
	struct run run = { .options = options, .command = command };
	struct invoker user = { 0 };
	int err = check(options, command);

	if (err)
		return err;
	options->text_on_stderr = true;
	status_open(&run.status, options);
	run.status.quiet = true; /* no progress among the lines of the command */
	run.status.live = false;
	run.outside = options->pids.count > 0;
	run.generator = !run.outside && load_is_generator((const char *const *)command);
	if (!options->as_root && invoker_find(&user, why, sizeof(why))) {
		status_say(&run.status, "%s", why);
		return EXIT_OURS;
	}
	err = open_budget(&run);
	if (!err)
		err = start(&run, &user);
	judge_close(&run.judge);
	return err;
}
