// SPDX-License-Identifier: BSD-2-Clause
/*
 * Audits from their records to what people and programs read.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "collect.h"

struct record {
	_Alignas(8) char bytes[2048];
	size_t used;
};

static void put(struct record *r, const char *text)
{
	strcpy(r->bytes + r->used, text);
	r->used += strlen(text) + 1;
	((struct wire_head *)(void *)r->bytes)->size = (uint32_t)r->used;
}

static void audit_record(struct record *r, uint32_t pid, uint32_t state)
{
	struct wire_audit *audit = (struct wire_audit *)(void *)r->bytes;

	*audit = (struct wire_audit){ .head.kind = WIRE_AUDIT,
				      .pid = pid,
				      .state = state,
				      .n_modules = 286,
				      .n_objects = 34667,
				      .n_patched = 1,
				      .took_ns = 26000000 };
	r->used = sizeof(*audit);
	put(r, "gevent");
	put(r, "22.10.2");
	put(r, "");
	put(r, "time");
	put(r, "sleep");
}

static void patch_record(struct record *r, const struct wire_patch *fixed, const char *what,
			 const char *where, const char *file, const char *rule, const char *more)
{
	memcpy(r->bytes, fixed, sizeof(*fixed));
	((struct wire_head *)(void *)r->bytes)->kind = WIRE_PATCH;
	r->used = sizeof(*fixed);
	put(r, what);
	put(r, where);
	put(r, file);
	put(r, rule);
	put(r, more);
}

static int feed(struct gw_report *report, const struct record *r)
{
	struct event event;
	int err = decode((const struct wire_head *)(const void *)r->bytes, &event);

	if (err)
		return err;
	return event.kind == WIRE_AUDIT ? collect_audit(report, &event.audit)
					: collect_patch(report, &event.patch);
}

static struct gw_report *sample(void)
{
	struct wire_patch captured = {
		.pid = 42, .kind = WIRE_PATCH_CAPTURED, .line = 7, .count = 1, .fd = -1
	};
	struct wire_patch lock = { .pid = 42, .kind = WIRE_PATCH_LOCK, .count = 3, .fd = -1 };
	struct wire_patch sock = { .pid = 42, .kind = WIRE_PATCH_SOCKET, .count = 1, .fd = 5 };
	struct gw_report *report;
	struct record r;

	cr_assert_eq(collect_new(&report, 0), 0);
	audit_record(&r, 42, WIRE_AUDIT_PATCHED);
	cr_assert_eq(feed(report, &r), 0);
	patch_record(&r, &captured, "time.sleep", "early.nap (closure)", "early.py", "GW3001", "");
	cr_assert_eq(feed(report, &r), 0);
	patch_record(&r, &lock, "threading.Lock", "x.lock", "", "", "made before\033[31m patching");
	cr_assert_eq(feed(report, &r), 0);
	patch_record(&r, &sock, "socket.socket", "", "", "", "tcp 127.0.0.1:1 -> 127.0.0.1:2");
	cr_assert_eq(feed(report, &r), 0);
	return report;
}

static char *shown(const struct gw_report *report, const char *format)
{
	struct gw_sink_opts opts = { .sz = sizeof(opts), .width = 80 };
	struct gw_sink *sink;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	cr_assert_eq(gw_sink_open(&sink, format, to, &opts), 0);
	cr_assert_eq(gw_sink_end(sink, report), 0);
	gw_sink_close(sink);
	fclose(to);
	return text;
}

Test(patches, the_most_important_stands_last_and_says_what_to_change)
{
	struct gw_report *report = sample();
	char *text = shown(report, "audit");

	cr_expect_str_eq(
		text, "native locks: a greenlet that waits for one stops the whole loop (1)\n"
		      "  threading.Lock  x.lock  x3; made before\\x1b[31m patching\n"
		      "  -> make them after monkey.patch_all(): import their modules later\n"
		      "\n"
		      "sockets that are not green: reading from one stops the whole loop (1)\n"
		      "  socket.socket  descriptor 5; tcp 127.0.0.1:1 -> 127.0.0.1:2\n"
		      "  -> make them after monkey.patch_all()\n"
		      "\n"
		      "captured originals: they stop the whole loop when they are called (1)\n"
		      "  time.sleep  early.nap (closure)  early.py:7\n"
		      "  -> import their modules after monkey.patch_all()\n"
		      "  -> GW3001: Sleep through the loop: gevent.sleep, or await asyncio.sleep.\n"
		      "\n"
		      "42: gevent 22.10.2, 1 module patched: 1 captured-original, 1 native-socket, "
		      "1 native-lock\n"
		      "  286 modules and 34667 objects seen in 26 ms\n");
	free(text);
	collect_free(report);
}

Test(patches, are_in_the_document_and_only_where_something_was_audited)
{
	struct gw_report *report = sample(), *none;
	char *text = shown(report, "json");

	cr_expect(strstr(text, "{\"pid\":42,\"kind\":\"captured-original\",\"what\":\"time.sleep\","
			       "\"where\":\"early.nap (closure)\",\"file\":\"early.py\",\"line\":7,"
			       "\"rule\":\"GW3001\"}"));
	cr_expect(strstr(text, "\"kind\":\"native-socket\",\"what\":\"socket.socket\",\"fd\":5,"
			       "\"detail\":\"tcp 127.0.0.1:1 -> 127.0.0.1:2\""));
	free(text);
	collect_free(report);
	cr_assert_eq(collect_new(&none, 0), 0);
	text = shown(none, "json");
	cr_expect_null(strstr(text, "patches"));
	free(text);
	collect_free(none);
}

Test(patches, a_record_that_is_cut_or_lies_is_malformed)
{
	struct gw_report *report;
	struct record r, cut;
	struct wire_patch fixed = { .pid = 42, .kind = WIRE_PATCH_LATE, .fd = -1 };

	cr_assert_eq(collect_new(&report, 0), 0);
	audit_record(&r, 42, WIRE_AUDIT_PATCHED);
	for (size_t size = sizeof(struct wire_head); size < r.used; size++) {
		cut = r;
		((struct wire_head *)(void *)cut.bytes)->size = (uint32_t)size;
		cr_assert_eq(feed(report, &cut), -EBADMSG, "size %zu", size);
	}
	((struct wire_audit *)(void *)r.bytes)->state = 99;
	cr_assert_eq(feed(report, &r), -EBADMSG);
	audit_record(&r, 42, WIRE_AUDIT_PATCHED);
	((struct wire_audit *)(void *)r.bytes)->n_patched = 2;
	cr_assert_eq(feed(report, &r), -EBADMSG);
	((struct wire_audit *)(void *)r.bytes)->n_patched = UINT32_MAX;
	cr_assert_eq(feed(report, &r), -EBADMSG);
	patch_record(&r, &fixed, "a", "b", "c", "d", "e");
	cr_assert_eq(feed(report, &r), 0);
	for (size_t size = sizeof(struct wire_head); size < r.used; size++) {
		cut = r;
		((struct wire_head *)(void *)cut.bytes)->size = (uint32_t)size;
		cr_assert_eq(feed(report, &cut), -EBADMSG, "size %zu", size);
	}
	((struct wire_patch *)(void *)r.bytes)->kind = WIRE_PATCH_KINDS;
	cr_assert_eq(feed(report, &r), -EBADMSG);
	collect_free(report);
}
