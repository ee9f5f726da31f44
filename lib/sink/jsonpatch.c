// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonpatch.c: audits as JSON: what patching did is with the target, what it
 * missed is a list of its own. Both are absent where nothing was audited.
 */
#include <string.h>

#include "base/escape.h"
#include "sink/json.h"

static const char *state_name(enum wire_audit_state state)
{
	static const char *const names[] = {
		[WIRE_AUDIT_FAILED] = "failed",
		[WIRE_AUDIT_NO_PYTHON] = "no-python",
		[WIRE_AUDIT_NONE] = "none",
		[WIRE_AUDIT_IDLE] = "idle",
		[WIRE_AUDIT_UNPATCHED] = "not-patched",
		[WIRE_AUDIT_PATCHED] = "patched",
	};

	return names[state];
}

static cJSON *names_of(struct json *json, const char *names)
{
	cJSON *list = cJSON_CreateArray();

	while (*names) {
		char name[256];
		size_t len = strcspn(names, " ");

		snprintf(name, sizeof(name), "%.*s", (int)(len > 255 ? 255 : len), names);
		cJSON_AddItemToArray(list, json_sentence_item(json, name));
		names += len + (names[len] == ' ');
	}
	return list;
}

static cJSON *patched(struct json *json, const struct report_audit *audit)
{
	cJSON *item = cJSON_CreateObject();

	for (uint32_t i = 0; i < audit->n_patched; i++) {
		char key[ESCAPE_SIZE(ESCAPE_NAME)];

		gw_escape(key, sizeof(key), audit->patched[2 * i]);
		json_put(json, item, key, names_of(json, audit->patched[2 * i + 1]));
	}
	return item;
}

static cJSON *patching(struct json *json, const struct report_audit *audit)
{
	cJSON *item = cJSON_CreateObject();

	json_text(json, item, "state", state_name(audit->state));
	json_text(json, item, "library", audit->library);
	json_text(json, item, "version", audit->version);
	json_text(json, item, "why", audit->why);
	if (audit->n_patched)
		json_put(json, item, "patched", patched(json, audit));
	json_flag(json, item, "complete", audit->complete);
	json_number(json, item, "modules", audit->modules);
	json_number(json, item, "objects", audit->objects);
	json_number(json, item, "took_ns", audit->took_ns);
	return item;
}

void json_patching(struct json *json, cJSON *target, const struct gw_report *report, uint32_t pid)
{
	report_each (report, audits, struct report_audit, audit) {
		if (audit->pid != pid)
			continue;
		json_put(json, target, "patching", patching(json, audit));
		return;
	}
}

static cJSON *patch_item(struct json *json, const struct report_patch *patch)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "pid", patch->pid);
	json_text(json, item, "kind", patch->kind);
	json_text(json, item, "what", patch->what ? patch->what : "?");
	json_text(json, item, "where", patch->where);
	json_text(json, item, "file", patch->file);
	if (patch->line)
		json_number(json, item, "line", patch->line);
	if (patch->count > 1)
		json_number(json, item, "count", patch->count);
	if (patch->fd >= 0)
		json_number(json, item, "fd", (uint64_t)patch->fd);
	json_text(json, item, "detail", patch->more);
	json_text(json, item, "rule", patch->rule);
	return item;
}

void json_patches(struct json *json, const struct gw_report *report)
{
	if (!report->audits.count && !report->patches.count)
		return;
	json_array(json, "patches");
	report_each (report, patches, struct report_patch, patch)
		json_element(json, patch_item(json, patch));
	json_array_end(json);
}
