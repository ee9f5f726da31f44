// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_rules.c: for each rule that can match a case that fires it, and one that all but does.
 *
 * Stacks are written innermost first: "poll@libc.so.6|execute:psycopg2/x.py|get:app.py!". After @
 * stands the module of a native frame, after & nothing: one that is named by its caller's bytecode,
 * after : the file of a Python frame, after % that of a
 * JavaScript frame, after # nothing: a kernel frame. ! marks the application's own.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "collect.h"
#include "rules.h"
#include "rules/tables.h"
#include "tables.h"

#define MS 1000000ULL

enum {
	MISS = -1,
	LOW = GW_CONFIDENCE_LOW,
	MEDIUM = GW_CONFIDENCE_MEDIUM,
	HIGH = GW_CONFIDENCE_HIGH
};

struct example {
	const char *id;
	int worth; /* MISS: anything but this rule */
	const char *runtime;
	enum gw_cause cause;
	const char *call, *class;
	const struct gw_peer *peer;
	const char *stack;
	uint32_t calls;
	uint64_t max_ms, gc_ms;
	const char *slept;
};

#define SYS  GW_CAUSE_SYSCALL
#define LOCK GW_CAUSE_LOCK
#define CPU  GW_CAUSE_CPU

#define PEER(...)        (&(const struct gw_peer){ .fd = 7, __VA_ARGS__ })
#define TCP(port)        PEER(.kind = "tcp", .remote = "10.0.0.5:" port)
#define TCP_BLOCKING     PEER(.kind = "tcp", .remote = "10.0.0.5:8080", .blocking_mode = true)
#define UNIX(name)       PEER(.kind = "unix", .path = name)
#define DNS              PEER(.kind = "udp", .remote = "[fe80::1]:53")
#define FILE_ON(fs)      PEER(.kind = "file", .path = "big.bin", .fstype = fs, .blocking_mode = true)
#define FILE_NAMED(name) PEER(.kind = "file", .path = name, .fstype = "ext4", .blocking_mode = true)
#define KIND(word)       PEER(.kind = word)
#define STDOUT(word)     (&(const struct gw_peer){ .kind = word, .fd = 1, .blocking_mode = true })
#define PRIVATE          KIND("futex-private")
#define SHARED           KIND("futex-shared")

#define LIBC(name) name "@libc.so.6|"
#define PY         "_PyEval_EvalFrameDefault@python3.11|"
#define APP        "get_user:app/db.py!|run:gevent/greenlet.py"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* most rows end early */
static const struct example examples[] = {
#include "rules_examples.h"
};
#pragma GCC diagnostic pop
#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static struct gw_report *report;

static void setup(void)
{
	cr_assert_eq(collect_new(&report, 0), 0);
}

static void teardown(void)
{
	collect_free(report);
}

TestSuite(rules, .init = setup, .fini = teardown);

/* One word of a stack as a frame; word is changed. */
static uint32_t frame_of(char *word)
{
	struct event_frame frame = { .line = 7, .file = "", .module = "", .nameless = "" };
	size_t len = strlen(word);
	char *mark;

	if (len && word[len - 1] == '!') {
		frame.app = 1;
		word[len - 1] = '\0';
	}
	mark = strpbrk(word, "@%#&");
	if (!mark)
		mark = strrchr(word, ':');
	cr_assert(mark, "%s", word);
	frame.kind = strchr("@&", *mark) ? GW_FRAME_NATIVE
		     : *mark == '%'      ? GW_FRAME_JAVASCRIPT
		     : *mark == '#'      ? GW_FRAME_KERNEL
					 : GW_FRAME_PYTHON;
	if (*mark == '&')
		frame.file = GW_FILE_BYTECODE;
	else
		*(frame.kind == GW_FRAME_NATIVE ? &frame.module : &frame.file) = mark + 1;
	*mark = '\0';
	frame.name = word;
	return tables_frame(report, &frame);
}

static uint32_t stack_of(const char *text)
{
	uint32_t frames[32], n = 0;
	char copy[1024], *word, *rest;

	if (!text)
		return GW_NONE;
	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
		frames[n++] = frame_of(word);
	return tables_stack(report, frames, n);
}

static struct rule_case case_of(const struct example *e)
{
	uint64_t max_ms = e->max_ms ? e->max_ms : 300;
	uint32_t calls = e->calls ? e->calls : e->call != NULL;

	return (struct rule_case){ .report = report,
				   .runtime = e->runtime,
				   .cause = e->cause,
				   .call = e->call,
				   .class = e->class,
				   .peer = e->peer,
				   .stack = stack_of(e->stack),
				   .calls = calls,
				   .slept = e->slept,
				   .slept_calls = e->slept ? calls : 0,
				   .took_ns = 310 * MS,
				   .total_ns = 300 * MS,
				   .max_ns = max_ms * MS,
				   .gc_ns = e->gc_ms * MS };
}

static bool is_matched(const char *id)
{
	const struct rule_evidence *row;

	for (size_t i = 0; (row = rules_evidence(i)); i++)
		if (!strcmp(row->id, id))
			return true;
	return false;
}

Test(rules, fire_on_what_they_are_about)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		const struct example *e = &examples[i];
		struct rule_case c = case_of(e);
		struct gw_advice got;

		if (e->worth == MISS)
			continue;
		rules_match(&c, &got);
		cr_expect(got.rule && !strcmp(got.rule, e->id), "example %zu: %s, not %s", i,
			  got.rule ? got.rule : "no rule", e->id);
		if (got.rule && !strcmp(got.rule, e->id))
			cr_expect_eq((int)got.confidence, e->worth, "example %zu, %s: worth %d", i,
				     e->id, got.confidence);
	}
}

Test(rules, stay_silent_on_a_near_miss)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		const struct example *e = &examples[i];
		struct rule_case c = case_of(e);
		struct gw_advice got;

		if (e->worth != MISS)
			continue;
		rules_match(&c, &got);
		cr_expect(!got.rule || strcmp(got.rule, e->id), "near miss %zu fires %s", i, e->id);
	}
}

Test(rules, all_that_match_have_an_example_and_a_near_miss)
{
	const struct gw_rule *rule;

	for (size_t i = 0; (rule = gw_rule_at(i)); i++) {
		int fires = 0, misses = 0;

		for (size_t k = 0; k < EXAMPLES; k++) {
			if (strcmp(examples[k].id, rule->id))
				continue;
			fires += examples[k].worth != MISS;
			misses += examples[k].worth == MISS;
		}
		cr_expect_eq(fires > 0, rule->matched, "%s: %d examples", rule->id, fires);
		cr_expect_eq(misses > 0, rule->matched, "%s: %d near misses", rule->id, misses);
	}
}

Test(rules, give_no_advice_without_evidence)
{
	static const char *const runtimes[] = { "gevent", "asyncio", "uvloop",
						"python", "node",    "native" };
	struct gw_advice got;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		struct rule_case c = { .report = report, .runtime = runtimes[i], .stack = GW_NONE };

		for (int cause = GW_CAUSE_UNKNOWN; cause <= GW_CAUSE_LOCK; cause++) {
			if (cause == GW_CAUSE_GC)
				continue;
			c.cause = (enum gw_cause)cause;
			rules_match(&c, &got);
			cr_expect_null(got.rule, "%s, cause %d: %s", runtimes[i], cause, got.rule);
		}
	}
}

Test(rules, give_no_advice_where_nothing_is_known)
{
	struct rule_case c = { .stack = GW_NONE };
	struct gw_advice got;

	rules_match(&c, &got);
	cr_assert_null(got.rule);
	cr_assert_null(got.title);
}

Test(rules, what_called_the_application_is_no_evidence)
{
	struct example e = { .runtime = "gevent",
			     .cause = CPU,
			     .stack = PY "total:app/cart.py!|dispatch:rest_framework/views.py" };
	struct rule_case c = case_of(&e);
	struct gw_advice got;

	rules_match(&c, &got);
	cr_assert_str_eq(got.rule, "GW5008");
}

/* psycogreen at work: libpq called back, and it is the callback that waits. */
Test(rules, a_library_below_a_callback_of_python_is_no_evidence)
{
	struct example e = { .runtime = "gevent",
			     .cause = SYS,
			     .call = "poll",
			     .class = "poll",
			     .stack = LIBC(
				     "poll") "wait:app/green.py!|PQgetResult@libpq.so.5|" APP };
	struct rule_case c = case_of(&e);
	struct gw_advice got;

	rules_match(&c, &got);
	cr_assert(!got.rule || strcmp(got.rule, "GW1001"));
}

Test(rules, texts_are_whole_and_in_order)
{
	const struct gw_rule *rule, *last = NULL;
	size_t n = 0;

	for (; (rule = gw_rule_at(n)); n++) {
		const char *const texts[] = { rule->area, rule->title, rule->looks,
					      rule->fix,  rule->steps, rule->source };

		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			cr_expect(texts[k] && texts[k][0], "%s: text %zu is empty", rule->id, k);
		cr_expect(strlen(rule->title) <= 90, "%s: the title is too long", rule->id);
		cr_expect(strlen(rule->id) == 6 && !strncmp(rule->id, "GW", 2), "%s", rule->id);
		cr_expect(!last || strcmp(last->id, rule->id) < 0, "%s: not in order", rule->id);
		cr_expect_eq(rule->matched, is_matched(rule->id), "%s: run make docs-causes",
			     rule->id);
		cr_expect_eq(gw_rule_find(rule->id), rule);
		last = rule;
	}
	cr_assert_eq(n, 98);
	cr_assert_null(gw_rule_find("GW0000"));
}

Test(rules, evidence_belongs_to_a_rule_and_names_its_causes)
{
	const struct rule_evidence *row;

	for (size_t i = 0; (row = rules_evidence(i)); i++) {
		cr_expect(gw_rule_find(row->id), "%s: no such rule", row->id);
		cr_expect(row->causes && row->causes[0], "%s: causes", row->id);
	}
}

Test(rules, confidence_is_high_only_by_a_descriptor_a_shared_object_or_the_bytecode)
{
	const struct rule_evidence *row;

	for (size_t i = 0; (row = rules_evidence(i)); i++) {
		bool peer = row->peers || row->ports || row->paths || row->fstypes || row->blocking;
		bool strong = row->modules || row->called || ((row->calls || row->classes) && peer);
		bool script = row->files || row->functions || row->own || row->leaf >= LEAF_SEEN;
		enum gw_confidence worth = rules_confidence(row);

		cr_expect_eq(worth == GW_CONFIDENCE_HIGH, strong && !row->weak, "%s, row %zu",
			     row->id, i);
		if (!strong && script && !row->weak)
			cr_expect_eq(worth, GW_CONFIDENCE_MEDIUM, "%s, row %zu", row->id, i);
	}
}

/* A longer word than rules.c has room for would never match. */
Test(rules, words_of_lists_are_short)
{
	const struct rule_evidence *row;

	for (size_t i = 0; (row = rules_evidence(i)); i++) {
		const char *const lists[] = { row->runtimes, row->causes,  row->calls,
					      row->classes,  row->peers,   row->ports,
					      row->paths,    row->fstypes, row->modules,
					      row->symbols,  row->files,   row->functions,
					      row->own,      row->without };

		for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
			for (const char *w = lists[k]; w && *w;
			     w += strcspn(w, " ") + !!strchr(w, ' '))
				cr_expect_lt(strcspn(w, " "), 64, "%s: %s", row->id, w);
	}
}

/* Pythons that are linked statically have no shared objects to go by. */
Test(rules, what_a_shared_object_shows_a_python_frame_shows_too)
{
	const struct rule_evidence *row, *other;

	for (size_t i = 0; (row = rules_evidence(i)); i++) {
		bool found = false;

		if (!row->modules || !row->runtimes || strcmp(row->runtimes, "native") == 0)
			continue;
		for (size_t k = 0; (other = rules_evidence(k)); k++)
			found |= !strcmp(other->id, row->id) && !other->modules &&
				 (other->files || other->functions);
		cr_expect(found, "%s: nothing but shared objects", row->id);
	}
}

Test(rules, what_holds_the_gil_is_never_sent_to_the_thread_pool)
{
	static const char *const words[] = { "pool", "to_thread", "executor", "Pool" };
	const struct gw_rule *rule;

	for (size_t i = 0; (rule = gw_rule_at(i)); i++) {
		if (rule->pool != GW_POOL_NO)
			continue;
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
			cr_expect(!strstr(rule->fix, words[k]), "%s: %s", rule->id, rule->fix);
			cr_expect(!strstr(rule->steps, words[k]), "%s: %s", rule->id, rule->steps);
		}
	}
}
