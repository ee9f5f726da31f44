// SPDX-License-Identifier: BSD-2-Clause
/*
 * diff.c: greenwatch diff BASE NEW...: what changed between two runs.
 *
 * Sites are matched by fingerprint, so code that only moved is the same.
 * Looking is no test: the exit code is 0 unless --fail-on names a state that
 * occurs, or cannot be told because events were lost.
 */
#include <stdlib.h>
#include <string.h>

#include "judge.h"

struct states {
	bool on[GW_CHANGE_FIXED + 1];
};

static int find_state(const char *word, size_t len)
{
	for (int i = GW_CHANGE_NEW; i <= GW_CHANGE_FIXED; i++) {
		const char *name = gw_change_name((enum gw_change)i);

		if (strlen(name) == len && !memcmp(name, word, len))
			return i;
	}
	return -1;
}

static int read_states(const struct options *options, struct states *out)
{
	*out = (struct states){ 0 };
	for (size_t i = 0; i < options->fail_on.count; i++) {
		for (const char *at = options->fail_on.items[i];; at += strcspn(at, ",") + 1) {
			size_t len = strcspn(at, ",");
			int state = find_state(at, len);

			if (state < 0)
				return usage("--fail-on \"%.*s\": must be new, regressed, "
					     "unchanged, improved or fixed",
					     len < 60 ? (int)len : 60, at);
			out->on[state] = true;
			if (!at[len])
				break;
		}
	}
	return 0;
}

static int show(const struct gw_diff *diff, const struct options *options,
		const struct states *states)
{
	struct gw_sink_opts opts = { .sz = sizeof(opts),
				     .color = !options->markdown &&
					      terminal_color(stdout, options->color),
				     .utf8 = options->markdown || terminal_utf8(),
				     .verbose = options->verbose > 0 };
	int code = EXIT_DONE;

	if (!options->quiet) {
		gw_diff_print(diff, options->markdown ? "markdown" : "text", stdout, &opts);
		code = printed();
	}
	if (!code && options->fail_on.count && !gw_diff_complete(diff))
		return EXIT_NO_VERDICT;
	for (int i = GW_CHANGE_NEW; !code && i <= GW_CHANGE_FIXED; i++) {
		if (states->on[i] && gw_diff_count(diff, (enum gw_change)i))
			code = EXIT_BROKEN;
	}
	return code;
}

static int compare(struct gw_report **reports, size_t n, const struct options *options,
		   const struct states *states, struct status *status)
{
	const struct gw_report *const *all = (const struct gw_report *const *)reports;
	enum gw_aggregate how = options->aggregate == OPT_AGGREGATE_MEDIAN ? GW_MEDIAN : GW_WORST;
	struct gw_diff *diff = NULL;
	int err = gw_diff_open(&diff, all, 1, all + 1, n - 1, how), code;

	if (err) {
		status_say(status, "cannot compare: %s", strerror(-err));
		return EXIT_ERROR;
	}
	code = show(diff, options, states);
	gw_diff_close(diff);
	return code;
}

int cmd_diff(struct options *options)
{
	size_t n = options->words.count, loaded = 0;
	struct gw_report **reports;
	struct status status;
	struct states states;
	int code = read_states(options, &states);

	if (code)
		return code;
	if (n < 2)
		return usage("diff needs two reports, e.g. greenwatch diff main.json new.json");
	reports = calloc(n, sizeof(struct gw_report *));
	if (!reports)
		return EXIT_ERROR;
	status_open(&status, options);
	while (loaded < n && (reports[loaded] = judge_load(options->words.items[loaded])))
		loaded++;
	code = loaded < n ? EXIT_USAGE : compare(reports, n, options, &states, &status);
	for (size_t i = 0; i < loaded; i++)
		gw_report_free(reports[i]);
	free(reports);
	return code;
}
