// SPDX-License-Identifier: BSD-2-Clause
/*
 * report.c: greenwatch report FILE...: saved reports, shown in any format.
 *
 * Needs no privilege, no kernel and no target: a machine that may watch
 * records, any other looks. Several reports are shown as one. What cannot be
 * read is an error of usage, and nothing is written then.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"
#include "signals.h"
#include "views.h"

/* 0, or 2 and said why. */
static int load(struct gw_report **out, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *from = is_stdin ? stdin : fopen(path, "re");
	char why[1200];
	int err;

	if (!from)
		return usage("%s: %s", path, strerror(errno));
	err = gw_load(out, from, is_stdin ? "stdin" : path, why, sizeof(why));
	if (!is_stdin)
		fclose(from);
	if (!err)
		return 0;
	fprintf(stderr, "greenwatch: %s\n", why);
	return EXIT_USAGE;
}

static int merge(struct gw_report **into, const struct gw_report *next, const char *path)
{
	int err = gw_merge(into, next);

	if (err == -EPROTO)
		return usage("%s: its fingerprints are of another version than those of the files "
			     "before it; record anew with one version",
			     path);
	if (err == -EFBIG)
		return usage("%s: more than 4096 loops in all; give fewer files", path);
	return err ? usage("out of memory") : 0;
}

static int load_all(struct gw_report **out, const struct opt_texts *files)
{
	struct gw_report *next, *merged = NULL;
	int err;

	if (files->count == 1)
		return load(out, files->items[0]);
	for (size_t i = 0; i < files->count; i++) {
		next = NULL;
		err = load(&next, files->items[i]);
		if (!err)
			err = merge(&merged, next, files->items[i]);
		gw_report_free(next);
		if (err) {
			gw_report_free(merged);
			return err;
		}
	}
	*out = merged;
	return 0;
}

static int show(struct views *views, const struct gw_report *report)
{
	struct gw_stall stall;

	views_start(views, report);
	for (size_t i = 0; !views->closed && !gw_stall_at(report, i, &stall); i++)
		views_stall(views, report, &stall);
	views_end(views, report);
	views_close(views, true);
	return views->failed ? EXIT_ERROR : EXIT_DONE;
}

int cmd_report(struct options *options)
{
	struct gw_report *report = NULL;
	struct status status = { 0 };
	struct views views;
	int err;

	if (!options->words.count)
		return usage("no report given, e.g. greenwatch report stalls.json -f markdown");
	signal(SIGPIPE, SIG_IGN);
	status_open(&status, options);
	err = load_all(&report, &options->words);
	if (err)
		return err;
	err = views_open(&views, options, &status, NULL, NULL);
	if (!err)
		err = show(&views, report);
	gw_report_free(report);
	return err;
}
