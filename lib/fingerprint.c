// SPDX-License-Identifier: BSD-2-Clause
/*
 * fingerprint.c: the identity of a site; the recipe is docs/reports.md, section 4.
 */
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "blame.h"

/* A frame's line in the fingerprint: without what changes from build to build. */
static uint64_t hash_frame(uint64_t hash, const struct gw_frame *frame)
{
	static const char *const cuts[] = { ".constprop.", ".lto_priv.", ".cold", "::h" };
	const char *where = frame->kind == GW_FRAME_NATIVE ? frame->module : frame->file;
	const char *name = frame->name, *end;
	size_t len;

	end = frame->nameless ? strstr(name, "0x") : NULL; /* an address */
	if (end && end > name && end[-1] == '+')
		end--;
	for (size_t i = 0; !end && i < sizeof(cuts) / sizeof(cuts[0]); i++)
		end = strstr(name, cuts[i]);
	len = end ? (size_t)(end - name) : strlen(name);
	hash = hash_add(hash, name, len);
	hash = hash_add(hash, "\t", 1);
	if (where)
		hash = hash_add(hash, where, strlen(where));
	return hash_add(hash, "\n", 1);
}

static bool has_script(const struct gw_report *report, const uint32_t *frames, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (report_is_script(report_frame(report, frames[i])))
			return true;
	return false;
}

static uint64_t hash_line(uint64_t hash, const char *text)
{
	if (text)
		hash = hash_add(hash, text, strlen(text));
	return hash_add(hash, "\n", 1);
}

/* Kernel frames and markers never, nor what is only known while a call lasts; nor the native leaf
 * of Python code on the CPU, which is another one in every sample. */
static bool identifies(const struct gw_frame *frame, enum gw_cause cause, bool script)
{
	if (frame->kind == GW_FRAME_KERNEL || frame->kind == GW_FRAME_MARKER ||
	    report_is_called(frame))
		return false;
	return !(frame->kind == GW_FRAME_NATIVE && script && cause == GW_CAUSE_CPU);
}

void blame_fingerprint(const struct gw_report *report, struct verdict *v, uint32_t at)
{
	uint64_t hash = hash_line(HASH_START, gw_cause_name(v->cause));
	const uint32_t *frames = NULL;
	uint32_t n = v->stack == GW_NONE ? 0 : report_stack(report, v->stack, &frames);
	uint32_t most = 3;

	hash = hash_line(hash, v->call_name);
	if (v->frame == GW_NONE) {
		hash = hash_line(hash, NULL);
		at = n < 3 ? n : 3;
	} else {
		hash = hash_frame(hash, report_frame(report, v->frame));
	}
	/* what runs deeper inside a library is another thing in every sample */
	if (v->cause == GW_CAUSE_CPU && v->frame != GW_NONE)
		most = 1;
	for (uint32_t i = 0; frames && i < at && i < most; i++) {
		const struct gw_frame *frame = report_frame(report, frames[at - 1 - i]);

		if (identifies(frame, v->cause, has_script(report, frames, n)))
			hash = hash_frame(hash, frame);
	}
	snprintf(v->fingerprint, sizeof(v->fingerprint), "gw1-%016llx", (unsigned long long)hash);
}
