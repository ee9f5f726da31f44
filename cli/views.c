// SPDX-License-Identifier: BSD-2-Clause
/*
 * views.c: everything a run is shown on.
 *
 * Where stdout holds JSON it holds nothing else, and text goes to stderr.
 * One view that cannot be written does not spoil the others; a reader of
 * stdout who has gone ends the run quietly.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "views.h"

static int add(struct views *views, const char *format, FILE *to)
{
	struct gw_sink_opts opts = views->opts;
	struct view *view = &views->items[views->count];
	int err;

	opts.color = opts.color && to == views->text && !strcmp(format, views->format);
	err = gw_sink_open(&view->sink, format, to, &opts);
	if (err) {
		status_say(views->status, "cannot open the %s output: %s", format, strerror(-err));
		return 1;
	}
	view->to = to;
	views->count++;
	return 0;
}

/* -f goes before the extension. 0, or 2 and said why. */
static int format_of(struct views *views, const struct options *options, const char *path,
		     struct gw_format *out)
{
	char why[900];

	if (options->format)
		return output_named(options->format, out) ? 2 : 0;
	if (!output_format(path, out, why, sizeof(why)))
		return 0;
	status_say(views->status, "%s", why);
	return 2;
}

static int add_file(struct views *views, const struct options *options, const char *path)
{
	char why[900];
	struct view *view = &views->items[views->count];
	struct gw_format format;
	struct output file;

	if (format_of(views, options, path, &format))
		return 2;
	if (output_open(&file, path, options->no_clobber, why, sizeof(why))) {
		status_say(views->status, "%s", why);
		return 1;
	}
	if (add(views, format.name, file.to)) {
		output_discard(&file);
		return 1;
	}
	view->file = file;
	view->is_file = true;
	return 0;
}

/* "unknown format": says which there are. */
static int refuse_format(struct views *views, const char *name)
{
	char safe[300], list[300];
	struct gw_format format;
	size_t at = 0;

	gw_escape(safe, sizeof(safe), name);
	for (size_t i = 0; !gw_format_at(i, &format) && at < sizeof(list); i++) {
		if (format.help)
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "",
					       format.name);
	}
	status_say(views->status, "-f \"%s\": must be one of %s", safe, list);
	return 2;
}

/* What stdout is asked to hold; NULL: nothing but text. */
static const char *stdout_format(const struct options *options)
{
	if (options->json || options->jsonl)
		return options->jsonl ? "jsonl" : "json";
	for (size_t i = 0; i < options->outputs.count; i++) {
		if (!strcmp(options->outputs.items[i], "-"))
			return options->format ? options->format : "json";
	}
	return options->format && !options->outputs.count ? options->format : NULL;
}

/* How many asked for stdout, and whether every -o is something this version writes. */
static int check_outputs(struct views *views, const struct options *options)
{
	int on_stdout = options->json + options->jsonl;
	struct gw_format format = { 0 };

	if (options->format && output_named(options->format, &format))
		return refuse_format(views, options->format);
	for (size_t i = 0; i < options->outputs.count; i++) {
		if (format_of(views, options, options->outputs.items[i], &format))
			return 2;
		on_stdout += !strcmp(options->outputs.items[i], "-");
	}
	if (on_stdout + (options->format && !options->outputs.count) > 1) {
		status_say(views->status,
			   "stdout can hold one of --json, --jsonl, -f and -o - only");
		return 2;
	}
	if (options->outputs.count + 2 > VIEWS_MAX) {
		status_say(views->status, "more than %d -o files", VIEWS_MAX - 2);
		return 2;
	}
	if (stdout_format(options) && !output_named(stdout_format(options), &format) &&
	    format.binary && isatty(STDOUT_FILENO)) {
		status_say(views->status, "%s is no text for a terminal; add -o FILE%s",
			   format.name, format.extension ? format.extension : "");
		return 2;
	}
	return 0;
}

static int open_all(struct views *views, const struct options *options, const char *text)
{
	const char *asked = stdout_format(options);
	int err = 0;

	if (asked)
		err = add(views, asked, stdout);
	if (!err && text && !(asked && options->quiet))
		err = add(views, text, views->text);
	else if (!err && !asked && !options->outputs.count)
		err = add(views, views->format, views->text);
	for (size_t i = 0; !err && i < options->outputs.count; i++) {
		if (strcmp(options->outputs.items[i], "-"))
			err = add_file(views, options, options->outputs.items[i]);
	}
	return err;
}

int views_open(struct views *views, const struct options *options, struct status *status,
	       const char *text, const char *next)
{
	int err;

	*views = (struct views){ .status = status, .format = text ? text : "text" };
	err = check_outputs(views, options);
	if (err)
		return err;
	views->text = (stdout_format(options) && text) || options->text_on_stderr ? stderr : stdout;
	views->opts = (struct gw_sink_opts){
		.sz = sizeof(views->opts),
		.color = terminal_color(views->text, options->color),
		.utf8 = terminal_utf8(),
		.quiet = options->quiet,
		.verbose = options->verbose > 0,
		.width = terminal_width(views->text),
		.next = next,
	};
	err = open_all(views, options, text);
	if (err)
		views_close(views, false);
	return err;
}

static void check(struct views *views, struct view *view, int err)
{
	char name[600] = "stdout";

	if (!err)
		return;
	view->err = err;
	if (err == -EPIPE && view->to == stdout) {
		views->closed = true;
		return;
	}
	if (view->is_file)
		gw_escape(name, sizeof(name), view->file.path);
	else if (view->to == stderr)
		strcpy(name, "stderr");
	views->failed = true;
	status_say(views->status, "cannot write %s: %s", name, strerror(-err));
}

void views_watching(struct views *views, const struct gw_report *report)
{
	char line[4096], *dot;

	if (gw_watching(report, line, sizeof(line)) < 0)
		strcpy(line, "watching");
	while (!views->status->utf8 && (dot = strstr(line, "·"))) {
		dot[0] = '|';
		memmove(dot + 1, dot + 2, strlen(dot + 2) + 1);
	}
	status_clear(views->status);
	fprintf(stderr, "%s\n", line);
	fflush(stderr);
}

void views_start(struct views *views, const struct gw_report *report)
{
	for (int i = 0; i < views->count; i++) {
		struct view *view = &views->items[i];

		check(views, view, gw_sink_start(view->sink, report));
	}
}

void views_stall(struct views *views, const struct gw_report *report, const struct gw_stall *stall)
{
	status_clear(views->status);
	for (int i = 0; i < views->count; i++) {
		struct view *view = &views->items[i];

		if (!view->err)
			check(views, view, gw_sink_stall(view->sink, report, stall));
	}
}

void views_interim(struct views *views, const struct gw_report *report)
{
	struct gw_sink_opts opts = views->opts;
	struct gw_sink *sink;

	opts.next = NULL;
	status_clear(views->status);
	if (gw_sink_open(&sink, views->format, views->text, &opts))
		return;
	gw_sink_end(sink, report);
	gw_sink_close(sink);
}

void views_end(struct views *views, const struct gw_report *report)
{
	status_clear(views->status);
	for (int i = 0; i < views->count; i++) {
		struct view *view = &views->items[i];

		if (!view->err)
			check(views, view, gw_sink_end(view->sink, report));
	}
}

void views_close(struct views *views, bool keep)
{
	char why[900];

	for (int i = 0; i < views->count; i++) {
		struct view *view = &views->items[i];

		gw_sink_close(view->sink);
		if (!view->is_file)
			continue;
		if (!keep || view->err) {
			output_discard(&view->file);
		} else if (output_commit(&view->file, why, sizeof(why))) {
			views->failed = true;
			status_say(views->status, "%s", why);
		}
	}
	views->count = 0;
}
