// SPDX-License-Identifier: BSD-2-Clause
/*
 * opts.c: the option table, and getopt_long fed from it.
 *
 * Long options are never abbreviated: what is short today is ambiguous when
 * an option is added. Options stand before or after the command word. A bad
 * value is an error that names option and value, never a silent default.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opts.h"
#include "times.h"
#include "greenwatch.h"

#define PID_MAX   (1u << 22) /* the kernel's own limit */
#define SAFE      300        /* bytes of a value in an error */
#define TAG_MAX   500        /* bytes of a label */
#define LONG_BASE 1000       /* getopt's number of row 0 */

#define AT(field) offsetof(struct options, field)

static const char *const when[] = { "auto", "always", "never", NULL };
static const char *const which_calls[] = { "slept", "all", NULL };
static const char *const aggregates[] = { "worst", "median", NULL };

static const struct opt table[] = {
	{ 'p', "pid", OPT_PIDS, AT(pids), "PID[,PID]", "processes to watch, with their children",
	  OPT_TARGET, 0, 0, NULL },
	{ 'n', "name", OPT_TEXTS, AT(names), "NAME",
	  "the same by name: of the process, its program or its script", OPT_TARGET, 0, 0, NULL },
	{ 'd', "duration", OPT_TIME, AT(duration_ns), "TIME",
	  "how long: 30, 30s, 5m (until ^C or the target ends)", OPT_LIVE, 1, 366 * 24 * TIME_HOUR,
	  NULL },
	{ 'T', "threshold", OPT_EXACT, AT(threshold_ns), "TIME",
	  "a turn longer than this is a stall (100ms)", OPT_LIVE, 1, TIME_HOUR, NULL },
	{ 'o', "output", OPT_TEXTS, AT(outputs), "FILE",
	  "write the report, as its extension says; - is stdout; repeatable", OPT_REPORT, 0, 0,
	  NULL },
	{ 'f', "format", OPT_TEXT, AT(format), "NAME",
	  "of stdout and -o, whatever its extension; help formats", OPT_SHOW, 0, 0, NULL },
	{ 0, "json", OPT_FLAG, AT(json), NULL,
	  "the report on stdout at the end, nothing else there", OPT_REPORT & ~OPT_RUN, 0, 0,
	  NULL },
	{ 0, "jsonl", OPT_FLAG, AT(jsonl), NULL,
	  "one JSON object per stall on stdout, then a summary", OPT_WATCH | OPT_REPLAY | OPT_SAVED,
	  0, 0, NULL },
	{ 0, "max-stalls", OPT_NUMBER, AT(max_stalls), "N",
	  "stalls kept one by one, the rest is counted (10000)", OPT_LIVE, 1, 10000000, NULL },
	{ 0, "sample-period", OPT_EXACT, AT(period_ns), "TIME",
	  "CPU time between two samples, at least (10ms)", OPT_LIVE, 1000000, 10 * TIME_SECOND,
	  NULL },
	{ 0, "calls", OPT_CHOICE, AT(calls), "WHICH",
	  "slept, or all: also those that never sleep; slows every process (slept)", OPT_LIVE, 0, 0,
	  which_calls },
	{ 0, "warmup", OPT_TIME, AT(warmup_ns), "TIME",
	  "a beginning that is not judged (0; run: until it listens, at most 2s)", OPT_LIVE, 0,
	  366 * 24 * TIME_HOUR, NULL },
	{ 0, "grace", OPT_TIME, AT(grace_ns), "TIME",
	  "how long the command may take to end after a signal (10s)", OPT_RUN, 0,
	  366 * 24 * TIME_HOUR, NULL },
	{ 0, "as-root", OPT_FLAG, AT(as_root), NULL,
	  "under sudo: keep root for the command (it runs as the user who called sudo)", OPT_RUN, 0,
	  0, NULL },
	{ 0, "label", OPT_TEXTS, AT(tags), "KEY=VALUE",
	  "goes to run.tags of the report; repeatable", OPT_LIVE, 0, 0, NULL },
	{ 0, "tag", OPT_TEXTS, AT(tags), "KEY=VALUE", NULL, OPT_LIVE, 0, 0, NULL },
	{ 0, "no-follow", OPT_FLAG, AT(no_follow), NULL, "leave children out", OPT_TARGET, 0, 0,
	  NULL },
	{ 0, "no-clobber", OPT_FLAG, AT(no_clobber), NULL, "never replace an existing file",
	  OPT_REPORT, 0, 0, NULL },
	{ 'b', "budget", OPT_TEXTS, AT(budgets), "EXPR",
	  "exit 3 unless it holds: \"stalls(>100ms) == 0\", @default; repeatable", OPT_JUDGE, 0, 0,
	  NULL },
	{ 0, "budget-file", OPT_TEXTS, AT(budget_files), "FILE", "one expression a line", OPT_JUDGE,
	  0, 0, NULL },
	{ 0, "baseline", OPT_TEXT, AT(baseline), "FILE",
	  "a report: only sites that are new or worse count", OPT_JUDGE, 0, 0, NULL },
	{ 0, "suppress", OPT_TEXT, AT(suppress), "FILE",
	  "known stalls (./.greenwatch.supp if it exists)", OPT_JUDGE, 0, 0, NULL },
	{ 0, "min-turns", OPT_NUMBER, AT(min_turns), "N", "fewer turns: no verdict, exit 4",
	  OPT_JUDGE, 1, 1000000000000, NULL },
	{ 0, "fail-fast", OPT_FLAG, AT(fail_fast), NULL,
	  "stop at the first budget that is broken for good", OPT_LIVE, 0, 0, NULL },
	{ 0, "aggregate", OPT_CHOICE, AT(aggregate), "HOW",
	  "of several runs: worst or median (worst)", OPT_CHECK | OPT_DIFF, 0, 0, aggregates },
	{ 0, "markdown", OPT_FLAG, AT(markdown), NULL, "a table for a pull request", OPT_DIFF, 0, 0,
	  NULL },
	{ 0, "fail-on", OPT_TEXTS, AT(fail_on), "KIND[,KIND]",
	  "exit 3 when such a thing is found: any, captured-original, ...; new, ...",
	  OPT_AUDIT | OPT_DIFF, 0, 0, NULL },
	{ 'q', "quiet", OPT_FLAG, AT(quiet), NULL, "no stalls and no progress as text", OPT_ANY, 0,
	  0, NULL },
	{ 'v', "verbose", OPT_COUNTED, AT(verbose), NULL, "say more; twice: everything", OPT_ANY, 0,
	  0, NULL },
	{ 0, "color", OPT_CHOICE, AT(color), "WHEN", "auto, always or never (auto)", OPT_ANY, 0, 0,
	  when },
	{ 'h', "help", OPT_FLAG, AT(help), NULL, "this help", OPT_ANY, 0, 0, NULL },
	{ 'V', "version", OPT_MAYBE, AT(version), "json", "the version", OPT_ANY, 0, 0, NULL },
	{ 0, "schema", OPT_FLAG, AT(schema), NULL, "the JSON schema of the report", OPT_ANY, 0, 0,
	  NULL },
};
#define ROWS (sizeof(table) / sizeof(table[0]))

const struct opt *options_row(size_t i)
{
	return i < ROWS ? &table[i] : NULL;
}

static int fail(struct options *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct options *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out->error, sizeof(out->error), format, args);
	va_end(args);
	return -EINVAL;
}

static int add_pid(struct options *out, const char *name, const char *from, size_t len)
{
	char word[24], safe[SAFE];
	uint64_t pid = 0;

	for (size_t i = 0; i < len; i++) {
		pid = from[i] >= '0' && from[i] <= '9' && pid <= PID_MAX
			      ? pid * 10 + (uint64_t)(from[i] - '0')
			      : UINT64_MAX;
	}
	if (!pid || pid > PID_MAX) {
		snprintf(word, sizeof(word), "%.*s", (int)(len > 20 ? 20 : len), from);
		gw_escape(safe, sizeof(safe), word);
		return fail(out, "%s \"%s\": not a process id", name, safe);
	}
	for (size_t i = 0; i < out->pids.count; i++) {
		if (out->pids.items[i] == pid)
			return 0;
	}
	out->pids.items[out->pids.count++] = (uint32_t)pid;
	return 0;
}

int options_add_pids(struct options *out, const char *name, const char *text)
{
	size_t room = out->pids.count + strlen(text) / 2 + 1;
	uint32_t *bigger = realloc(out->pids.items, room * sizeof(*bigger));
	int err = 0;

	if (!bigger)
		return -ENOMEM;
	out->pids.items = bigger;
	for (;;) {
		size_t len = strcspn(text, ",");

		err = add_pid(out, name, text, len);
		if (err || !text[len])
			return err;
		text += len + 1;
	}
}

/* "auto, always or never" */
static void list_words(char *text, size_t size, const char *const *words)
{
	size_t at = 0;

	for (size_t i = 0; words[i] && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s",
				       !i             ? ""
				       : words[i + 1] ? ", "
						      : " or ",
				       words[i]);
}

static int set_choice(struct options *out, const struct opt *row, const char *value)
{
	int *field = (int *)((char *)out + row->offset);
	char safe[SAFE], list[64];

	for (int i = 0; row->words[i]; i++) {
		if (!strcmp(row->words[i], value)) {
			*field = i;
			return 0;
		}
	}
	gw_escape(safe, sizeof(safe), value);
	list_words(list, sizeof(list), row->words);
	return fail(out, "--%s \"%s\": must be %s", row->name, safe, list);
}

static int set_amount(struct options *out, const struct opt *row, const char *name,
		      const char *value)
{
	uint64_t *field = (uint64_t *)((char *)out + row->offset);
	char safe[SAFE], limit[32];
	const char *why;

	if (row->type == OPT_NUMBER)
		why = number_parse(value, field);
	else
		why = time_parse(value, row->type == OPT_EXACT, field);
	gw_escape(safe, sizeof(safe), value);
	if (why)
		return fail(out, "%s \"%s\": %s", name, safe, why);
	if (!*field && row->min)
		return fail(out, "%s \"%s\": must be more than 0", name, safe);
	if (*field >= row->min && *field <= row->max)
		return 0;
	if (row->type == OPT_NUMBER)
		snprintf(limit, sizeof(limit), "%llu", (unsigned long long)row->max);
	else
		time_print(limit, sizeof(limit), *field < row->min ? row->min : row->max);
	return fail(out, "%s \"%s\": must be at %s %s", name, safe,
		    *field < row->min ? "least" : "most", limit);
}

static int set(struct options *out, const struct opt *row, const char *name, const char *value)
{
	void *field = (char *)out + row->offset;
	struct opt_texts *texts = field;

	out->seen |= 1ULL << (row - table);
	switch (row->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_COUNTED:
		++*(unsigned *)field;
		return 0;
	case OPT_TIME:
	case OPT_EXACT:
	case OPT_NUMBER:
		return set_amount(out, row, name, value);
	case OPT_MAYBE:
		*(const char **)field = value ? value : "";
		return 0;
	case OPT_TEXT:
	case OPT_TEXTS:
		if (!*value)
			return fail(out, "%s: the value is empty", name);
		if (row->type == OPT_TEXT)
			*(const char **)field = value;
		else
			texts->items[texts->count++] = value;
		return 0;
	case OPT_PIDS:
		return options_add_pids(out, name, value);
	case OPT_CHOICE:
		return set_choice(out, row, value);
	}
	return 0;
}

static int unknown_long(struct options *out, const char *word, size_t len)
{
	char name[SAFE], value[SAFE], cut[128];

	snprintf(cut, sizeof(cut), "%.*s", (int)(len > 100 ? 100 : len), word);
	gw_escape(name, sizeof(name), cut);
	if (word[len] != '=')
		return fail(out, "unknown option --%s; greenwatch -h lists them", name);
	gw_escape(value, sizeof(value), word + len + 1);
	return fail(out, "unknown option --%s (value \"%s\"); greenwatch -h lists them", name,
		    value);
}

/* getopt_long would take any prefix of a long option: only whole names are let through. */
static int check_whole(struct options *out, const char *word)
{
	size_t len;

	if (strncmp(word, "--", 2) || !word[2])
		return 0;
	word += 2;
	len = strcspn(word, "=");
	for (size_t i = 0; i < ROWS; i++) {
		if (strlen(table[i].name) == len && !strncmp(table[i].name, word, len))
			return 0;
	}
	return unknown_long(out, word, len);
}

static const struct opt *row_of(int c)
{
	if (c >= LONG_BASE && c < LONG_BASE + (int)ROWS)
		return &table[c - LONG_BASE];
	for (size_t i = 0; i < ROWS; i++) {
		if (c && table[i].letter == c)
			return &table[i];
	}
	return NULL;
}

static bool takes_value(const struct opt *row)
{
	return row->type != OPT_FLAG && row->type != OPT_COUNTED && row->type != OPT_MAYBE;
}

static void fill_getopt(char *letters, struct option *longs)
{
	*letters++ = '-'; /* bare words are handed out in their place */
	*letters++ = ':'; /* a missing value is told from an unknown option */
	for (size_t i = 0; i < ROWS; i++) {
		longs[i] = (struct option){
			.name = table[i].name,
			.has_arg = table[i].type == OPT_MAYBE ? optional_argument
							      : takes_value(&table[i]),
			.val = LONG_BASE + (int)i,
		};
		if (!table[i].letter)
			continue;
		*letters++ = (char)table[i].letter;
		if (takes_value(&table[i]))
			*letters++ = ':';
	}
	*letters = '\0';
}

/* One answer of getopt. word: the argument it came from. */
static int take(struct options *out, int c, const char *word)
{
	const struct opt *row = row_of(c == '?' || c == ':' ? optopt : c);
	char name[40], safe[SAFE], letter[2] = { (char)optopt, '\0' };

	if (c == 1) {
		out->words.items[out->words.count++] = optarg;
		return 0;
	}
	if (row && !strncmp(word, "--", 2))
		snprintf(name, sizeof(name), "--%s", row->name);
	else if (row)
		snprintf(name, sizeof(name), "-%c", row->letter);
	if (row && c == ':')
		return fail(out, "%s needs a value: %s", name, row->arg);
	if (row && c == '?')
		return fail(out, "%s takes no value", name);
	if (row)
		return set(out, row, name, optarg);
	gw_escape(safe, sizeof(safe), letter);
	return fail(out, "unknown option -%s; greenwatch -h lists them", safe);
}

static int parse_all(struct options *out, int argc, char **argv)
{
	struct option longs[ROWS + 1] = { 0 };
	struct opt_texts *texts[] = { &out->outputs,      &out->words, &out->fail_on, &out->budgets,
				      &out->budget_files, &out->names, &out->tags };
	char letters[ROWS * 2 + 4];
	int c, err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		texts[i]->items = calloc((size_t)argc + 1, sizeof(char *));
		if (!texts[i]->items)
			return -ENOMEM;
	}
	fill_getopt(letters, longs);
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	for (;;) {
		int here = optind ? optind : 1;

		err = here < argc ? check_whole(out, argv[here]) : 0;
		if (err)
			return err;
		c = getopt_long(argc, argv, letters, longs, NULL);
		if (c == -1)
			break;
		err = take(out, c, argv[here]);
		if (err)
			return err;
	}
	out->rest = out->words.count;
	out->has_rest = optind > 0 && optind <= argc && !strcmp(argv[optind - 1], "--");
	while (optind < argc)
		out->words.items[out->words.count++] = argv[optind++];
	return 0;
}

/* The words of GREENWATCH_OPTIONS come between argv[0] and the rest. */
int options_parse(struct options *out, int argc, char **argv, const char *env)
{
	char **all, *word, *rest;
	int n = 0, err;

	*out = (struct options){ .env = strdup(env ? env : "") };
	all = calloc((size_t)argc + (env ? strlen(env) : 0) + 2, sizeof(*all));
	if (!all || !out->env) {
		free(all);
		return -ENOMEM;
	}
	if (argc)
		all[n++] = argv[0];
	for (word = strtok_r(out->env, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
		all[n++] = word;
	for (int i = 1; i < argc; i++)
		all[n++] = argv[i];
	err = parse_all(out, n, all);
	for (int i = 1; err && i < argc; i++) /* help is shown whatever else is wrong */
		out->help |= !strcmp(argv[i], "-h") || !strcmp(argv[i], "--help");
	free(all);
	return err;
}

bool options_given(const struct options *options, const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (options->seen >> i & 1 && !strcmp(table[i].name, name))
			return true;
	return false;
}

int options_check(struct options *out, const char *command, int bit)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (out->seen >> i & 1 && !(table[i].commands & bit))
			return fail(out, "--%s is not an option of %s", table[i].name, command);
	}
	return 0;
}

int tags_check(struct options *out)
{
	char safe[SAFE];

	for (size_t i = 0; i < out->tags.count; i++) {
		const char *tag = out->tags.items[i], *equals = strchr(tag, '=');

		gw_escape(safe, sizeof(safe), tag);
		if (!equals || equals == tag)
			return fail(out, "--label \"%s\": must be KEY=VALUE", safe);
		if (strlen(tag) > TAG_MAX)
			return fail(out, "--label \"%s\": must be at most %d bytes", safe, TAG_MAX);
	}
	return 0;
}

void options_free(struct options *out)
{
	free(out->pids.items);
	free(out->outputs.items);
	free(out->words.items);
	free(out->fail_on.items);
	free(out->names.items);
	free(out->tags.items);
	free(out->budgets.items);
	free(out->budget_files.items);
	free(out->env);
	*out = (struct options){ 0 };
}
