// SPDX-License-Identifier: BSD-2-Clause
/*
 * patches.c: audits in the report: what patching did, what it missed.
 */
#include <errno.h>
#include <string.h>
#include "collect.h"
#include "tables.h"

#define MAX_AUDITS  1024
#define MAX_PATCHES 8192

static const char *const kinds[WIRE_PATCH_KINDS] = {
	[WIRE_PATCH_NOT_PATCHED] = "not-patched",
	[WIRE_PATCH_CAPTURED] = "captured-original",
	[WIRE_PATCH_LOCK] = "native-lock",
	[WIRE_PATCH_SOCKET] = "native-socket",
	[WIRE_PATCH_LATE] = "late",
	[WIRE_PATCH_CLIENT] = "native-client",
};

static const char *known(struct gw_report *report, const char *text)
{
	return text[0] ? tables_string(report, text) : NULL;
}

int collect_audit(struct gw_report *report, const struct event_audit *from)
{
	const char *at = from->patched;
	struct report_audit *audit;

	if (report->audits.count == MAX_AUDITS)
		return 0;
	audit = tables_add(&report->audits, sizeof(*audit));
	if (!audit)
		return -ENOMEM;
	*audit = (struct report_audit){ .pid = from->fixed->pid,
					.state = from->fixed->state,
					.complete = !from->fixed->cut,
					.library = known(report, from->library),
					.version = known(report, from->version),
					.why = known(report, from->why),
					.modules = from->fixed->n_modules,
					.objects = from->fixed->n_objects,
					.took_ns = from->fixed->took_ns };
	tables_choose(report->memory, true);
	audit->patched = tables_bytes(report, 2UL * from->fixed->n_patched * sizeof(char *));
	for (uint32_t i = 0; audit->patched && i < 2 * from->fixed->n_patched; i++) {
		audit->patched[i] = tables_string(report, at);
		at += strlen(at) + 1;
	}
	audit->n_patched = audit->patched ? from->fixed->n_patched : 0;
	return audit->patched ? 0 : -ENOMEM;
}

int collect_patch(struct gw_report *report, const struct event_patch *from)
{
	struct report_patch *patch;

	if (report->patches.count == MAX_PATCHES)
		return 0;
	patch = tables_add(&report->patches, sizeof(*patch));
	if (!patch)
		return -ENOMEM;
	*patch = (struct report_patch){ .pid = from->fixed->pid,
					.kind = kinds[from->fixed->kind],
					.what = known(report, from->what),
					.where = known(report, from->where),
					.file = known(report, from->file),
					.rule = known(report, from->rule),
					.more = known(report, from->more),
					.line = from->fixed->line,
					.count = from->fixed->count,
					.fd = from->fixed->fd };
	return 0;
}

int gw_patches(const struct gw_report *report, const char *kind)
{
	bool any = !strcmp(kind, "any"), found = any;
	int n = 0;

	for (size_t i = 0; i < WIRE_PATCH_KINDS; i++)
		found |= !strcmp(kinds[i], kind);
	if (!found)
		return -EINVAL;
	if (!report)
		return 0;
	report_each (report, patches, struct report_patch, patch)
		n += any || !strcmp(patch->kind, kind);
	return n;
}

int gw_audited(const struct gw_report *report)
{
	bool whole = true, one = false;

	report_each (report, audits, struct report_audit, audit) {
		one |= audit->state != WIRE_AUDIT_FAILED;
		whole &= audit->state != WIRE_AUDIT_FAILED && audit->complete;
	}
	return !one ? -ENODATA : whole ? 0 : -EAGAIN;
}
