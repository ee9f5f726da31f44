// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_json.c: the report document and the stream, read back.
 */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

static struct sample sample;
static char *output;
static size_t output_size;
static FILE *to;
static struct gw_sink *sink;

static void begin(const char *format)
{
	sample_make(&sample);
	to = open_memstream(&output, &output_size);
	cr_assert_eq(gw_sink_open(&sink, format, to, NULL), 0);
}

static cJSON *document(void)
{
	cJSON *doc;

	cr_assert_eq(gw_sink_start(sink, &sample.report), 0);
	cr_assert_eq(gw_sink_end(sink, &sample.report), 0);
	doc = cJSON_Parse(output);
	cr_assert_not_null(doc, "%s", output);
	return doc;
}

/* "stalls/0/ledger/oncpu_ns"; NULL when absent. */
static const cJSON *at(const cJSON *item, const char *path)
{
	char key[64];

	while (item && *path) {
		size_t n = strcspn(path, "/");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(key))
					   : cJSON_GetObjectItemCaseSensitive(item, key);
		path += n + (path[n] == '/');
	}
	return item;
}

static const char *text(const cJSON *item, const char *path)
{
	const char *value = cJSON_GetStringValue(at(item, path));

	return value ? value : "(absent)";
}

static void end(void)
{
	gw_sink_close(sink);
	fclose(to);
	free(output);
}

Test(json, a_stall_that_had_begun_before_the_run_says_so)
{
	cJSON *doc;

	begin("json");
	sample.stalls[0].underway = true;
	doc = document();
	cr_assert(cJSON_IsTrue(at(doc, "stalls/0/underway")));
	cr_assert_null(at(doc, "stalls/1/underway"));
	cJSON_Delete(doc);
	end();
}

Test(json, stacks_that_are_not_whole_are_counted_by_reason)
{
	cJSON *doc;

	begin("json");
	sample.report.flaws[REPORT_CUT] = 3;
	sample.report.flaws[REPORT_CIRCLE] = 1;
	doc = document();
	cr_assert_eq(at(doc, "quality/stacks/cut")->valuedouble, 3);
	cr_assert_eq(at(doc, "quality/stacks/torn")->valuedouble, 0);
	cr_assert_eq(at(doc, "quality/stacks/circular")->valuedouble, 1);
	cr_assert(cJSON_IsTrue(at(doc, "quality/complete")));
	cJSON_Delete(doc);
	end();
}

Test(json, who_had_to_wait_is_absent_where_it_is_not_known)
{
	cJSON *doc;

	begin("json");
	sample.stalls[0].ready = 0;
	sample.stalls[1].ready = GW_NONE;
	doc = document();
	cr_assert_eq(at(doc, "stalls/0/delayed/ready")->valuedouble, 0);
	cr_assert_null(at(doc, "stalls/1/delayed"));
	cJSON_Delete(doc);
	end();
}

Test(json, the_document_has_every_required_part)
{
	static const char *const parts[] = { "schema", "tool",   "run",    "targets",
					     "loops",  "frames", "stacks", "sites",
					     "stalls", "calls",  "quality" };
	cJSON *doc;

	begin("json");
	doc = document();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		cr_assert_not_null(at(doc, parts[i]), "%s", parts[i]);
	cr_assert_str_eq(text(doc, "schema/name"), "greenwatch-report");
	cr_assert_str_eq(text(doc, "run/start"), "2026-11-23T04:08:00.120Z");
	cr_assert_str_eq(text(doc, "run/ended_by"), "duration");
	cr_assert_str_eq(text(doc, "targets/0/versions/python"), "3.11.2");
	cr_assert_str_eq(text(doc, "loops/0/id"), "4242/4242");
	cr_assert_eq(cJSON_GetArraySize(at(doc, "loops/0/lag/histogram/counts")), 14);
	cr_assert_eq(cJSON_GetArraySize(at(doc, "stalls")), 3);
	cJSON_Delete(doc);
	end();
}

Test(json, a_stall_carries_its_evidence)
{
	cJSON *doc;

	begin("json");
	doc = document();
	cr_assert_str_eq(text(doc, "stalls/0/cause"), "syscall");
	cr_assert_str_eq(text(doc, "stalls/0/site"), "gw1-9b502de55a86d314");
	cr_assert_str_eq(text(doc, "stalls/0/waits/0/class"), "sleep");
	cr_assert_str_eq(text(doc, "stalls/0/samples/0/state"), "blocked");
	cr_assert_eq(cJSON_GetArraySize(at(doc, "stalls/0/samples")), 1, "one has no stack");
	cr_assert_str_eq(text(doc, "stalls/2/culprits/0/comm"), "hog");
	cr_assert_eq(at(doc, "stalls/0/ledger/blocked_ns")->valuedouble, 600800000);
	cr_assert_eq(at(doc, "stalls/0/ledger/throttled_ns")->valuedouble, 0);
	cJSON_Delete(doc);
	end();
}

Test(json, a_task_carries_its_coroutines)
{
	struct gw_task tasks[2] = {
		{ .name = "client-7 (retry)",
		  .kind = GW_TASK_TASK,
		  .share_ns = 5,
		  .spawned_at = GW_NONE,
		  .frame = 0,
		  .chain = 1 },
		{ .name = "on_timer",
		  .kind = GW_TASK_CALLBACK,
		  .spawned_at = GW_NONE,
		  .frame = GW_NONE,
		  .chain = GW_NONE },
	};
	cJSON *doc;

	begin("json");
	sample.indexes[4] = 3;
	sample.indexes[5] = 0;
	sample.stacks[1] = (struct report_stack){ .first = 4, .depth = 2 };
	sample.report.indexes.count = 6;
	sample.report.stacks.count = 2;
	sample.stalls[0].tasks = tasks;
	sample.stalls[0].n_tasks = 2;
	doc = document();
	cr_assert_str_eq(text(doc, "stalls/0/tasks/0/coroutine"), "retry");
	cr_assert_eq(at(doc, "stalls/0/tasks/0/chain")->valueint, 1);
	cr_assert_eq(at(doc, "stalls/0/tasks/0/frame")->valueint, 0);
	cr_assert_str_eq(text(doc, "stalls/0/tasks/1/kind"), "callback");
	cr_assert_null(at(doc, "stalls/0/tasks/1/coroutine"));
	cr_assert_null(at(doc, "stalls/0/tasks/1/frame"));
	cJSON_Delete(doc);
	end();
}

Test(json, what_was_not_measured_is_absent)
{
	cJSON *doc;

	begin("json");
	sample.targets[0].exe = NULL;
	sample.targets[0].version = NULL;
	doc = document();
	cr_assert_null(at(doc, "targets/0/exe"));
	cr_assert_null(at(doc, "targets/0/versions"));
	cr_assert_null(at(doc, "stalls/2/frame"));
	cr_assert_null(at(doc, "stalls/2/stack"));
	cr_assert_null(at(doc, "stalls/0/open"));
	cr_assert_null(at(doc, "sites/1/frame"));
	cr_assert_null(at(doc, "frames/1/line"));
	cr_assert_null(at(doc, "quality/overhead/bpf_ns"));
	cJSON_Delete(doc);
	end();
}

Test(json, integers_are_exact_to_the_last_bit)
{
	begin("json");
	sample.report.start_ns = 18446744073709551557ULL;
	sample.frames[2].offset = 9007199254740993ULL;
	cJSON_Delete(document());
	cr_assert(strstr(output, "\"start_monotonic_ns\":18446744073709551557"));
	cr_assert(strstr(output, "\"offset\":9007199254740993"));
	end();
}

Test(json, equal_reports_give_equal_bytes)
{
	char *first;

	begin("json");
	cJSON_Delete(document());
	first = strdup(output);
	end();
	begin("json");
	cJSON_Delete(document());
	cr_assert_str_eq(first, output);
	free(first);
	end();
}

Test(json, every_loss_is_listed_and_the_diagnosis_says_so_first)
{
	cJSON *doc;

	begin("json");
	sample.report.lost[0].count = 12;
	sample.report.sites.count = 0;
	doc = document();
	cr_assert(cJSON_IsFalse(at(doc, "quality/complete")));
	cr_assert_eq(at(doc, "quality/lost/ring_full")->valuedouble, 12);
	cr_assert_eq(at(doc, "quality/lost/slots_full")->valuedouble, 0);
	cr_assert_eq(strncmp(text(doc, "diagnosis/0"), "12 events were lost", 19), 0);
	cr_assert_null(strstr(output, "No stall"));
	cJSON_Delete(doc);
	end();
}

Test(json, the_headline_names_the_worst_site)
{
	cJSON *doc;

	begin("json");
	doc = document();
	cr_assert_str_eq(text(doc, "diagnosis/0"),
			 "1 gevent loop stalled 2 times in 60 s, worst 612 ms; 100 % of it is "
			 "clock_nanosleep in retry (shop.py).");
	cr_assert(strstr(text(doc, "diagnosis/1"), "not charged"));
	cJSON_Delete(doc);
	end();
}

Test(json, a_healthy_run_is_told_with_its_figures)
{
	cJSON *doc;

	begin("json");
	sample.report.sites.count = sample.report.stalls.count = 0;
	sample.loops[0].lag_max_ns = 41 * SAMPLE_MS;
	doc = document();
	cr_assert_str_eq(text(doc, "diagnosis/0"),
			 "No stall over 100 ms in 60 s, 182 044 turns, worst 41 ms.");
	cJSON_Delete(doc);
	end();
}

Test(json, foreign_text_is_escaped_before_it_is_written)
{
	cJSON *doc;

	begin("json");
	sample.argv[1] = "x\033]0;evil\xff";
	sample.frames[0].name = "a\xe2\x80\xae"
				"b\"</script>";
	doc = document();
	cr_assert_str_eq(text(doc, "targets/0/cmdline/1"), "x\\x1b]0;evil\\xff");
	cr_assert_str_eq(text(doc, "frames/0/name"), "a\\u{202e}b\"</script>");
	cJSON_Delete(doc);
	end();
}

Test(json, an_empty_report_is_still_a_document)
{
	cJSON *doc;

	begin("json");
	sample.report.loops.count = sample.report.frames.count = sample.report.stacks.count = 0;
	sample.report.sites.count = sample.report.stalls.count = sample.report.targets.count = 0;
	doc = document();
	cr_assert_eq(cJSON_GetArraySize(at(doc, "stalls")), 0);
	cr_assert_str_eq(text(doc, "diagnosis/0"), "No event loop was seen in 60 s.");
	cJSON_Delete(doc);
	end();
}

Test(json, an_output_error_is_reported)
{
	struct gw_sink *full_sink;
	FILE *full = fopen("/dev/full", "w");

	sample_make(&sample);
	cr_assert_eq(gw_sink_open(&full_sink, "json", full, NULL), 0);
	cr_assert_lt(gw_sink_end(full_sink, &sample.report), 0);
	gw_sink_close(full_sink);
	fclose(full);
}

static cJSON *line(int n)
{
	const char *p = output;
	cJSON *item;
	size_t len;
	char *copy;

	while (n--)
		p = strchr(p, '\n') + 1;
	len = strcspn(p, "\n");
	copy = strndup(p, len);
	item = cJSON_Parse(copy);
	cr_assert_not_null(item, "%s", copy);
	free(copy);
	return item;
}

Test(jsonl, each_line_is_an_object_and_tables_arrive_once)
{
	cJSON *start, *first, *again, *summary;

	begin("jsonl");
	cr_assert_eq(gw_sink_start(sink, &sample.report), 0);
	cr_assert_eq(gw_sink_stall(sink, &sample.report, &sample.stalls[0]), 0);
	cr_assert_eq(gw_sink_stall(sink, &sample.report, &sample.stalls[1]), 0);
	cr_assert_eq(gw_sink_end(sink, &sample.report), 0);
	start = line(0), first = line(1), again = line(2), summary = line(3);
	cr_assert_str_eq(text(start, "type"), "start");
	cr_assert_null(at(start, "run/ended_by"));
	cr_assert_str_eq(text(first, "type"), "stall");
	cr_assert_eq(cJSON_GetArraySize(at(first, "frames")), 4);
	cr_assert_eq(cJSON_GetArraySize(at(first, "stacks")), 1);
	cr_assert_eq(cJSON_GetArraySize(at(first, "sites")), 1);
	cr_assert_eq(cJSON_GetArraySize(at(again, "frames")), 0);
	cr_assert_eq(cJSON_GetArraySize(at(again, "sites")), 0);
	cr_assert_str_eq(text(again, "site"), "gw1-9b502de55a86d314");
	cr_assert_str_eq(text(summary, "type"), "summary");
	cr_assert_eq(cJSON_GetArraySize(at(summary, "stalls")), 0);
	cr_assert_eq(cJSON_GetArraySize(at(summary, "frames")), 4);
	cJSON_Delete(start);
	cJSON_Delete(first);
	cJSON_Delete(again);
	cJSON_Delete(summary);
	end();
}

Test(jsonl, a_line_is_flushed_at_once)
{
	begin("jsonl");
	cr_assert_eq(gw_sink_start(sink, &sample.report), 0);
	cr_assert_eq(output[output_size - 1], '\n');
	end();
}

Test(schema, is_in_the_library)
{
	cJSON *schema = cJSON_Parse(gw_schema());

	cr_assert_str_eq(text(schema, "$id"), "urn:greenwatch:report:1.0");
	cJSON_Delete(schema);
}
