// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_opts.c: the command line, without the program around it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "opts.h"
#include "times.h"

static struct options options;

/* Words of the command line, separated by blanks. */
static int parse_with(const char *line, const char *env)
{
	static char copy[512];
	char *argv[64] = { "greenwatch" }, *word, *rest;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	return options_parse(&options, argc, argv, env);
}

static void refused(const char *line, const char *why)
{
	cr_assert_eq(parse_with(line, NULL), -EINVAL, "%s", line);
	cr_assert(strstr(options.error, why), "%s: %s", line, options.error);
	options_free(&options);
}

Test(opts, options_stand_before_or_after_words)
{
	cr_assert_eq(parse_with("-d 30 watch -p 1,2 --pid=3 -p 2 4242 -qvv -T 50ms", NULL), 0);
	cr_assert_eq(options.words.count, 2);
	cr_assert_str_eq(options.words.items[0], "watch");
	cr_assert_str_eq(options.words.items[1], "4242");
	cr_assert_eq(options.pids.count, 3);
	cr_assert_eq(options.pids.items[2], 3);
	cr_assert_eq(options.duration_ns, 30 * TIME_SECOND);
	cr_assert_eq(options.threshold_ns, 50000000);
	cr_assert(options.quiet);
	cr_assert_eq(options.verbose, 2);
	options_free(&options);
}

Test(opts, all_after_two_dashes_is_a_word)
{
	cr_assert_eq(parse_with("-q -- -v -h", NULL), 0);
	cr_assert_eq(options.words.count, 2);
	cr_assert_eq(options.verbose, 0);
	options_free(&options);
}

Test(opts, where_the_words_after_two_dashes_begin_is_known)
{
	cr_assert_eq(parse_with("run -n app -- sh -c x", NULL), 0);
	cr_assert(options.has_rest);
	cr_assert_eq(options.rest, 1);
	cr_assert_eq(options.words.count, 4);
	cr_assert_str_eq(options.words.items[options.rest], "sh");
	cr_assert_str_eq(options.names.items[0], "app");
	options_free(&options);
	cr_assert_eq(parse_with("run sh", NULL), 0);
	cr_assert(!options.has_rest);
	options_free(&options);
}

Test(opts, a_warm_up_of_nothing_is_one_and_a_duration_of_nothing_is_none)
{
	cr_assert_eq(parse_with("run --warmup 0 -- sh", NULL), 0);
	cr_assert(options_given(&options, "warmup"));
	cr_assert(!options_given(&options, "grace"));
	cr_assert_eq(options.warmup_ns, 0);
	options_free(&options);
	refused("-d 0", "must be more than 0");
}

Test(opts, a_label_is_key_and_value)
{
	cr_assert_eq(parse_with("--label a=b --tag c=", NULL), 0);
	cr_assert_eq(options.tags.count, 2);
	cr_assert_eq(tags_check(&options), 0);
	options_free(&options);
	cr_assert_eq(parse_with("--label =b", NULL), 0);
	cr_assert_eq(tags_check(&options), -EINVAL);
	cr_assert(strstr(options.error, "KEY=VALUE"), "%s", options.error);
	options_free(&options);
}

Test(opts, long_options_are_never_abbreviated)
{
	refused("--dur 5", "unknown option --dur;");
	refused("--thresh=5ms", "unknown option --thresh (value \"5ms\")");
	refused("--jso", "unknown option --jso;");
	cr_assert_eq(parse_with("--json", NULL), 0);
	cr_assert(options.json && !options.jsonl);
	options_free(&options);
}

Test(opts, a_bad_value_names_option_and_value)
{
	refused("-T 100", "-T \"100\": needs a unit");
	refused("--threshold 100", "--threshold \"100\": needs a unit");
	refused("-T 0", "-T \"0\": must be more than 0");
	refused("-T banana", "-T \"banana\": not a time");
	refused("-T 99999999999999999999s", "too long");
	refused("-d -1", "-d \"-1\": must not be negative");
	refused("-d 5x", "not a time");
	refused("-d 1.", "not a time");
	refused("--max-stalls 1x", "not a number");
	refused("--color=blue", "must be auto, always or never");
	refused("-p 0", "-p \"0\": not a process id");
	refused("-p -1", "not a process id");
	refused("-p 99999999999999999999999", "not a process id");
	refused("-p 1,,2", "not a process id");
	refused("-p", "-p needs a value");
	refused("--json=1", "--json takes no value");
	refused("-x", "unknown option -x");
}

Test(opts, errors_do_not_carry_control_characters)
{
	refused("--\033[2J=\033", "unknown option --\\x1b[2J (value \"\\x1b\")");
	refused("-T \033", "-T \"\\x1b\"");
}

Test(opts, the_environment_comes_first)
{
	cr_assert_eq(parse_with("-d 5", "-d 7 --color never -o a.json"), 0);
	cr_assert_eq(options.duration_ns, 5 * TIME_SECOND);
	cr_assert_eq(options.color, OPT_COLOR_NEVER);
	cr_assert_str_eq(options.outputs.items[0], "a.json");
	options_free(&options);
}

Test(opts, help_is_found_whatever_else_is_wrong)
{
	cr_assert_eq(parse_with("-T banana -h", NULL), -EINVAL);
	cr_assert(options.help);
	options_free(&options);
}

Test(opts, an_option_of_another_command_is_refused)
{
	cr_assert_eq(parse_with("replay x.tape -T 5ms", NULL), 0);
	cr_assert_eq(options_check(&options, "replay", OPT_REPLAY), -EINVAL);
	cr_assert_str_eq(options.error, "--threshold is not an option of replay");
	cr_assert_eq(options_check(&options, "watch", OPT_WATCH), 0);
	options_free(&options);
}

Test(opts, many_files_and_pids_fit)
{
	cr_assert_eq(parse_with("-o a -o b -o - -p 1,2,3,4,5,6,7,8,9,10 -p 11,12", NULL), 0);
	cr_assert_eq(options.outputs.count, 3);
	cr_assert_str_eq(options.outputs.items[2], "-");
	cr_assert_eq(options.pids.count, 12);
	options_free(&options);
}

Test(times, units_are_understood)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} rows[] = {
		{ "30", 30 * TIME_SECOND },  { "1.5s", 1500000000 },  { "100ms", 100000000 },
		{ "0.25ms", 250000 },        { "10us", 10000 },       { "7ns", 7 },
		{ "5m", 300 * TIME_SECOND }, { "2h", 2 * TIME_HOUR },
	};
	uint64_t ns;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_null(time_parse(rows[i].text, false, &ns), "%s", rows[i].text);
		cr_assert_eq(ns, rows[i].ns, "%s", rows[i].text);
	}
	cr_assert_not_null(time_parse("", false, &ns));
	cr_assert_not_null(time_parse(".5s", false, &ns));
	cr_assert_not_null(time_parse("1e3s", false, &ns));
}
