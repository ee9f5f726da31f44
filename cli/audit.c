// SPDX-License-Identifier: BSD-2-Clause
/*
 * audit.c: the command that tells what monkey patching missed.
 *
 * Reads memory and nothing else: no probes, no waiting for anything to
 * happen. Findings do not change the exit code unless --fail-on names their
 * kind; then 3, or 4 where the look was cut short and found none of them.
 */
#include <errno.h>
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

/* Calls with each word between commas, until one gives other than 0, and is that. */
static int each_kind(const struct opt_texts *texts, int (*call)(void *ctx, const char *kind),
		     void *ctx)
{
	char word[64];
	int result = 0;

	for (size_t i = 0; !result && i < texts->count; i++) {
		for (const char *at = texts->items[i]; !result; at += strcspn(at, ",") + 1) {
			size_t len = strcspn(at, ",");

			memset(word, 0, sizeof(word));
			memcpy(word, at, len < sizeof(word) ? len : sizeof(word) - 1);
			result = call(ctx, word);
			if (!at[len])
				break;
		}
	}
	return result;
}

static int check_kind(void *ctx, const char *kind)
{
	(void)ctx;
	if (gw_patches(NULL, kind) >= 0)
		return 0;
	return usage("--fail-on \"%s\": must be any, not-patched, captured-original, native-lock, "
		     "native-socket, late or native-client",
		     kind);
}

static int is_found(void *ctx, const char *kind)
{
	return gw_patches(ctx, kind) > 0;
}

static int verdict(const struct gw_report *report, const struct options *options)
{
	int audited = gw_audited(report);

	if (each_kind(&options->fail_on, is_found, (void *)(uintptr_t)report))
		return EXIT_BROKEN;
	if (audited == -ENODATA)
		return EXIT_ERROR;
	return audited && options->fail_on.count ? EXIT_NO_VERDICT : EXIT_DONE;
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
		err = each_kind(&options->fail_on, check_kind, NULL);
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
