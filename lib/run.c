// SPDX-License-Identifier: BSD-2-Clause
/*
 * run.c: see run.h.
 */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "source/argv.h"
#include "tables.h"

#define ARGS_MAX 4096 /* bytes of a command line that are looked at */
#define TAG_MAX  512
#define TAGS_MAX 64

static struct wire_head head_of(uint16_t kind, size_t size, uint64_t now_ns)
{
	return (struct wire_head){ .kind = kind, .size = size, .now_ns = now_ns };
}

static int tell_command(const struct gw_opts *opts, uint64_t now_ns, run_take take, void *ctx)
{
	const char *const *argv = opts->command;
	char plain[ARGS_MAX],
		bytes[sizeof(struct wire_command) + ARGS_MAX] __attribute__((aligned(8)));
	struct wire_command *record = (struct wire_command *)bytes;
	char *at = bytes + sizeof(*record);
	size_t used = 0, size = sizeof(*record);

	memset(bytes, 0, sizeof(bytes));
	record->watched = opts->command_watched;
	for (; *argv && used < sizeof(plain); argv++) {
		int n = snprintf(plain + used, sizeof(plain) - used, "%s", *argv);

		if ((size_t)n >= sizeof(plain) - used)
			break;
		used += (size_t)n + 1;
	}
	record->argc = argv_redact(plain, used, at, ARGS_MAX);
	for (uint32_t i = 0; i < record->argc; i++)
		size += strlen(bytes + size) + 1;
	record->head = head_of(WIRE_COMMAND, size, now_ns);
	return take(ctx, &record->head);
}

static int tell_tag(const char *tag, uint64_t now_ns, run_take take, void *ctx)
{
	char bytes[sizeof(struct wire_tag) + TAG_MAX] __attribute__((aligned(8))) = { 0 };
	struct wire_tag *record = (struct wire_tag *)bytes;
	const char *equals = strchr(tag, '=');
	int n;

	if (!equals || equals == tag || strlen(tag) >= TAG_MAX)
		return -EINVAL;
	n = snprintf(bytes + sizeof(*record), TAG_MAX, "%.*s%c%s", (int)(equals - tag), tag, 0,
		     equals + 1);
	record->head = head_of(WIRE_TAG, sizeof(*record) + (size_t)n + 1, now_ns);
	return take(ctx, &record->head);
}

int run_tell(const struct gw_opts *opts, uint64_t now_ns, run_take take, void *ctx)
{
	int err = opts->command ? tell_command(opts, now_ns, take, ctx) : 0;

	for (size_t i = 0; !err && i < opts->n_tags; i++)
		err = tell_tag(opts->tags[i], now_ns, take, ctx);
	return err;
}

int run_tell_child(int status, uint64_t now_ns, run_take take, void *ctx)
{
	struct wire_child record = { .status = status };

	record.head = head_of(WIRE_CHILD, sizeof(record), now_ns);
	return take(ctx, &record.head);
}

int run_tell_note(const char *what, const char *why, const char *fix, uint64_t now_ns,
		  run_take take, void *ctx)
{
	char bytes[sizeof(struct wire_note) + 1024] __attribute__((aligned(8))) = { 0 };
	struct wire_note *record = (struct wire_note *)bytes;
	int n = snprintf(bytes + sizeof(*record), 1024, "%.200s%c%.400s%c%.200s", what, 0, why, 0,
			 fix);

	record->head = head_of(WIRE_NOTE, sizeof(*record) + (size_t)n + 1, now_ns);
	return take(ctx, &record->head);
}

int run_command(struct gw_report *report, const struct event_command *command)
{
	const char *arg = command->args;

	tables_choose(report->memory, true);
	report->n_command = 0;
	report->command_watched = command->watched;
	report->command = tables_bytes(report, command->argc * sizeof(*report->command));
	if (!report->command)
		return -ENOMEM;
	for (uint32_t i = 0; i < command->argc; i++) {
		const char *kept = tables_string(report, arg);

		if (!kept)
			return -ENOMEM;
		report->command[report->n_command++] = kept;
		arg += strlen(arg) + 1;
	}
	return 0;
}

/* Of two with the same key the later counts. */
int run_tag(struct gw_report *report, const struct event_tag *tag)
{
	struct report_tag *at = NULL;

	report_each (report, tags, struct report_tag, it)
		if (!strcmp(it->key, tag->key))
			at = it;
	if (!at && report->tags.count >= TAGS_MAX)
		return 0;
	if (!at)
		at = tables_add(&report->tags, sizeof(*at));
	if (!at)
		return -ENOMEM;
	at->key = tables_string(report, tag->key);
	at->value = tables_string(report, tag->value);
	return at->key && at->value ? 0 : -ENOMEM;
}
