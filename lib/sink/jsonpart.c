// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonpart.c: the parts of the report as JSON values.
 *
 * Field names and meanings are docs/reports.md. What was not measured is
 * absent; 0 is measured and none. All text passes the escaper.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/hist.h"
#include "sink/format.h"
#include "sink/json.h"

cJSON *json_schema(struct json *json)
{
	cJSON *schema = cJSON_CreateObject();

	json_text(json, schema, "name", "greenwatch-report");
	json_text(json, schema, "version", "1.0");
	return schema;
}

cJSON *json_tool(struct json *json, const struct gw_report *report)
{
	cJSON *tool = cJSON_CreateObject();

	json_text(json, tool, "name", "greenwatch");
	json_text(json, tool, "version", report->tool ? report->tool : gw_version());
	return tool;
}

static void put_start(struct json *json, cJSON *run, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	char date[32] = "1970-01-01T00:00:00", text[48];
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned)(wall_ns / 1000000 % 1000));
	json_text(json, run, "start", text);
}

static const char *ended_by(enum gw_ended ended)
{
	static const char *const words[] = {
		[GW_ENDED_NOT] = "signal", /* a report asked for while the run went on */
		[GW_ENDED_DURATION] = "duration",  [GW_ENDED_SIGNAL] = "signal",
		[GW_ENDED_TARGET] = "target-exit", [GW_ENDED_ERROR] = "error",
		[GW_ENDED_CHILD] = "child-exit",   [GW_ENDED_FAIL_FAST] = "fail-fast",
	};

	return words[ended];
}

static cJSON *settings(struct json *json, const struct gw_report *report)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "threshold_ns", report->threshold_ns);
	json_number(json, item, "warmup_ns", report->warmup_ns);
	json_number(json, item, "sample_period_ns", report->period_ns);
	json_text(json, item, "calls", report->calls_all ? "all" : "slept");
	return item;
}

static cJSON *host(struct json *json, const struct gw_report *report)
{
	cJSON *item = cJSON_CreateObject();

	json_text(json, item, "kernel", report->kernel ? report->kernel : "unknown");
	json_text(json, item, "arch", report->arch ? report->arch : "unknown");
	json_number(json, item, "cpus", report->cpus);
	json_text(json, item, "name", report->host);
	return item;
}

static cJSON *words(struct json *json, const char *const *from, uint32_t n)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, json_sentence_item(json, from[i] ? from[i] : ""));
	return list;
}

static cJSON *tags(struct json *json, const struct gw_report *report)
{
	cJSON *item = cJSON_CreateObject();

	report_each (report, tags, struct report_tag, tag)
		json_text(json, item, tag->key, tag->value);
	return item;
}

/* What the caller said of the run. */
static void put_command(struct json *json, cJSON *run, const struct gw_report *report, bool ended)
{
	if (report->command)
		json_put(json, run, "command",
			 words(json, (const char *const *)report->command, report->n_command));
	if (report->command && ended && report->child_exit == WIRE_STATUS_NONE)
		json_raw(json, run, "child_exit", "null");
	else if (report->command && ended)
		json_number(json, run, "child_exit", (uint64_t)report->child_exit);
	if (report->tags.count)
		json_put(json, run, "tags", tags(json, report));
}

cJSON *json_run(struct json *json, const struct gw_report *report, bool ended)
{
	cJSON *run = cJSON_CreateObject();

	json_text(json, run, "id", report->id ? report->id : "unknown");
	put_start(json, run, report->wall_ns);
	json_number(json, run, "start_monotonic_ns", report->start_ns);
	if (ended) {
		json_number(json, run, "duration_ns", report->duration_ns);
		json_text(json, run, "ended_by", ended_by(report->ended));
	}
	put_command(json, run, report, ended);
	json_put(json, run, "settings", settings(json, report));
	json_put(json, run, "host", host(json, report));
	return run;
}

static cJSON *versions(struct json *json, const struct report_target *target)
{
	bool node = target->runtime && !strcmp(target->runtime, "node");
	cJSON *item = cJSON_CreateObject();

	json_text(json, item, node ? "node" : "python", target->version);
	return item;
}

static cJSON *cmdline(struct json *json, const struct report_target *target)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < target->argc; i++) {
		const char *word = target->argv[i] ? target->argv[i] : "";

		cJSON_AddItemToArray(list, json_sentence_item(json, word));
	}
	return list;
}

cJSON *json_target(struct json *json, const struct gw_report *report,
		   const struct report_target *target)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "pid", target->pid);
	if (target->parent)
		json_number(json, item, "parent", target->parent);
	json_text(json, item, "comm", target->comm ? target->comm : "?");
	if (target->argc)
		json_put(json, item, "cmdline", cmdline(json, target));
	json_text(json, item, "exe", target->exe);
	json_text(json, item, "runtime", target->runtime ? target->runtime : "native");
	if (target->version && target->version[0])
		json_put(json, item, "versions", versions(json, target));
	json_patching(json, item, report, target->pid);
	return item;
}

cJSON *json_histogram(struct json *json, const uint64_t *counts, uint64_t sum_ns)
{
	cJSON *item = cJSON_CreateObject();
	cJSON *bounds = cJSON_AddArrayToObject(item, "bounds_ns");
	cJSON *list = cJSON_AddArrayToObject(item, "counts");

	for (int i = 0; i < HIST_BOUNDS; i++)
		cJSON_AddItemToArray(bounds, json_number_item(hist_bounds_ns[i]));
	for (int i = 0; i <= HIST_BOUNDS; i++)
		cJSON_AddItemToArray(list, json_number_item(counts[i]));
	if (cJSON_GetArraySize(list) != HIST_BOUNDS + 1)
		json_put(json, item, "counts", NULL);
	json_number(json, item, "sum_ns", sum_ns);
	return item;
}

static cJSON *histogram(struct json *json, const uint64_t *buckets, uint64_t sum_ns)
{
	uint64_t counts[HIST_BOUNDS + 1];

	hist_fold(buckets, counts);
	return json_histogram(json, counts, sum_ns);
}

static const char *const share_names[REPORT_SHARES] = { "p50_ns", "p90_ns", "p99_ns", "p999_ns" };

static void put_known(struct json *json, cJSON *object, const char *key, uint64_t ns)
{
	if (ns != GW_UNKNOWN_NS)
		json_number(json, object, key, ns);
}

static cJSON *lag(struct json *json, const struct report_loop *loop)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "max_ns", loop->lag_max_ns);
	for (unsigned int i = 0; i < REPORT_SHARES; i++)
		put_known(json, item, share_names[i], report_lag(loop, i));
	json_put(json, item, "histogram", histogram(json, loop->lag, loop->lag_sum_ns));
	return item;
}

static cJSON *delay(struct json *json, const struct report_loop *loop)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "max_ns", loop->delay_max_ns);
	for (unsigned int i = 0; i < REPORT_SHARES; i++)
		put_known(json, item, share_names[i], report_delay(loop, i));
	json_put(json, item, "histogram", histogram(json, loop->delay, loop->delay_sum_ns));
	return item;
}

void json_ledger(struct json *json, cJSON *object, const struct gw_ledger *ledger)
{
	json_number(json, object, "oncpu_ns", ledger->oncpu_ns);
	json_number(json, object, "blocked_ns", ledger->blocked_ns);
	json_number(json, object, "runqueue_ns", ledger->runqueue_ns);
	json_number(json, object, "throttled_ns", ledger->throttled_ns);
	json_number(json, object, "stopped_ns", ledger->stopped_ns);
	json_number(json, object, "unaccounted_ns", ledger->unaccounted_ns);
	put_known(json, object, "user_ns", ledger->user_ns);
	put_known(json, object, "kernel_ns", ledger->kernel_ns);
	put_known(json, object, "gc_ns", ledger->gc_ns);
	put_known(json, object, "gil_ns", ledger->gil_ns);
	put_known(json, object, "lock_ns", ledger->lock_ns);
	put_known(json, object, "pagefault_ns", ledger->pagefault_ns);
}

static cJSON *time_of(struct json *json, const struct report_loop *loop)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "idle_ns", loop->idle_ns);
	json_ledger(json, item, &loop->time);
	return item;
}

static void put_id(struct json *json, cJSON *object, const char *key,
		   const struct report_loop *loop)
{
	char id[32];

	snprintf(id, sizeof(id), "%" PRIu32 "/%" PRIu32, loop->pid, loop->tid);
	json_text(json, object, key, id);
}

void json_loop_id(struct json *json, cJSON *object, const char *key, const struct gw_report *report,
		  uint32_t loop)
{
	if (loop != GW_NONE)
		put_id(json, object, key, report_loop(report, loop));
}

cJSON *json_loop(struct json *json, const struct report_loop *loop)
{
	cJSON *item = cJSON_CreateObject();

	put_id(json, item, "id", loop);
	json_number(json, item, "pid", loop->pid);
	json_number(json, item, "tid", loop->tid);
	json_text(json, item, "thread_name", loop->comm);
	json_text(json, item, "runtime", loop->runtime);
	json_number(json, item, "turns", loop->turns);
	json_put(json, item, "lag", lag(json, loop));
	json_put(json, item, "wakeup_delay", delay(json, loop));
	json_put(json, item, "time", time_of(json, loop));
	return item;
}

/* The longest turn of each step of the run, up to where the run has come. */
void json_lag_trend(struct json *json, cJSON *loop, const struct gw_report *report,
		    const struct report_loop *from)
{
	cJSON *item = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(item, "max_ns");
	uint64_t steps = report->lag_step_ns ? report->duration_ns / report->lag_step_ns + 1 : 0;

	json_number(json, item, "step_ns", report->lag_step_ns);
	for (uint64_t i = 0; i < steps && i < REPORT_LAGS; i++)
		cJSON_AddItemToArray(list, json_number_item(from->lags[i]));
	if (steps)
		json_put(json, cJSON_GetObjectItem(loop, "lag"), "trend", item);
	else
		cJSON_Delete(item);
}

cJSON *json_frame(struct json *json, const struct gw_frame *frame)
{
	cJSON *item = cJSON_CreateObject();

	json_text(json, item, "kind", format_frame_kind(frame->kind));
	json_text(json, item, "name", frame->name);
	json_text(json, item, "file", frame->file);
	if (frame->line)
		json_number(json, item, "line", frame->line);
	json_text(json, item, "module", frame->module);
	if (frame->offset)
		json_number(json, item, "offset", frame->offset);
	if (frame->app)
		json_flag(json, item, "app", true);
	json_text(json, item, "nameless", frame->nameless);
	return item;
}

cJSON *json_stack(struct json *json, const struct gw_report *report, uint32_t stack)
{
	cJSON *list = cJSON_CreateArray();
	const uint32_t *frames;
	uint32_t depth = report_stack(report, stack, &frames);

	for (uint32_t i = 0; i < depth; i++) {
		if (!cJSON_AddItemToArray(list, json_number_item(frames[i])))
			json_put(json, list, "", NULL);
	}
	return list;
}

cJSON *json_site(struct json *json, const struct report_site *site)
{
	cJSON *item = cJSON_CreateObject();

	json_text(json, item, "fingerprint", site->fingerprint);
	json_text(json, item, "cause", gw_cause_name(site->cause));
	json_text(json, item, "title", site->title ? site->title : gw_cause_name(site->cause));
	json_number(json, item, "count", site->count);
	json_number(json, item, "total_ns", site->total_ns);
	json_number(json, item, "max_ns", site->max_ns);
	if (site->charged_ns)
		json_number(json, item, "charged_ns", site->charged_ns);
	if (site->n_lengths || site->n_medians)
		json_number(json, item, "p50_ns", report_site_median(site));
	if (site->frame != GW_NONE)
		json_number(json, item, "frame", site->frame);
	if (site->stack != GW_NONE)
		json_number(json, item, "stack", site->stack);
	json_text(json, item, "call", site->call);
	json_peer(json, item, site->peer);
	json_advice(json, item, &site->advice);
	json_sentence(json, item, "suppressed_by", site->suppressed_by);
	if (site->change != GW_CHANGE_NONE)
		json_text(json, item, "baseline", gw_change_name(site->change));
	return item;
}

static cJSON *degraded(struct json *json, const struct gw_report *report)
{
	cJSON *list = cJSON_CreateArray();

	report_each (report, notes, struct report_note, note) {
		cJSON *item = cJSON_CreateObject();

		json_sentence(json, item, "what", note->what && note->what[0] ? note->what : "?");
		json_sentence(json, item, "why",
			      note->why && note->why[0] ? note->why : "not known");
		json_sentence(json, item, "fix", note->fix);
		if (!cJSON_AddItemToArray(list, item))
			json_put(json, list, "", NULL);
	}
	return list;
}

static cJSON *overhead(struct json *json, const struct gw_report *report)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "cpu_ns", report->cpu_ns);
	if (report->bpf_runs) {
		json_number(json, item, "bpf_ns", report->bpf_ns);
		json_number(json, item, "bpf_runs", report->bpf_runs);
	}
	if (report->rss_bytes)
		json_number(json, item, "rss_bytes", report->rss_bytes);
	return item;
}

/* Stacks that are not whole, or no stacks. */
static cJSON *flaws(struct json *json, const struct gw_report *report)
{
	static const char *const names[WIRE_FLAWS] = {
		[REPORT_CUT] = "cut",
		[REPORT_TORN] = "torn",
		[REPORT_UNREADABLE] = "unreadable",
		[REPORT_CIRCLE] = "circular",
	};
	cJSON *item = cJSON_CreateObject();

	for (int i = 0; i < WIRE_FLAWS; i++)
		json_number(json, item, names[i], report->flaws[i]);
	return item;
}

cJSON *json_quality(struct json *json, const struct gw_report *report)
{
	cJSON *item = cJSON_CreateObject(), *lost;
	char share[16] = "0";

	json_flag(json, item, "complete", report_complete(report));
	lost = cJSON_AddObjectToObject(item, "lost");
	for (int i = 0; i < REPORT_LOST; i++) {
		if (report->lost[i].reason)
			json_number(json, lost, report->lost[i].reason, report->lost[i].count);
	}
	json_put(json, item, "stacks", flaws(json, report));
	json_number(json, item, "stalls_folded", report->stalls_folded);
	json_number(json, item, "calls_folded", report->calls_rest);
	json_number(json, item, "calls_folded_ns", report->calls_rest_ns);
	if (report->frames_seen) {
		double part = (double)report->frames_nameless / (double)report->frames_seen;
		unsigned thousandths = part < 1 ? (unsigned)(part * 1000 + 0.5) : 1000;

		snprintf(share, sizeof(share), "%u.%03u", thousandths / 1000 % 10,
			 thousandths % 1000);
		json_raw(json, item, "nameless_frames", share);
	}
	json_put(json, item, "degraded", degraded(json, report));
	json_text(json, item, "gate", report->gate);
	json_put(json, item, "overhead", overhead(json, report));
	return item;
}
