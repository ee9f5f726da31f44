// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonsarif.c: SARIF 2.1.0, for code scanning.
 *
 * A result is a site. Its identity is the fingerprint under a key of our own,
 * without a line number: GitHub recomputes primaryLocationLineHash, and a
 * line in the identity opens dismissed alerts again when code is added above.
 * What was suppressed and what is known from the baseline is in the words of
 * the standard.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/ci.h"
#include "sink/json.h"

#define SCHEMA                                                                                     \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"                      \
	"sarif-schema-2.1.0.json"
#define STACK_FRAMES 60

static void append(struct json *json, cJSON *list, cJSON *item)
{
	if (!item || !cJSON_AddItemToArray(list, item))
		json_put(json, list, "", NULL);
}

static cJSON *message(struct json *json, const char *text)
{
	cJSON *item = cJSON_CreateObject();

	json_sentence(json, item, "text", text && text[0] ? text : "?");
	return item;
}

/* A path as the path of a URI: what may not stand there becomes %XX. */
static void encode(char *out, size_t size, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~/+@=";
	size_t used = 0;

	for (; *path && used + 4 < size; path++) {
		if (strchr(plain, *path))
			out[used++] = *path;
		else
			used += (size_t)snprintf(out + used, size - used, "%%%02X",
						 (unsigned char)*path);
	}
	out[used] = '\0';
}

static cJSON *artifact(struct json *json, const char *file)
{
	cJSON *item = cJSON_CreateObject();
	char safe[CI_TEXT], encoded[3 * CI_TEXT], uri[3 * CI_TEXT + 8];

	gw_escape(safe, sizeof(safe), file);
	encode(encoded, sizeof(encoded), safe);
	snprintf(uri, sizeof(uri), "%s%s", file[0] == '/' ? "file://" : "", encoded);
	json_sentence(json, item, "uri", uri);
	if (file[0] != '/')
		json_text(json, item, "uriBaseId", "%SRCROOT%");
	return item;
}

static cJSON *location(struct json *json, const struct gw_frame *frame)
{
	cJSON *item = cJSON_CreateObject(), *place = cJSON_CreateObject();
	cJSON *region = cJSON_CreateObject(), *list = cJSON_CreateArray();
	cJSON *name = cJSON_CreateObject();

	if (frame->file) {
		json_put(json, place, "artifactLocation", artifact(json, frame->file));
		json_number(json, region, "startLine", frame->line ? frame->line : 1);
		json_put(json, place, "region", region);
		json_put(json, item, "physicalLocation", place);
	} else {
		cJSON_Delete(region);
		cJSON_Delete(place);
	}
	json_text(json, name, "fullyQualifiedName", frame->name);
	append(json, list, name);
	json_put(json, item, "logicalLocations", list);
	return item;
}

static cJSON *stacks(struct json *json, const struct gw_report *report, uint32_t stack)
{
	cJSON *list = cJSON_CreateArray(), *item = cJSON_CreateObject();
	cJSON *frames = cJSON_CreateArray();
	const uint32_t *indexes;
	uint32_t depth = report_stack(report, stack, &indexes);

	for (uint32_t i = 0; i < depth && i < STACK_FRAMES; i++) {
		const struct gw_frame *frame = report_frame(report, indexes[i]);
		cJSON *one = cJSON_CreateObject();

		json_put(json, one, "location", location(json, frame));
		json_text(json, one, "module", frame->module);
		append(json, frames, one);
	}
	json_put(json, item, "frames", frames);
	append(json, list, item);
	return list;
}

/* GW1001, or greenwatch/syscall where no rule has matched. */
static void rule_id(char out[40], const struct report_site *site)
{
	if (site->advice.rule)
		snprintf(out, 40, "%s", site->advice.rule);
	else
		snprintf(out, 40, "greenwatch/%s", gw_cause_name(site->cause));
}

static cJSON *suppressions(struct json *json, const struct report_site *site)
{
	cJSON *list = cJSON_CreateArray(), *item = cJSON_CreateObject();

	json_text(json, item, "kind", "external");
	json_text(json, item, "status", "accepted");
	json_sentence(json, item, "justification", site->suppressed_by);
	append(json, list, item);
	return list;
}

static const char *state(enum gw_change change)
{
	switch (change) {
	case GW_CHANGE_NEW:
		return "new";
	case GW_CHANGE_REGRESSED:
	case GW_CHANGE_IMPROVED:
		return "updated";
	case GW_CHANGE_UNCHANGED:
		return "unchanged";
	case GW_CHANGE_FIXED:
		return "absent";
	case GW_CHANGE_NONE:
		break;
	}
	return NULL;
}

static void put_identity(struct json *json, cJSON *item, const struct report_site *site)
{
	cJSON *prints = cJSON_CreateObject();

	json_text(json, prints, "greenwatch/v1", site->fingerprint);
	json_put(json, item, "partialFingerprints", prints);
	json_text(json, item, "baselineState", state(site->change));
}

static void put_numbers(struct json *json, cJSON *item, const struct report_site *site)
{
	cJSON *properties = cJSON_CreateObject();

	if (site->count)
		json_number(json, item, "occurrenceCount", site->count);
	json_text(json, properties, "cause", gw_cause_name(site->cause));
	json_number(json, properties, "total_ns", site->total_ns);
	json_number(json, properties, "max_ns", site->max_ns);
	json_put(json, item, "properties", properties);
}

static cJSON *result(struct json *json, const struct gw_report *report,
		     const struct report_site *site)
{
	static const char *const levels[] = { [CI_FAILS] = "error",
					      [CI_SHOWN] = "warning",
					      [CI_SUPPRESSED] = "note",
					      [CI_MACHINE] = "note" };
	const struct gw_frame *frame = ci_frame(report, site);
	cJSON *item = cJSON_CreateObject(), *list = cJSON_CreateArray();
	char sentence[2 * CI_TEXT], id[40];

	rule_id(id, site);
	json_text(json, item, "ruleId", id);
	json_text(json, item, "level", levels[ci_state(report, site)]);
	json_put(json, item, "message", message(json, ci_sentence(sentence, site)));
	if (frame)
		append(json, list, location(json, frame));
	json_put(json, item, "locations", list);
	put_identity(json, item, site);
	if (site->suppressed_by)
		json_put(json, item, "suppressions", suppressions(json, site));
	if (site->stack != GW_NONE)
		json_put(json, item, "stacks", stacks(json, report, site->stack));
	put_numbers(json, item, site);
	return item;
}

static cJSON *fixed(struct json *json, const struct report_site *site)
{
	cJSON *item = cJSON_CreateObject();
	char id[40];

	rule_id(id, site);
	json_text(json, item, "ruleId", id);
	json_text(json, item, "level", "none");
	json_text(json, item, "kind", "notApplicable");
	json_put(json, item, "message", message(json, site->title));
	put_identity(json, item, site);
	return item;
}

static cJSON *rule(struct json *json, const struct report_site *site, const char *id)
{
	const struct gw_rule *known = site->advice.rule ? gw_rule_find(site->advice.rule) : NULL;
	cJSON *item = cJSON_CreateObject();
	char text[80];

	json_text(json, item, "id", id);
	if (known) {
		json_put(json, item, "shortDescription", message(json, known->title));
		json_put(json, item, "fullDescription", message(json, known->looks));
		json_put(json, item, "help", message(json, known->fix));
	} else {
		snprintf(text, sizeof(text), "a turn of the loop was late: %s",
			 gw_cause_name(site->cause));
		json_put(json, item, "shortDescription", message(json, text));
	}
	return item;
}

/* Each rule once: SARIF wants ids to be unique. */
static void add_rule(struct json *json, cJSON *rules, const struct report_site *site)
{
	const cJSON *have;
	char id[40];

	rule_id(id, site);
	cJSON_ArrayForEach(have, rules)
	{
		const cJSON *known = cJSON_GetObjectItemCaseSensitive(have, "id");

		if (known && !strcmp(known->valuestring, id))
			return;
	}
	append(json, rules, rule(json, site, id));
}

static cJSON *tool(struct json *json, const struct gw_report *report)
{
	cJSON *item = cJSON_CreateObject(), *driver = cJSON_CreateObject();
	cJSON *rules = cJSON_CreateArray();

	json_text(json, driver, "name", "greenwatch");
	json_text(json, driver, "version", report->tool ? report->tool : gw_version());
	report_each (report, sites, struct report_site, site)
		if (site->count)
			add_rule(json, rules, site);
	if (report->judged) {
		report_each (report->judged, fixed, struct report_site, site)
			add_rule(json, rules, site);
	}
	json_put(json, driver, "rules", rules);
	json_put(json, item, "driver", driver);
	return item;
}

static cJSON *results(struct json *json, const struct gw_report *report,
		      const struct report_site **sites, uint32_t n)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < n; i++)
		append(json, list, result(json, report, sites[i]));
	if (report->judged) {
		report_each (report->judged, fixed, struct report_site, site)
			append(json, list, fixed(json, site));
	}
	return list;
}

static int write_sarif(struct gw_sink *sink, const struct gw_report *report)
{
	struct json json = { .to = sink->to, .lines = true };
	uint32_t n;
	const struct report_site **sites = ci_sites(report, &n);
	cJSON *run = cJSON_CreateObject();
	int err;

	if (!sites || !run) {
		free(sites);
		cJSON_Delete(run);
		return -ENOMEM;
	}
	json_put(&json, run, "tool", tool(&json, report));
	json_text(&json, run, "columnKind", "unicodeCodePoints");
	json_put(&json, run, "results", results(&json, report, sites, n));
	free(sites);
	json_begin(&json);
	json_item(&json, "$schema", cJSON_CreateString(SCHEMA));
	json_item(&json, "version", cJSON_CreateString("2.1.0"));
	json_array(&json, "runs");
	json_element(&json, run);
	json_array_end(&json);
	json_end(&json);
	err = sink_flush(sink);
	return json.err ? json.err : err;
}

const struct sink_ops sink_sarif = {
	.name = "sarif",
	.extension = ".sarif",
	.help = "findings at file and line, for code scanning",
	.end = write_sarif,
};
