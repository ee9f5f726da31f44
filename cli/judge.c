// SPDX-License-Identifier: BSD-2-Clause
/*
 * judge.c: budgets, suppressions and baselines of the command line.
 *
 * Files are read whole, and bounded; the library judges their text. A bad
 * line is a usage error that names file, line and column; a file that cannot
 * be read is one too: a gate that passes without its budget is no gate.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "judge.h"

#define FILE_MAX (1 << 20)
#define OWN      "./.greenwatch.supp"
#define SHOWN    80 /* bytes of an expression in an error */

/* The file's bytes, the caller's to free; NULL: errno says why. */
static char *slurp(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(FILE_MAX + 2);
	ssize_t n = 1;

	*len = 0;
	while (text && n > 0 && *len <= FILE_MAX) {
		n = read(fd, text + *len, FILE_MAX + 1 - *len);
		*len += n > 0 ? (size_t)n : 0;
	}
	if (text && (n < 0 || *len > FILE_MAX)) {
		int err = n < 0 ? errno : EFBIG;

		free(text);
		text = NULL;
		errno = err;
	}
	if (fd >= 0) {
		int err = errno;

		close(fd);
		errno = err;
	}
	return text;
}

static int add_expressions(struct judge *judge, const struct options *options)
{
	char why[256];

	for (size_t i = 0; i < options->budgets.count; i++) {
		int err = gw_budget_add(judge->budget, options->budgets.items[i], why, sizeof(why));

		if (err == -EINVAL)
			return usage("-b \"%.*s\": %s", SHOWN, options->budgets.items[i], why);
		if (err)
			return EXIT_ERROR;
	}
	return 0;
}

static int add_file(struct judge *judge, const char *path)
{
	char why[256], *text;
	size_t len;
	int err;

	text = slurp(path, &len);
	if (!text)
		return usage("--budget-file %.*s: %s", SHOWN, path, strerror(errno));
	err = gw_budget_add_file(judge->budget, text, len, why, sizeof(why));
	free(text);
	if (err == -EINVAL)
		return usage("%.*s: %s", SHOWN, path, why);
	return err ? EXIT_ERROR : 0;
}

static int open_budget(struct judge *judge, const struct options *options, const char *fallback,
		       uint64_t threshold_ns)
{
	bool given = options->budgets.count || options->budget_files.count;
	char why[256];
	int err = gw_budget_open(&judge->budget) ? EXIT_ERROR : 0;

	if (!err)
		err = add_expressions(judge, options);
	for (size_t i = 0; !err && i < options->budget_files.count; i++)
		err = add_file(judge, options->budget_files.items[i]);
	if (!err && !given && fallback)
		err = gw_budget_add(judge->budget, fallback, why, sizeof(why)) ? EXIT_ERROR : 0;
	if (!err && threshold_ns && gw_budget_check(judge->budget, threshold_ns, why, sizeof(why)))
		return usage("%s", why);
	return err;
}

static void say_expired(const struct judge *judge, const char *path, struct status *status)
{
	char line[256];

	for (uint32_t i = 0; !gw_suppressions_expired(judge->suppressions, judge->opts.wall_ns, i,
						      line, sizeof(line));
	     i++)
		status_say(status, "%.*s: %s", SHOWN, path, line);
}

static int open_suppressions(struct judge *judge, const struct options *options,
			     struct status *status)
{
	const char *path = options->suppress ? options->suppress : OWN;
	char why[256], *text;
	size_t len;
	int err;

	text = slurp(path, &len);
	if (!text && !options->suppress && errno == ENOENT)
		return 0;
	if (!text)
		return usage("--suppress %.*s: %s", SHOWN, path, strerror(errno));
	err = gw_suppressions_open(&judge->suppressions, text, len, why, sizeof(why));
	free(text);
	if (err == -EINVAL)
		return usage("%.*s: %s", SHOWN, path, why);
	if (err)
		return EXIT_ERROR;
	say_expired(judge, path, status);
	return 0;
}

struct gw_report *judge_load(const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	struct gw_report *report = NULL;
	FILE *from = is_stdin ? stdin : fopen(path, "re");
	char why[1200];

	if (!from) {
		usage("%s: %s", path, strerror(errno));
		return NULL;
	}
	if (gw_load(&report, from, is_stdin ? "stdin" : path, why, sizeof(why))) {
		fprintf(stderr, "greenwatch: %s\n", why);
		report = NULL;
	}
	if (!is_stdin)
		fclose(from);
	return report;
}

int judge_open(struct judge *judge, const struct options *options, struct status *status,
	       const char *fallback, uint64_t threshold_ns)
{
	int err;

	*judge = (struct judge){ 0 };
	judge->opts = (struct gw_judge_opts){ .sz = sizeof(judge->opts),
					      .min_turns = options->min_turns,
					      .wall_ns = (uint64_t)time(NULL) * 1000000000 };
	err = open_budget(judge, options, fallback, threshold_ns);
	if (!err)
		err = open_suppressions(judge, options, status);
	if (!err && options->baseline) {
		judge->baseline = judge_load(options->baseline);
		err = judge->baseline ? 0 : EXIT_USAGE;
	}
	judge->opts.budget = judge->budget;
	judge->opts.suppressions = judge->suppressions;
	judge->opts.baseline = judge->baseline;
	return err;
}

void judge_close(struct judge *judge)
{
	gw_budget_close(judge->budget);
	gw_suppressions_close(judge->suppressions);
	gw_report_free(judge->baseline);
	*judge = (struct judge){ 0 };
}

bool judge_wanted(const struct judge *judge)
{
	return (judge->budget && gw_budget_count(judge->budget)) || judge->suppressions ||
	       judge->baseline;
}

int judge_report(struct judge *judge, const struct gw_report *report, struct status *status,
		 struct gw_verdict *out)
{
	int err;

	*out = (struct gw_verdict){ 0 };
	if (!judge_wanted(judge))
		return 0;
	err = gw_judge(report, &judge->opts, out);
	if (!err)
		return 0;
	status_say(status, "cannot judge: %s", strerror(-err));
	return EXIT_ERROR;
}

int judge_exit(const struct gw_verdict *verdict)
{
	switch (verdict->outcome) {
	case GW_PASS:
		return EXIT_DONE;
	case GW_BROKEN:
		return EXIT_BROKEN;
	case GW_NO_VERDICT:
		break;
	}
	return EXIT_NO_VERDICT;
}

static void render(const struct gw_report *report, const char *format, FILE *to)
{
	struct gw_sink_opts opts = { .sz = sizeof(opts), .utf8 = true };
	struct gw_sink *sink;

	if (gw_sink_open(&sink, format, to, &opts))
		return;
	gw_sink_end(sink, report);
	gw_sink_close(sink);
}

/* The path comes from the environment and we may be root: a regular file that is there already,
 * as the runner makes it, and no link. */
static FILE *open_summary(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return NULL;
	}
	return fdopen(fd, "a");
}

void judge_annotate(const struct judge *judge, const struct gw_report *report, FILE *to)
{
	const char *on = getenv("GITHUB_ACTIONS"), *path = getenv("GITHUB_STEP_SUMMARY");
	FILE *summary;

	if (!on || strcmp(on, "true") || !judge->budget || !gw_budget_count(judge->budget))
		return;
	if (to)
		render(report, "github", to);
	summary = path && *path ? open_summary(path) : NULL;
	if (!summary)
		return;
	render(report, "markdown", summary);
	fclose(summary);
}
