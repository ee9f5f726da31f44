// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c: finds the command and hands it the options.
 *
 * Knows nothing of loops and stalls; a command is a row below. Exit codes are
 * those of "greenwatch help exit".
 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"

const struct command commands[] = {
	{ "watch", cmd_watch, "[watch] -p PID", "stalls as they happen, a summary at the end",
	  OPT_WATCH },
	{ "run", cmd_run, "run [options] -- CMD ARG...",
	  "start a program, watch it, judge, pass its status on", OPT_RUN },
	{ "record", cmd_record, "record FILE -p PID [options]", NULL, OPT_WATCH },
	{ "replay", cmd_replay, "replay FILE [options]", NULL, OPT_REPLAY },
	{ "report", cmd_report, "report FILE... [-f FORMAT]",
	  "saved reports as text, Markdown, flame graph, ...; several as one", OPT_SAVED },
	{ "audit", cmd_audit, "audit -p PID", "what monkey patching missed, read from the memory",
	  OPT_AUDIT },
	{ "check", cmd_check, "check FILE...", "a verdict on saved reports, by exit code",
	  OPT_CHECK },
	{ "diff", cmd_diff, "diff BASE NEW...", "two reports: new, worse, better, fixed",
	  OPT_DIFF },
	{ "explain", cmd_explain, "explain [RULE]",
	  "what a rule such as GW1001 means, what to change", OPT_EXPLAIN },
	{ "help", cmd_help, "help [TOPIC]", "this page, or more on one topic", OPT_ANY },
	{ NULL, NULL, NULL, NULL, 0 },
};

int usage(const char *format, ...)
{
	char line[1000], safe[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	gw_escape(safe, sizeof(safe), line);
	fprintf(stderr, "greenwatch: %s\n", safe);
	return EXIT_USAGE;
}

static const struct command *find(struct options *options)
{
	for (const struct command *command = commands; command->name; command++) {
		if (!options->rest || strcmp(command->name, options->words.items[0]))
			continue;
		options->words.count--;
		options->rest--;
		memmove(options->words.items, options->words.items + 1,
			options->words.count * sizeof(*options->words.items));
		options->words.items[options->words.count] = NULL;
		return command;
	}
	return &commands[0];
}

static int print_version(const char *form)
{
	if (strcmp(form, "json") && strcmp(form, ""))
		return usage("--version \"%s\": the only form is json", form);
	if (*form)
		printf("{\"name\": \"greenwatch\", \"version\": \"%s\", \"report\": \"1.0\"}\n",
		       gw_version());
	else
		printf("greenwatch %s\n", gw_version());
	return EXIT_DONE;
}

/* "greenwatch --schema > full disk" is an error; a reader who has gone is none. Commands that
 * watch look after their own output. */
int printed(void)
{
	if ((!fflush(stdout) && !ferror(stdout)) || errno == EPIPE)
		return EXIT_DONE;
	fprintf(stderr, "greenwatch: cannot write stdout: %s\n", strerror(errno ? errno : EIO));
	return EXIT_ERROR;
}

static int run(struct options *options)
{
	const struct command *command = find(options);

	if (options->help) {
		help_command(command);
		return printed();
	}
	if (options->version) {
		int code = print_version(options->version);

		return code ? code : printed();
	}
	if (options->schema) {
		fputs(gw_schema(), stdout);
		return printed();
	}
	if (options_check(options, command->name, command->bit))
		return usage("%s", options->error);
	return command->run(options);
}

/* An option of the command that run is to start was taken for one of ours. */
static const char *hint(const struct options *options)
{
	if (options->words.count < 2 || strcmp(options->words.items[0], "run"))
		return "";
	return "; for one of the command, put -- before it: greenwatch run -- CMD ARG...";
}

int main(int argc, char **argv)
{
	struct options options;
	int err, code;

	setlocale(LC_CTYPE, "");
	errno = 0;
	err = options_parse(&options, argc, argv, secure_getenv("GREENWATCH_OPTIONS"));
	if (err == -EINVAL && !options.help)
		code = usage("%s%s", options.error, hint(&options));
	else if (err && err != -EINVAL)
		code = usage("out of memory");
	else
		code = run(&options);
	options_free(&options);
	return code;
}
