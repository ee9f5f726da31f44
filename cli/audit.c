// SPDX-License-Identifier: BSD-2-Clause
/*
 * audit.c: the command that tells what monkey patching missed.
 *
 * Reads memory and nothing else: no probes, no waiting for anything to
 * happen. Findings do not change the exit code unless --fail-on names their
 * kind; then 3, or 4 where the look was cut short and found none of them.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"
#include "views.h"

struct audit {
	struct gw *gw;
	struct status status;
	struct views views;
	bool logged;
};

static void on_log(void *ctx, enum gw_level level, const char *line)
{
	struct audit *audit = ctx;

	audit->logged |= level == GW_WARN;
	status_log(&audit->status, level, line);
}

/* Is it a kind, from its begin to a comma? */
static bool is_kind(const char *text, size_t len)
{
	const char *kind;

	for (size_t i = 0; (kind = gw_patch_kind(i)); i++)
		if (strlen(kind) == len && !strncmp(kind, text, len))
			return true;
	return len == 3 && !strncmp(text, "any", 3);
}

static int check_kinds(const struct opt_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		const char *at = texts->items[i];

		for (;;) {
			size_t len = strcspn(at, ",");

			if (!is_kind(at, len))
				return usage("--fail-on \"%.*s\": must be any, not-patched, "
					     "captured-original, native-lock, native-socket, "
					     "late or native-client",
					     (int)(len > 60 ? 60 : len), at);
			if (!at[len])
				break;
			at += len + 1;
		}
	}
	return EXIT_DONE;
}

static bool asked_for(const struct opt_texts *texts, const char *kind)
{
	for (size_t i = 0; i < texts->count; i++) {
		for (const char *at = texts->items[i];; at += strcspn(at, ",") + 1) {
			size_t len = strcspn(at, ",");

			if ((len == 3 && !strncmp(at, "any", 3)) ||
			    (len == strlen(kind) && !strncmp(at, kind, len)))
				return true;
			if (!at[len])
				break;
		}
	}
	return false;
}

static int verdict(const struct gw_report *report, const struct options *options)
{
	const struct gw_audit *audit;
	const struct gw_patch *patch;
	bool failed = true, cut = false;

	for (size_t i = 0; (patch = gw_patch_at(report, i)); i++)
		if (asked_for(&options->fail_on, patch->kind))
			return EXIT_BROKEN;
	for (size_t i = 0; (audit = gw_audit_at(report, i)); i++) {
		failed &= audit->state == GW_AUDIT_FAILED;
		cut |= audit->state == GW_AUDIT_FAILED || !audit->complete;
	}
	if (failed)
		return EXIT_ERROR;
	return cut && options->fail_on.count ? EXIT_NO_VERDICT : EXIT_DONE;
}

static int run(struct audit *audit, const struct options *options)
{
	GW_OPTS(opts, .pids = options->pids.items, .n_pids = options->pids.count,
		.no_follow = options->no_follow, .audit = true, .log = on_log, .ctx = audit);
	int err = gw_open(&audit->gw, &opts);

	if (err) {
		if (!audit->logged)
			status_say(&audit->status, "cannot audit: %s", strerror(-err));
		views_close(&audit->views, false);
		return EXIT_ERROR;
	}
	while (!err && gw_ended(audit->gw) == GW_ENDED_NOT)
		err = gw_poll(audit->gw, -1) < 0;
	err |= gw_end(audit->gw, err ? GW_ENDED_ERROR : GW_ENDED_DURATION) < 0;
	views_end(&audit->views, gw_report(audit->gw));
	views_close(&audit->views, true);
	if (!err && !audit->views.failed)
		return verdict(gw_report(audit->gw), options);
	return EXIT_ERROR;
}

int cmd_audit(struct options *options)
{
	struct audit audit = { 0 };
	int err = targets(options);

	if (!err)
		err = check_kinds(&options->fail_on);
	if (err)
		return err;
	if (!options->pids.count)
		return usage("no process given, e.g. greenwatch audit -p 4242");
	status_open(&audit.status, options);
	err = views_open(&audit.views, options, &audit.status, "audit", NULL);
	if (err)
		return err;
	err = run(&audit, options);
	gw_close(audit.gw);
	return err;
}
