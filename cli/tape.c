// SPDX-License-Identifier: BSD-2-Clause
/*
 * tape.c: greenwatch record FILE -p PID: watches, and keeps all it saw;
 * greenwatch replay FILE: prints that again, anywhere.
 *
 * Replaying needs no kernel, no privilege and no target. For developers and
 * bug reports; a tape holds names, paths and numbers, no memory of the target.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"
#include "judge.h"
#include "signals.h"
#include "views.h"

struct replay {
	struct gw *gw;
	const struct gw_report *report; /* NULL: not open yet */
	struct views views;
	struct status status;
	struct judge judge;
	bool logged;
};

static void on_stall(void *ctx, const struct gw_stall *stall)
{
	struct replay *replay = ctx;

	if (replay->report)
		views_stall(&replay->views, replay->report, stall);
}

static void on_log(void *ctx, enum gw_level level, const char *line)
{
	struct replay *replay = ctx;

	replay->logged |= level == GW_WARN;
	status_log(&replay->status, level, line);
}

static int fail(struct replay *replay, int err)
{
	if (!replay->logged)
		status_say(&replay->status, "cannot read the tape: %s", strerror(-err));
	views_close(&replay->views, false);
	gw_close(replay->gw);
	return EXIT_ERROR;
}

static int play(struct replay *replay, const char *path)
{
	struct gw_verdict verdict;
	GW_OPTS(opts, .replay = path, .stall = on_stall, .log = on_log, .ctx = replay);
	int err = gw_open(&replay->gw, &opts);

	if (err)
		return fail(replay, err);
	replay->report = gw_report(replay->gw);
	views_start(&replay->views, replay->report);
	while (gw_ended(replay->gw) == GW_ENDED_NOT && !replay->views.closed) {
		err = gw_poll(replay->gw, -1);
		if (err < 0)
			return fail(replay, err);
	}
	err = gw_end(replay->gw, gw_ended(replay->gw));
	if (err < 0)
		return fail(replay, err);
	err = judge_report(&replay->judge, gw_report(replay->gw), &replay->status, &verdict);
	views_end(&replay->views, gw_report(replay->gw));
	views_close(&replay->views, true);
	gw_close(replay->gw);
	return err || replay->views.failed ? EXIT_ERROR : judge_exit(&verdict);
}

int cmd_record(struct options *options)
{
	if (!options->words.count)
		return usage("record needs the tape to write: greenwatch record FILE -p PID");
	options->tape = options->words.items[0];
	options->words.count--;
	memmove(options->words.items, options->words.items + 1,
		options->words.count * sizeof(*options->words.items));
	return cmd_watch(options);
}

int cmd_replay(struct options *options)
{
	struct replay replay = { 0 };
	int err;

	if (options->words.count != 1)
		return usage("replay takes one tape: greenwatch replay FILE");
	signal(SIGPIPE, SIG_IGN);
	signals_leave_on_int();
	status_open(&replay.status, options);
	err = judge_open(&replay.judge, options, &replay.status, NULL, 0);
	if (!err)
		err = views_open(&replay.views, options, &replay.status, "text", NULL);
	if (!err)
		err = play(&replay, options->words.items[0]);
	judge_close(&replay.judge);
	return err;
}
