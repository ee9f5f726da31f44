// SPDX-License-Identifier: BSD-2-Clause
/*
 * explain.c: one entry of the knowledge base, or the list of all.
 *
 *	GW1001  psycopg2 without a wait callback (not green)
 *
 *	how it looks
 *	  One poll() on the database's socket, for as long as ...
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"
#include "status.h"

#define WIDTH_LEAST 40
#define WIDTH_MOST  100
#define NEAREST     3 /* ids named when one is unknown */
#define ID_SIZE     8

struct page {
	int width;
	bool color;
};

/* Text of len bytes in lines that begin at column indent; the cursor stands there already. */
static void print_wrapped(const struct page *page, int indent, const char *text, size_t len)
{
	int column = indent;

	while (len) {
		size_t word = strcspn(text, " \n");

		if (word > len)
			word = len;
		if (column > indent && column + 1 + (int)word > page->width) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		if (column > indent) {
			putchar(' ');
			column++;
		}
		fwrite(text, 1, word, stdout);
		column += (int)word;
		text += word;
		len -= word;
		while (len && *text == ' ') {
			text++;
			len--;
		}
	}
	putchar('\n');
}

static void print_heading(const struct page *page, const char *heading)
{
	printf("\n%s%s%s\n", page->color ? "\033[1m" : "", heading, page->color ? "\033[0m" : "");
}

static void print_part(const struct page *page, const char *heading, const char *text)
{
	print_heading(page, heading);
	printf("  ");
	print_wrapped(page, 2, text, strlen(text));
}

static void print_steps(const struct page *page, const struct gw_rule *rule)
{
	const char *step = rule->steps;

	if (!strcmp(rule->steps, rule->fix))
		return;
	for (int i = 1; *step; i++) {
		size_t len = strcspn(step, "\n");

		printf("  %d. ", i);
		print_wrapped(page, 5, step, len);
		step += len + (step[len] == '\n');
	}
}

static const char *pool_text(enum gw_pool pool)
{
	switch (pool) {
	case GW_POOL_YES:
		return "Yes: the call lets other threads run meanwhile.";
	case GW_POOL_NO:
		return "No: it holds the GIL, in a thread as well. The loop would wait all the "
		       "same.";
	case GW_POOL_LATENCY:
		return "In part: the loop is late less, but no more work gets done.";
	case GW_POOL_NONE:
		break;
	}
	return "It does not apply here.";
}

/* Of thread pools the report has a list of its own. */
static const char *unseen_text(const struct gw_rule *rule)
{
	static const char *const pools[] = { "GW2012", "GW3008", "GW8008" };

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		if (!strcmp(rule->id, pools[i]))
			return "One stall does not show this: greenwatch names it when it sees "
			       "that "
			       "the thread pool is full and work waits.";
	return "One stall does not show this: greenwatch never names it in a report.";
}

static void print_rule(const struct page *page, const struct gw_rule *rule)
{
	printf("%s%s%s  ", page->color ? "\033[1m" : "", rule->id, page->color ? "\033[0m" : "");
	print_wrapped(page, 8, rule->title, strlen(rule->title));
	print_part(page, "how it looks", rule->looks);
	if (!rule->matched)
		print_part(page, "not seen by itself", unseen_text(rule));
	print_part(page, "what to change", rule->fix);
	print_steps(page, rule);
	print_part(page, "does the thread pool help?", pool_text(rule->pool));
	print_part(page, "source", rule->source);
}

static void print_list(const struct page *page)
{
	const struct gw_rule *rule;
	const char *area = "";

	for (size_t i = 0; (rule = gw_rule_at(i)); i++) {
		if (strcmp(area, rule->area)) {
			printf("%s%s%s%s\n", *area ? "\n" : "", page->color ? "\033[1m" : "",
			       rule->area, page->color ? "\033[0m" : "");
			area = rule->area;
		}
		printf("%c %s  ", rule->matched ? ' ' : '-', rule->id);
		print_wrapped(page, 10, rule->title, strlen(rule->title));
	}
	fputs("\n- one stall does not show it, it is only explained\n", stdout);
}

/* "GW1001", "gw1001" and "1001" are the same. */
static void complete_id(const char *word, char *id)
{
	bool bare = isdigit((unsigned char)word[0]);

	snprintf(id, ID_SIZE, "%s%.*s", bare ? "GW" : "", ID_SIZE - 1 - (bare ? 2 : 0), word);
	for (char *c = id; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}

static long number_of(const char *id)
{
	long number = strncmp(id, "GW", 2) ? 0 : strtol(id + 2, NULL, 10);

	while (number > 9999)
		number /= 10; /* a digit too many */
	return number;
}

/* The rules next to an id that does not exist: "GW1013, GW1014". "" if it looks like none. */
static void nearest(const char *id, char *text, size_t size)
{
	const struct gw_rule *rule;
	long wanted = number_of(id), least = -1, found = 0;
	int n = 0;

	text[0] = '\0';
	while (wanted && n < NEAREST) {
		const struct gw_rule *best = NULL;

		for (size_t i = 0; (rule = gw_rule_at(i)); i++) {
			long gap = labs(number_of(rule->id) - wanted);
			bool taken = gap < least || (gap == least && number_of(rule->id) <= found);

			if (!taken && (!best || gap < labs(number_of(best->id) - wanted)))
				best = rule;
		}
		if (!best)
			return;
		found = number_of(best->id);
		least = labs(found - wanted);
		snprintf(text + strlen(text), size - strlen(text), "%s%s", n++ ? ", " : "",
			 best->id);
	}
}

static int unknown(const char *word, const char *id)
{
	char near[NEAREST * 10];

	nearest(id, near, sizeof(near));
	if (near[0])
		return usage("no rule \"%.100s\"; the nearest are %s, greenwatch explain lists all",
			     word, near);
	return usage("no rule \"%.100s\"; greenwatch explain lists all, GW1001 is the first", word);
}

int cmd_explain(struct options *options)
{
	struct page page = { .width = (int)terminal_width(stdout),
			     .color = terminal_color(stdout, options->color) };
	const struct gw_rule *rule;
	char id[ID_SIZE];

	if (page.width < WIDTH_LEAST)
		page.width = WIDTH_LEAST;
	if (page.width > WIDTH_MOST)
		page.width = WIDTH_MOST;
	if (!options->words.count) {
		print_list(&page);
		return printed();
	}
	if (options->words.count > 1)
		return usage("explain \"%.100s\": one rule at a time", options->words.items[1]);
	complete_id(options->words.items[0], id);
	rule = strlen(options->words.items[0]) < ID_SIZE ? gw_rule_find(id) : NULL;
	if (!rule)
		return unknown(options->words.items[0], id);
	print_rule(&page, rule);
	return printed();
}
