// SPDX-License-Identifier: BSD-2-Clause
/*
 * targets.c: which processes are meant.
 *
 * A name stands for one process and its children. Where several that have
 * nothing to do with one another are called so, none is chosen: they are
 * listed, and the user says which.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"

#define LISTED 16

static void list(const char *name, const struct gw_process *found, int n)
{
	char safe[300], line[1200];

	gw_escape(safe, sizeof(safe), name);
	fprintf(stderr, "greenwatch: %d processes are called \"%s\"; say which with -p:\n", n,
		safe);
	for (int i = 0; i < n && i < LISTED; i++) {
		gw_escape(safe, sizeof(safe), found[i].comm);
		gw_escape(line, sizeof(line), found[i].line);
		fprintf(stderr, "  -p %-8u %-15s  %s\n", found[i].pid, safe, line);
	}
	if (n > LISTED)
		fprintf(stderr, "  and %d more\n", n - LISTED);
}

static int add(struct options *options, uint32_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", pid);
	if (options_add_pids(options, "target", text))
		return usage("%s", options->error);
	return EXIT_DONE;
}

/* bare: a word that could have been meant for a command. */
static int add_name(struct options *options, const char *name, bool bare)
{
	struct gw_process found[LISTED];
	int n = gw_find(name, found, LISTED);

	if (n == 1)
		return add(options, found[0].pid);
	if (n > 1)
		list(name, found, n);
	else if (n < 0)
		usage("cannot look for processes: %s", strerror(-n));
	else if (bare)
		return usage("\"%s\" is neither a command nor the name of a process", name);
	else
		usage("no process is called \"%s\"; pgrep -af %s looks into command lines", name,
		      name);
	return EXIT_ERROR;
}

int targets(struct options *options)
{
	int err = EXIT_DONE;

	for (size_t i = 0; !err && i < options->names.count; i++)
		err = add_name(options, options->names.items[i], false);
	for (size_t i = 0; !err && i < options->words.count; i++) {
		const char *word = options->words.items[i];

		if (word[strspn(word, "0123456789,")])
			err = add_name(options, word, true);
		else if (options_add_pids(options, "target", word))
			err = usage("%s", options->error);
	}
	return err;
}
