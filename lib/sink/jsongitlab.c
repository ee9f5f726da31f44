// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsongitlab.c: the array that GitLab reads as a code quality report.
 *
 * An issue needs a path and a line. A site without a frame of the program is
 * shown at the program itself. Suppressed sites and those the machine is to
 * blame for are no issues.
 */
#include <errno.h>
#include <stdlib.h>

#include "sink/ci.h"
#include "sink/json.h"

#define LONG_NS 1000000000

static const char *severity(const struct gw_report *report, const struct report_site *site)
{
	if (ci_state(report, site) == CI_FAILS)
		return site->max_ns >= LONG_NS ? "critical" : "major";
	return "minor";
}

static const char *program(const struct gw_report *report)
{
	report_each (report, targets, struct report_target, target)
		if (target->comm && target->comm[0])
			return target->comm;
	return "unknown";
}

static cJSON *issue(struct json *json, const struct gw_report *report,
		    const struct report_site *site)
{
	const struct gw_frame *frame = ci_frame(report, site);
	cJSON *item = cJSON_CreateObject(), *location = cJSON_CreateObject();
	cJSON *lines = cJSON_CreateObject();
	char sentence[2 * CI_TEXT];

	json_sentence(json, item, "description", ci_sentence(sentence, site));
	json_text(json, item, "check_name",
		  site->advice.rule ? site->advice.rule : gw_cause_name(site->cause));
	json_text(json, item, "fingerprint", site->fingerprint);
	json_text(json, item, "severity", severity(report, site));
	json_text(json, location, "path", frame ? frame->file : program(report));
	json_number(json, lines, "begin", frame && frame->line ? frame->line : 1);
	json_put(json, location, "lines", lines);
	json_put(json, item, "location", location);
	return item;
}

static int write_gitlab(struct gw_sink *sink, const struct gw_report *report)
{
	struct json json = { .to = sink->to, .lines = true };
	uint32_t n;
	const struct report_site **sites = ci_sites(report, &n);
	int err;

	if (!sites)
		return -ENOMEM;
	fputc('[', sink->to);
	for (uint32_t i = 0; i < n; i++) {
		if (ci_state(report, sites[i]) <= CI_SHOWN)
			json_element(&json, issue(&json, report, sites[i]));
	}
	fputs("\n]\n", sink->to);
	free(sites);
	err = sink_flush(sink);
	return json.err ? json.err : err;
}

const struct sink_ops sink_gitlab = {
	.name = "gitlab",
	.help = "code quality for GitLab",
	.end = write_gitlab,
};
