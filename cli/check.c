// SPDX-License-Identifier: BSD-2-Clause
/*
 * check.c: greenwatch check FILE...: a verdict on saved reports.
 *
 * A test, so "stalls == 0" is judged where nothing else is asked for. Several
 * reports are runs of the same thing: each is judged, and --aggregate says
 * which one speaks for all.
 */
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "views.h"

struct check {
	struct judge judge;
	struct status status;
	struct views views;
	struct gw_report **reports; /* those of the files, in order */
	size_t n;
	struct gw_report *merged; /* all of them as one; NULL: there is one */
};

static int load_all(struct check *check, const struct options *options)
{
	check->reports = calloc(options->words.count, sizeof(struct gw_report *));
	if (!check->reports)
		return EXIT_ERROR;
	for (; check->n < options->words.count; check->n++) {
		const char *path = options->words.items[check->n];
		struct gw_report *report = judge_load(path);
		int err = 0;

		if (!report)
			return EXIT_USAGE;
		check->reports[check->n] = report;
		if (options->words.count > 1)
			err = gw_merge(&check->merged, report);
		if (err) {
			check->n++;
			status_say(&check->status, "%s: cannot be put together with the others: %s",
				   path, strerror(-err));
			return EXIT_ERROR;
		}
	}
	return 0;
}

static int judge_all(struct check *check, const struct options *options)
{
	const struct gw_report *into = check->merged ? check->merged : check->reports[0];
	enum gw_aggregate how = options->aggregate == OPT_AGGREGATE_MEDIAN ? GW_MEDIAN : GW_WORST;
	struct gw_verdict verdict;
	int err = gw_judge_all((const struct gw_report *const *)check->reports, check->n, how,
			       &check->judge.opts, into, &verdict);

	if (err) {
		status_say(&check->status, "cannot judge: %s", strerror(-err));
		views_close(&check->views, false);
		return EXIT_ERROR;
	}
	views_start(&check->views, into);
	views_end(&check->views, into);
	judge_annotate(&check->judge, into, check->views.text);
	views_close(&check->views, true);
	return check->views.failed ? EXIT_ERROR : judge_exit(&verdict);
}

static int run(struct check *check, const struct options *options)
{
	int err = judge_open(&check->judge, options, &check->status, "stalls == 0", 0);

	if (!err)
		err = load_all(check, options);
	if (!err)
		err = views_open(&check->views, options, &check->status, "verdict", NULL);
	return err ? err : judge_all(check, options);
}

int cmd_check(struct options *options)
{
	struct check check = { 0 };
	int code;

	if (!options->words.count)
		return usage("check needs a report, e.g. greenwatch check stalls.json");
	status_open(&check.status, options);
	code = run(&check, options);
	for (size_t i = 0; i < check.n; i++)
		gw_report_free(check.reports[i]);
	free(check.reports);
	gw_report_free(check.merged);
	judge_close(&check.judge);
	return code;
}
