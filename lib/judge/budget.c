// SPDX-License-Identifier: BSD-2-Clause
/*
 * budget.c: lists of expressions, presets and files of them.
 *
 * What fails changes nothing: a file with one bad line adds no line.
 */
#include "judge/budget.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *lines[3];
} presets[] = {
	{ "@default", { "stalls(>100ms) == 0" } },
	{ "@strict", { "stalls(>100ms) == 0", "lag.p99 < 20ms" } },
	{ "@report", { NULL } },
	{ "none", { NULL } },
};

int gw_budget_open(struct gw_budget **out)
{
	struct gw_budget *budget = calloc(1, sizeof(*budget));

	if (!budget)
		return -ENOMEM;
	*out = budget;
	return 0;
}

void gw_budget_close(struct gw_budget *budget)
{
	if (!budget)
		return;
	free(budget->items);
	free(budget);
}

uint32_t gw_budget_count(const struct gw_budget *budget)
{
	return budget->count;
}

static int add(struct gw_budget *budget, const char *text, size_t len, char *why, size_t size)
{
	struct expr *bigger, expr;
	int err = expr_parse(&expr, text, len, why, size);

	if (err)
		return err;
	if (budget->count >= BUDGET_COUNT) {
		snprintf(why, size, "column 1: more than %d expressions", BUDGET_COUNT);
		return -EINVAL;
	}
	bigger = realloc(budget->items, (budget->count + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	budget->items = bigger;
	budget->items[budget->count++] = expr;
	return 0;
}

static int add_preset(struct gw_budget *budget, const char *text, size_t len, char *why,
		      size_t size)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		int err = 0;

		if (strlen(presets[i].name) != len || memcmp(presets[i].name, text, len))
			continue;
		for (int k = 0; !err && presets[i].lines[k]; k++)
			err = add(budget, presets[i].lines[k], strlen(presets[i].lines[k]), why,
				  size);
		return err;
	}
	snprintf(why, size,
		 "column 1: no such preset; there are @default, @strict, @report and none");
	return -EINVAL;
}

/* An expression or a preset, without blanks at either end. */
static int add_line(struct gw_budget *budget, const char *text, size_t len, char *why, size_t size)
{
	if (text[0] == '@' || (len == 4 && !memcmp(text, "none", 4)))
		return add_preset(budget, text, len, why, size);
	return add(budget, text, len, why, size);
}

int gw_budget_add(struct gw_budget *budget, const char *expr, char *why, size_t size)
{
	uint32_t before = budget->count;
	size_t len = strlen(expr);
	int err;

	if (!len) {
		snprintf(why, size, "column 1: the expression is empty");
		return -EINVAL;
	}
	err = add_line(budget, expr, len, why, size);
	if (err)
		budget->count = before;
	return err;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One line of a file, without its comment. Blanks before it stay: columns are those of the file. */
static int add_file_line(struct gw_budget *budget, const char *line, size_t len, char *why,
			 size_t size)
{
	const char *hash = memchr(line, '#', len);
	size_t skip = 0;

	if (hash)
		len = (size_t)(hash - line);
	while (len && is_blank(line[len - 1]))
		len--;
	while (skip < len && is_blank(line[skip]))
		skip++;
	if (skip == len)
		return 0;
	if (line[skip] == '@' || (len - skip == 4 && !memcmp(line + skip, "none", 4)))
		return add_preset(budget, line + skip, len - skip, why, size);
	return add(budget, line, len, why, size);
}

int gw_budget_add_file(struct gw_budget *budget, const char *text, size_t len, char *why,
		       size_t size)
{
	uint32_t before = budget->count;
	unsigned line = 1;
	char inner[200];
	int err = 0;

	if (len > BUDGET_FILE) {
		snprintf(why, size, "larger than %d bytes", BUDGET_FILE);
		return -EINVAL;
	}
	for (size_t at = 0; at < len; line++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;

		err = add_file_line(budget, text + at, n, inner, sizeof(inner));
		if (err)
			break;
		at += n + 1;
	}
	if (err == -EINVAL)
		snprintf(why, size, "line %u, %s", line, inner);
	if (err)
		budget->count = before;
	return err;
}

int gw_budget_check(const struct gw_budget *budget, uint64_t threshold_ns, char *why, size_t size)
{
	for (uint32_t i = 0; i < budget->count; i++) {
		const struct expr *expr = &budget->items[i];

		if (!expr->over_ns || expr->over_ns >= threshold_ns)
			continue;
		snprintf(why, size,
			 "\"%.80s\": stalls shorter than the threshold of %g ms are not seen; "
			 "use -T %gms or less",
			 expr->text, (double)threshold_ns / 1e6, (double)expr->over_ns / 1e6);
		return -EINVAL;
	}
	return 0;
}
