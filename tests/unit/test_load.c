// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_load.c: saved reports read back, damaged ones refused.
 *
 * The goldens of the tapes are the reports; run from the root of the tree.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/hist.h"
#include "report.h"

#define EXAMPLE "tests/reports/example.json"
#define HEAD    "{\"schema\": {\"name\": \"greenwatch-report\", \"version\": \"1.0\"}"

#if defined(__SANITIZE_ADDRESS__)
#define MUTANTS 3000 /* each takes ten times as long, and memory is not what it is */
#define MAX_RSS UINT64_MAX
#else
#define MUTANTS 10000
#define MAX_RSS 64000 /* kB */
#endif

struct bytes {
	char *data;
	size_t len;
};

static char why[1200];

static struct bytes read_file(const char *path)
{
	struct bytes b = { 0 };
	FILE *from = fopen(path, "r");

	cr_assert_not_null(from, "%s: run from the root of the tree", path);
	b.data = malloc(4 << 20);
	b.len = fread(b.data, 1, 4 << 20, from);
	fclose(from);
	return b;
}

static int load(struct gw_report **out, const char *data, size_t len)
{
	FILE *from = fmemopen((void *)(uintptr_t)data, len, "r");
	int err;

	cr_assert_not_null(from);
	why[0] = '\0';
	err = gw_load(out, from, "x.json", why, sizeof(why));
	fclose(from);
	return err;
}

static struct gw_report *loaded(const char *text)
{
	struct gw_report *report = NULL;

	cr_assert_eq(load(&report, text, strlen(text)), 0, "%s", why);
	return report;
}

static struct gw_report *loaded_file(const char *path)
{
	struct bytes b = read_file(path);
	struct gw_report *report = NULL;

	cr_assert_eq(load(&report, b.data, b.len), 0, "%s", why);
	free(b.data);
	return report;
}

static struct bytes shown(const struct gw_report *report, const char *format)
{
	struct bytes b = { 0 };
	struct gw_sink *sink = NULL;
	struct gw_stall stall;
	FILE *to = open_memstream(&b.data, &b.len);

	cr_assert_eq(gw_sink_open(&sink, format, to, NULL), 0);
	cr_assert_eq(gw_sink_start(sink, report), 0);
	for (size_t i = 0; !gw_stall_at(report, i, &stall); i++)
		cr_assert_eq(gw_sink_stall(sink, report, &stall), 0);
	cr_assert_eq(gw_sink_end(sink, report), 0);
	gw_sink_close(sink);
	fclose(to);
	return b;
}

static void show_all(const struct gw_report *report)
{
	struct gw_format format;

	for (size_t i = 0; !gw_format_at(i, &format); i++)
		free(shown(report, format.name).data);
}

/* A document with a body is refused, with this in the reason. */
static void refused(const char *text, int err, const char *gist)
{
	struct gw_report *report = NULL;

	cr_assert_eq(load(&report, text, strlen(text)), err, "%s: %s", text, why);
	cr_assert_null(report);
	cr_assert(strstr(why, gist), "\"%s\" is not in: %s", gist, why);
	cr_assert(strstr(why, "x.json: "), "%s", why);
	cr_assert_null(strchr(why, '\n'));
}

Test(load, a_report_comes_out_as_the_bytes_it_was_read_from)
{
	glob_t goldens;

	cr_assert_eq(glob("tests/tapes/*.json", 0, NULL, &goldens), 0);
	cr_assert_gt(goldens.gl_pathc, 10);
	for (size_t i = 0; i < goldens.gl_pathc; i++) {
		struct bytes file = read_file(goldens.gl_pathv[i]), out;
		struct gw_report *report = NULL;

		cr_assert_eq(load(&report, file.data, file.len), 0, "%s", why);
		out = shown(report, "json");
		cr_assert(out.len == file.len && !memcmp(out.data, file.data, out.len), "%s:\n%s",
			  goldens.gl_pathv[i], out.data);
		free(file.data);
		free(out.data);
		gw_report_free(report);
	}
	globfree(&goldens);
}

Test(load, what_is_written_of_a_foreign_report_is_read_the_same_again)
{
	struct gw_report *report = loaded_file(EXAMPLE), *again = NULL;
	struct bytes first = shown(report, "json"), second;

	cr_assert_eq(load(&again, first.data, first.len), 0, "%s", why);
	second = shown(again, "json");
	cr_assert_str_eq(first.data, second.data);
	free(first.data);
	free(second.data);
	gw_report_free(report);
	gw_report_free(again);
}

Test(load, a_report_keeps_what_it_says_of_its_loops)
{
	struct gw_report *report = loaded_file(EXAMPLE);
	const struct report_loop *loop = report_loop(report, 0);

	cr_assert_eq(loop->pid, 4242);
	cr_assert_eq(loop->turns, 88992);
	cr_assert_eq(report_lag(loop, 0), 310000); /* no end of a bucket of ours */
	cr_assert_eq(report_lag(loop, 3), 31000000);
	cr_assert_eq(report_delay(loop, 3), GW_UNKNOWN_NS);
	cr_assert_eq(loop->time.gc_ns, 120000000);
	cr_assert_eq(loop->time.gil_ns, GW_UNKNOWN_NS);
	gw_report_free(report);
}

Test(load, a_report_keeps_its_stalls_with_their_evidence)
{
	struct gw_report *report = loaded_file(EXAMPLE);
	uint32_t warmup = 0, culprits = 0;

	cr_assert_eq(report->stalls.count, 9);
	report_each (report, stalls, struct gw_stall, stall) {
		warmup += stall->warmup;
		culprits += stall->n_culprits;
		cr_assert_neq(stall->site, GW_NONE);
		cr_assert_lt(stall->loop, report->loops.count);
	}
	cr_assert_eq(warmup, 1);
	cr_assert_gt(culprits, 0);
	cr_assert_eq(report_site(report, 0)->count, 3);
	cr_assert_eq(report_site_median(report_site(report, 0)), 310990030);
	cr_assert_str_eq(report_site(report, 0)->advice.rule, "GW1001");
	gw_report_free(report);
}

Test(load, a_report_keeps_its_pools)
{
	static const char pool[] = HEAD
		", \"pools\": [{\"pid\": 7, \"kind\": \"gevent\", \"name\": \"p\", \"size\": 10, "
		"\"watched_ns\": 90, \"saturated_ns\": 30, \"waits\": 2, \"wait\": {\"max_ns\": "
		"4500000, \"p50_ns\": 4194304, \"p90_ns\": 4500000, \"p99_ns\": 4500000, "
		"\"histogram\": {\"bounds_ns\": [5000000], \"counts\": [2, 0]}}, \"waiting\": "
		"[\"getaddrinfo\", \"stat\"]}]}";
	struct gw_report *report = loaded(pool);
	struct bytes out = shown(report, "json");

	cr_assert_eq(report->pools.count, 1);
	cr_assert(strstr(out.data, "\"watched_ns\":90,\"saturated_ns\":30,\"waits\":2"));
	cr_assert(strstr(out.data, "\"p50_ns\":4194304,\"p90_ns\":4500000"), "%s", out.data);
	cr_assert(strstr(out.data, "\"waiting\":[\"getaddrinfo\",\"stat\"],\"rule\":\"GW2012\""));
	free(out.data);
	gw_report_free(report);
}

Test(load, nanoseconds_beyond_what_a_double_holds_are_exact)
{
	struct gw_report *report =
		loaded(HEAD ", \"run\": {\"start_monotonic_ns\": 9007199254740993}}");

	cr_assert_eq(report->start_ns, 9007199254740993ULL);
	gw_report_free(report);
}

Test(load, keys_may_come_in_any_order)
{
	struct gw_report *report = loaded(
		"{\"stalls\": [{\"site\": \"gw1-00000000000000aa\", \"loop\": \"7/8\", \"frame\": "
		"0, \"duration_ns\": 5}], \"sites\": [{\"count\": 1, \"fingerprint\": "
		"\"gw1-00000000000000aa\", \"title\": \"t\"}], \"loops\": [{\"turns\": 3, \"id\": "
		"\"7/8\"}], \"frames\": [{\"name\": \"f\"}], \"schema\": {\"version\": \"1.0\", "
		"\"name\": \"greenwatch-report\"}}");

	cr_assert_eq(report->loops.count, 1);
	cr_assert_eq(report_loop(report, 0)->turns, 3);
	cr_assert_eq(report_loop(report, 0)->stalls, 1);
	cr_assert_eq(report->sites.count, 1);
	cr_assert_str_eq(report_site(report, 0)->title, "t");
	show_all(report);
	gw_report_free(report);
}

Test(load, what_a_newer_minor_version_adds_is_skipped)
{
	struct gw_report *report =
		loaded("{\"new\": [{\"a\": [1, -2.5e3, null, {\"b\": true}]}, \"x\"], \"schema\": "
		       "{\"name\": \"greenwatch-report\", \"version\": \"1.9\", \"also\": {}}, "
		       "\"frames\": [{\"name\": \"f\", \"kind\": \"wasm\", \"colour\": \"red\"}], "
		       "\"stalls\": [{\"loop\": \"1/1\", \"cause\": \"cosmic-ray\"}]}");

	cr_assert_eq(report->frames.count, 1);
	cr_assert_eq(report_stall(report, 0)->cause, GW_CAUSE_UNKNOWN);
	gw_report_free(report);
}

/* Every string of a list of keys, in whatever it is written. */
static char *made_hostile(const char *text, const char *key)
{
	static const char evil[] = "\\u001b[31mx\\n::error::y\\u0085";
	char *out = malloc(strlen(text) * 4 + 1), *to = out;
	const char *at;

	while ((at = strstr(text, key))) {
		at += strlen(key);
		to += sprintf(to, "%.*s%s", (int)(at - text), text, evil);
		text = strchr(at, '"');
	}
	strcpy(to, text);
	return out;
}

Test(load, control_characters_of_a_foreign_report_reach_no_sink)
{
	static const char *const keys[] = { "\"rule\":\"",  "\"title\":\"",   "\"call\":\"",
					    "\"class\":\"", "\"runtime\":\"", "\"comm\":\"",
					    "\"why\":\"",   "\"file\":\"",    "\"gate\":\"" };
	struct bytes file = read_file("tests/tapes/gevent-fsync.json");
	char *text = strdup(file.data), *next;
	struct gw_report *report;
	struct gw_format format;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		next = made_hostile(text, keys[i]);
		free(text);
		text = next;
	}
	report = loaded(text);
	for (size_t i = 0; !gw_format_at(i, &format); i++) {
		struct bytes out = shown(report, format.name);

		if (strcmp(format.name, "pprof")) {
			cr_expect_null(memchr(out.data, 0x1b, out.len), "%s", format.name);
			cr_expect_null(strstr(out.data, "\n::error::y"), "%s", format.name);
		}
		free(out.data);
	}
	gw_report_free(report);
	free(text);
	free(file.data);
}

Test(load, a_list_that_comes_twice_counts_once)
{
	struct gw_report *report =
		loaded("{\"schema\":{\"name\":\"greenwatch-report\",\"version\":\"1.0\"},"
		       "\"pools\":[{\"pid\":1,\"name\":\"x\",\"threads\":1,"
		       "\"waiting\":[\"a\",\"b\",\"c\",\"d\"],\"waiting\":[\"e\",\"f\"]}]}");
	const struct report_pool *pool = report->pools.items;

	cr_assert_eq(pool->n_next, 2);
	cr_assert_str_eq(pool->next[0], "e");
	gw_report_free(report);
}

Test(load, another_major_version_is_refused)
{
	refused("{\"schema\": {\"name\": \"greenwatch-report\", \"version\": \"2.0\"}}", -EPROTO,
		"a newer greenwatch reads it");
}

Test(load, what_is_no_report_is_refused)
{
	refused(" ", -EBADMSG, "the file ends");
	refused("{}", -EBADMSG, "no report of greenwatch");
	refused("[]", -EBADMSG, "an object is missing");
	refused("\x1f\x8b\x08", -EBADMSG, "an object is missing");
	refused("{\"schema\": {\"name\": \"other\", \"version\": \"1.0\"}}", -EBADMSG,
		"no report of greenwatch");
	refused("{\"type\": \"start\", \"schema\": 1}\n{}", -EBADMSG, "JSON lines");
}

Test(load, a_damaged_report_is_told_by_line_and_place)
{
	refused(HEAD ",\n\"loops\": [{}, {\"turns\": -1}]}", -EBADMSG,
		"line 2, loops[1].turns: must be a whole number");
	refused(HEAD ", \"loops\": [{\"turns\": 1e400}]}", -EBADMSG, "is too large");
	refused(HEAD ", \"loops\": [{\"turns\": 1.5}]}", -EBADMSG, "must be a whole number");
	refused(HEAD ", \"loops\": [{\"turns\": 99999999999999999999}]}", -EBADMSG, "too large");
	refused(HEAD ", \"loops\": [{\"turns\": NaN}]}", -EBADMSG, "a number is missing");
	refused(HEAD ", \"loops\": [{\"turns\": 01}]}", -EBADMSG, "not a number");
	refused(HEAD ", \"loops\": [{\"turns\": \"3\"}]}", -EBADMSG, "a number is missing");
	refused(HEAD ", \"loops\": {}}", -EBADMSG, "loops: a list is missing");
	refused(HEAD ", \"stalls\": [{}]}", -EBADMSG, "no \"loop\"");
	refused(HEAD ", \"stalls\": [{\"loop\": \"1-1\"}]}", -EBADMSG, "PID/TID");
	refused(HEAD ", \"sites\": [{}]}", -EBADMSG, "no fingerprint");
	refused(HEAD ", \"sites\": [{\"fingerprint\": \"x\"}]}", -EBADMSG, "16 hex digits");
	refused(HEAD ", \"run\": {\"start\": \"yesterday\"}}", -EBADMSG, "RFC 3339");
	refused(HEAD ", \"quality\": {\"nameless_frames\": 7}}", -EBADMSG, "between 0 and 1");
	refused(HEAD, -EBADMSG, "ends in the middle");
	refused(HEAD ", \"diagnosis\": [\"a", -EBADMSG, "ends inside a string");
	refused(HEAD ", \"diagnosis\": [\"\\q\"]}", -EBADMSG, "bad \\ escape");
	refused(HEAD ", \"diagnosis\": [\"\\ud800\"]}", -EBADMSG, "bad \\ escape");
	refused(HEAD "} x", -EBADMSG, "something follows");
	refused(HEAD ", \"x\": [1,]}", -EBADMSG, "is missing");
	refused(HEAD ", \"x\": tru}", -EBADMSG, "is missing");
}

Test(load, an_index_that_leads_nowhere_is_refused)
{
	refused(HEAD ", \"stacks\": [[0]]}", -EBADMSG, "stacks[0] names frame 0, and there are 0");
	refused(HEAD ", \"frames\": [{}], \"stacks\": [[0], [4294967295]]}", -EBADMSG,
		"stacks[1] names frame");
	refused(HEAD ", \"stalls\": [{\"loop\": \"1/1\"}, {\"loop\": \"1/1\", \"stack\": 7}]}",
		-EBADMSG, "stalls[1] names stack 7, and there are 0");
	refused(HEAD ", \"stalls\": [{\"loop\": \"1/1\", \"samples\": [{\"stack\": 1}]}]}",
		-EBADMSG, "stalls[0] names stack 1");
	refused(HEAD ", \"calls\": [{\"frame\": 3}]}", -EBADMSG, "calls[0] names frame 3");
	refused(HEAD ", \"tasks\": [{\"spawned\": [{}]}]}", -EBADMSG, "tasks[0] names stack");
}

Test(load, depth_is_bounded)
{
	char deep[2000] = HEAD ", \"x\": ";

	memset(deep + strlen(deep), '[', 1000);
	refused(deep, -EBADMSG, "nested more than 32 deep");
}

Test(load, tables_are_bounded)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	struct gw_report *report = NULL;

	fputs(HEAD ", \"loops\": [{}", to);
	for (int i = 0; i < 5000; i++)
		fputs(",{}", to);
	fputs("]}", to);
	fclose(to);
	cr_assert_eq(load(&report, text, len), -EFBIG, "%s", why);
	cr_assert(strstr(why, "more than 4096 loops"), "%s", why);
	free(text);
}

static uint64_t seed;

static uint64_t dice(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* One change of the kinds that files and their editors make. */
static size_t mutate(char *data, size_t len)
{
	static const char *const pieces[] = { "-1",
					      "1e308",
					      "NaN",
					      "null",
					      "[[[[[[[[",
					      "{}",
					      "\"\"",
					      "1e19",
					      "true",
					      "4294967295",
					      "\\u0000",
					      "\xff\xfe",
					      "9007199254740993",
					      "{\"a\":" };
	const char *piece = pieces[dice(sizeof(pieces) / sizeof(pieces[0]))];
	size_t at = dice(len), n = strlen(piece), cut = dice(200);

	switch (dice(5)) {
	case 0: /* truncated */
		return at ? at : 1;
	case 1: /* another byte */
		data[at] = (char)dice(256);
		return len;
	case 2: /* a piece over what is there */
		memcpy(data + at, piece, at + n < len ? n : 0);
		return len;
	case 3: /* a hole */
		cut = at + cut < len ? cut : len - at;
		memmove(data + at, data + at + cut, len - at - cut);
		return len - cut ? len - cut : 1;
	default: /* a number becomes another one */
		while (at < len && (data[at] < '0' || data[at] > '9'))
			at++;
		if (at < len)
			data[at] = (char)('0' + dice(10));
		return len;
	}
}

static uint64_t rss_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss;
}

/* Whatever can still be read can be shown in every format: reading makes sure of that. */
Test(load, ten_thousand_damaged_reports_do_no_harm, .timeout = 300)
{
	static const char *const from[] = { EXAMPLE, "tests/tapes/gevent-crowd.json",
					    "tests/tapes/asyncio-chain.json",
					    "tests/tapes/gevent-runqueue.json" };
	struct gw_report *whole = loaded_file(EXAMPLE);
	uint32_t good = 0;

	gw_report_free(whole);
	seed = 0x9e3779b97f4a7c15ULL;
	for (uint32_t i = 0; i < MUTANTS; i++) {
		struct bytes b = read_file(from[i % 4]);
		struct gw_report *report = NULL;
		uint64_t changes = 1 + dice(3);

		while (changes--)
			b.len = mutate(b.data, b.len);
		if (!load(&report, b.data, b.len)) {
			good++;
			if (good % 8 == 0)
				show_all(report);
			gw_report_free(report);
		} else {
			cr_assert(why[0] && !strchr(why, '\n'), "%s", why);
		}
		free(b.data);
	}
	cr_assert_gt(good, MUTANTS / 20);
	cr_assert_lt(good, MUTANTS);
	cr_assert_lt(rss_kb(), MAX_RSS);
}

Test(hist, what_is_rebuilt_folds_and_reads_as_before)
{
	uint64_t buckets[HIST_BUCKETS], again[HIST_BUCKETS], counts[HIST_BOUNDS + 1],
		folded[HIST_BOUNDS + 1], ns[REPORT_SHARES];

	seed = 42;
	for (int round = 0; round < 2000; round++) {
		uint64_t max = 0, values = 1 + dice(round % 2 ? 5 : 2000);

		memset(buckets, 0, sizeof(buckets));
		while (values--) {
			uint32_t bucket = (uint32_t)dice(HIST_BUCKETS);
			uint64_t value = hist_floor(bucket) + dice(1000);

			buckets[bucket] += 1 + dice(50);
			max = value > max ? value : max;
		}
		hist_fold(buckets, counts);
		for (int i = 0; i < REPORT_SHARES; i++)
			ns[i] = hist_quantile(buckets, report_shares[i], max);
		hist_rebuild(again, counts, report_shares, ns, REPORT_SHARES, max);
		hist_fold(again, folded);
		cr_assert(!memcmp(counts, folded, sizeof(counts)), "round %d", round);
		for (int i = 0; i < REPORT_SHARES; i++)
			cr_assert_eq(hist_quantile(again, report_shares[i], max), ns[i],
				     "round %d, share %d", round, i);
	}
}

static struct gw_report *merged(const struct gw_report *a, const struct gw_report *b)
{
	struct gw_report *both = NULL;

	cr_assert_eq(gw_merge(&both, a), 0);
	cr_assert_eq(gw_merge(&both, b), 0);
	return both;
}

Test(merge, sites_of_one_fingerprint_become_one)
{
	struct gw_report *a = loaded_file(EXAMPLE), *both = merged(a, a);

	cr_assert_eq(both->sites.count, a->sites.count);
	for (uint32_t i = 0; i < a->sites.count; i++) {
		const struct report_site *one = report_site(a, i), *two = report_site(both, i);

		cr_assert_str_eq(one->fingerprint, two->fingerprint);
		cr_assert_eq(two->count, 2 * one->count);
		cr_assert_eq(two->total_ns, 2 * one->total_ns);
		cr_assert_eq(two->max_ns, one->max_ns);
		cr_assert_eq(report_site_median(two), report_site_median(one));
		cr_assert_str_eq(one->title, two->title);
	}
	cr_assert_eq(both->stalls.count, 2 * a->stalls.count);
	cr_assert_eq(both->frames.count, a->frames.count);
	cr_assert_eq(both->duration_ns, a->duration_ns);
	show_all(both);
	gw_report_free(a);
	gw_report_free(both);
}

Test(merge, a_loop_of_one_host_is_one_row_and_its_time_adds_up)
{
	struct gw_report *a = loaded_file(EXAMPLE), *both = merged(a, a);

	cr_assert_eq(both->loops.count, a->loops.count);
	cr_assert_eq(report_loop(both, 0)->turns, 2 * report_loop(a, 0)->turns);
	cr_assert_eq(report_loop(both, 0)->time.oncpu_ns, 2 * report_loop(a, 0)->time.oncpu_ns);
	cr_assert_eq(report_loop(both, 0)->lag_max_ns, report_loop(a, 0)->lag_max_ns);
	gw_report_free(a);
	gw_report_free(both);
}

Test(merge, loops_of_two_hosts_stay_two)
{
	struct gw_report *a = loaded(HEAD ", \"run\": {\"host\": {\"name\": \"a\"}}, \"loops\": "
					  "[{\"id\": \"1/1\", \"turns\": 1}]}");
	struct gw_report *b = loaded(HEAD ", \"run\": {\"host\": {\"name\": \"b\"}}, \"loops\": "
					  "[{\"id\": \"1/1\", \"turns\": 2}]}");
	struct gw_report *both = merged(a, b);

	cr_assert_eq(both->loops.count, 2);
	gw_report_free(a);
	gw_report_free(b);
	gw_report_free(both);
}

Test(merge, instants_count_from_the_earliest_start)
{
	const char *form =
		HEAD ", \"run\": {\"start\": \"2026-11-23T04:08:%02d.000Z\", "
		     "\"duration_ns\": 1000000000}, \"loops\": [{\"id\": \"1/1\"}], "
		     "\"stalls\": [{\"loop\": \"1/1\", \"at_ns\": 5, \"duration_ns\": 7}]}";
	char early[600], late[600];
	struct gw_report *a, *b, *both;

	snprintf(early, sizeof(early), form, 0);
	snprintf(late, sizeof(late), form, 10);
	a = loaded(late);
	b = loaded(early);
	both = merged(a, b);
	cr_assert_eq(both->wall_ns, b->wall_ns);
	cr_assert_eq(both->duration_ns, 11000000000ULL);
	cr_assert_eq(report_stall(both, 0)->at_ns, 5);
	cr_assert_eq(report_stall(both, 1)->at_ns, 10000000005ULL);
	gw_report_free(a);
	gw_report_free(b);
	gw_report_free(both);
}

Test(merge, the_longest_ten_thousand_stalls_are_kept_and_the_others_counted)
{
	struct gw_report *both = NULL;

	for (int part = 0; part < 3; part++) {
		char *text = NULL;
		size_t len;
		FILE *to = open_memstream(&text, &len);
		struct gw_report *report = NULL;

		fputs(HEAD ", \"loops\": [{\"id\": \"1/1\"}], \"sites\": [{\"fingerprint\": "
			   "\"gw1-00000000000000aa\", \"count\": 5000}], \"stalls\": [",
		      to);
		for (int i = 0; i < 5000; i++)
			fprintf(to,
				"%s{\"loop\": \"1/1\", \"site\": \"gw1-00000000000000aa\", "
				"\"at_ns\": %d, \"duration_ns\": %d}",
				i ? "," : "", i * 10, 100 + (i * 3 + part) % 15000);
		fputs("]}", to);
		fclose(to);
		cr_assert_eq(load(&report, text, len), 0, "%s", why);
		cr_assert_eq(gw_merge(&both, report), 0);
		gw_report_free(report);
		free(text);
	}
	cr_assert_eq(both->stalls.count, 10000, "%u", both->stalls.count);
	cr_assert_eq(both->stalls_folded, 5000);
	cr_assert_eq(both->stalls_seen, 15000);
	cr_assert_eq(report_site(both, 0)->count, 15000);
	report_each (both, stalls, struct gw_stall, stall)
		cr_assert_geq(stall->duration_ns, 5100);
	for (uint32_t i = 1; i < both->stalls.count; i++)
		cr_assert_geq(report_stall(both, i)->at_ns, report_stall(both, i - 1)->at_ns);
	gw_report_free(both);
}

Test(merge, fingerprints_of_another_recipe_are_refused)
{
	struct gw_report *both = NULL;
	struct gw_report *a = loaded(HEAD ", \"sites\": [{\"fingerprint\": "
					  "\"gw1-00000000000000aa\"}]}");
	struct gw_report *b = loaded(HEAD ", \"sites\": [{\"fingerprint\": "
					  "\"gw2-00000000000000aa\"}]}");

	cr_assert_eq(gw_merge(&both, a), 0);
	cr_assert_eq(gw_merge(&both, b), -EPROTO);
	gw_report_free(a);
	gw_report_free(b);
	gw_report_free(both);
}

Test(merge, a_merged_report_is_read_as_it_was_written)
{
	struct gw_report *a = loaded_file(EXAMPLE),
			 *b = loaded_file("tests/tapes/gevent-crowd.json");
	struct gw_report *both = merged(a, b), *again = NULL;
	struct bytes first = shown(both, "json"), second;

	cr_assert_eq(load(&again, first.data, first.len), 0, "%s", why);
	second = shown(again, "json");
	cr_assert_str_eq(first.data, second.data);
	free(first.data);
	free(second.data);
	gw_report_free(a);
	gw_report_free(b);
	gw_report_free(both);
	gw_report_free(again);
}
