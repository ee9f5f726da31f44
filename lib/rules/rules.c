// SPDX-License-Identifier: BSD-2-Clause
/*
 * rules.c: which rule a stall is an instance of. See rules.h.
 *
 *	kernel, libc, libpq    PG_wait    get_user    dispatch, run, ...
 *	|----- natives ------|-- library -|-- own --|-- never evidence --|
 *
 * Rows are compared by what their evidence is worth, then by how much they
 * ask for, then by their order.
 */
#include "rules.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "report.h"
#include "rules/tables.h"

#define WORD 96 /* longest word of a list */

/* The interpreter, and what it calls on its own account. */
#define INTERPRETER "python* libpython* uwsgi"
#define FAMILIAR                                                                                   \
	"libc.so* libc-* libpthread* ld-linux* linux-vdso* ?vdso? libm.so* libm-* librt* "         \
	"libssl.so* libcrypto.so* _ssl.* _socket.* select.* time.* _posixsubprocess.* "            \
	"_greenlet* greenlet.* _asyncio.* " INTERPRETER

/* Causes that the ledger measures by themselves. */
#define MEASURED "gc gil pagefault crowd runqueue throttled stopped"

struct scope {
	const struct rule_case *c;
	const uint32_t *frames;
	uint32_t n;
	uint32_t script;  /* the first frame of Python or JavaScript; n if none */
	uint32_t natives; /* frames further in than that, without the one that it has called by name
			   */
	const struct gw_frame *called; /* that one; NULL: none */
	uint32_t own;                  /* the application's innermost frame; n if none */
};

typedef bool (*match_fn)(const char *glob, const char *text);

static bool is_glob(const char *glob, const char *text)
{
	return !fnmatch(glob, text, 0);
}

static bool is_module(const char *glob, const char *text)
{
	const char *slash = strrchr(text, '/');

	return is_glob(glob, slash ? slash + 1 : text);
}

/* Python 3.11 names "JSONEncoder.encode", older ones "encode". */
static bool is_function(const char *glob, const char *text)
{
	const char *dot = strrchr(text, '.');

	return is_glob(glob, text) || (dot && is_glob(glob, dot + 1));
}

/* Is text one of the words? */
static bool listed(const char *words, const char *text, match_fn match)
{
	char word[WORD];

	while (text && *words) {
		size_t len = strcspn(words, " ");

		if (len && len < sizeof(word)) {
			memcpy(word, words, len);
			word[len] = '\0';
			if (match(word, text))
				return true;
		}
		words += len + (words[len] == ' ');
	}
	return false;
}

static const struct gw_frame *frame_at(const struct scope *s, uint32_t i)
{
	return report_frame(s->c->report, s->frames[i]);
}

static bool is_script(const struct gw_frame *frame)
{
	return frame->kind == GW_FRAME_PYTHON || frame->kind == GW_FRAME_JAVASCRIPT;
}

/* Where the application begins. The body of its module that is being imported is not yet it. */
static bool is_own(const struct gw_frame *frame)
{
	const char *file = frame->file;

	if (!is_script(frame))
		return false;
	if (file && file[0] == '<' && strncmp(file, "<frozen", 7) != 0)
		return true; /* python -c, exec */
	return frame->app && strcmp(frame->name, "<module>") != 0;
}

static struct scope scope_of(const struct rule_case *c)
{
	struct scope s = { .c = c };

	if (c->report && c->stack != GW_NONE)
		s.n = report_stack(c->report, c->stack, &s.frames);
	while (s.script < s.n && !is_script(frame_at(&s, s.script)))
		s.script++;
	s.natives = s.script;
	if (s.script && report_is_called(frame_at(&s, s.script - 1)))
		s.called = frame_at(&s, --s.natives);
	s.own = s.script;
	while (s.own < s.n && !is_own(frame_at(&s, s.own)))
		s.own++;
	return s;
}

/* "10.0.0.5:5432", "[::1]:53" */
static bool has_port(const char *ports, const char *address)
{
	const char *colon = address ? strrchr(address, ':') : NULL;

	return colon && listed(ports, colon + 1, is_glob);
}

static bool has_symbol(const struct rule_evidence *row, const struct scope *s)
{
	for (uint32_t i = 0; i < s->natives; i++) {
		const struct gw_frame *frame = frame_at(s, i);

		if (row->modules &&
		    !(frame->module && listed(row->modules, frame->module, is_module)))
			continue;
		if (!row->symbols || listed(row->symbols, frame->name, is_glob))
			return true;
	}
	return false;
}

static bool has_library(const char *files, const char *functions, const struct scope *s, bool top)
{
	uint32_t end = top && s->own > s->script ? s->script + 1 : s->own;

	for (uint32_t i = s->script; i < end; i++) {
		const struct gw_frame *frame = frame_at(s, i);

		if (files && !(frame->file && listed(files, frame->file, is_glob)))
			continue;
		if (!functions || listed(functions, frame->name, is_function))
			return true;
	}
	return false;
}

static bool has_template(const char *files, const struct scope *s)
{
	for (uint32_t i = s->script; i < s->n && i <= s->own; i++) {
		const struct gw_frame *frame = frame_at(s, i);

		if (frame->file && listed(files, frame->file, is_glob))
			return true;
	}
	return false;
}

/* wait4 of libc called by the interpreter; not by system(), which libc has too. The interpreter's
 * own functions may have been left out of the stack (runtime/merge.c). */
static bool is_direct(const struct scope *s)
{
	uint32_t i = 0;

	while (i < s->natives && frame_at(s, i)->kind != GW_FRAME_NATIVE)
		i++;
	if (i == s->natives || listed(INTERPRETER, frame_at(s, i)->module, is_module))
		return false;
	return i + 1 == s->natives || listed(INTERPRETER, frame_at(s, i + 1)->module, is_module);
}

static bool has_leaf(enum rule_leaf leaf, const struct scope *s)
{
	bool seen = false;

	if (leaf == LEAF_FREE)
		return true;
	for (uint32_t i = 0; i < s->natives; i++) {
		const struct gw_frame *frame = frame_at(s, i);

		if (frame->kind != GW_FRAME_NATIVE)
			continue;
		if (!frame->module || !listed(FAMILIAR, frame->module, is_module))
			return false;
		if (leaf == LEAF_PLAIN && frame->nameless)
			return false;
		seen |= listed(INTERPRETER, frame->module, is_module);
	}
	if (leaf == LEAF_CLEAN)
		return true;
	if (leaf == LEAF_DIRECT && !is_direct(s))
		return false;
	return s->script < s->n && (leaf != LEAF_SEEN || seen);
}

static bool holds_call(const struct rule_evidence *row, const struct rule_case *c)
{
	if (row->calls && !listed(row->calls, c->call, is_glob))
		return false;
	if (row->classes && !listed(row->classes, c->class, is_glob))
		return false;
	if (row->slept && !listed(row->slept, c->slept, is_glob))
		return false;
	if ((row->slept ? c->slept_calls : c->calls) < row->calls_least)
		return false;
	if (c->max_ns < row->each_least)
		return false;
	return !row->each_most || c->max_ns <= row->each_most;
}

static bool holds_peer(const struct rule_evidence *row, const struct gw_peer *peer)
{
	static const struct gw_peer nothing = { .fd = -1 };

	if (!peer)
		peer = &nothing;
	if (row->peers && !listed(row->peers, peer->kind, is_glob))
		return false;
	if (row->ports && !has_port(row->ports, peer->remote))
		return false;
	if (row->paths && !listed(row->paths, peer->path ? peer->path : peer->remote, is_glob))
		return false;
	if (row->fstypes && !listed(row->fstypes, peer->fstype, is_glob))
		return false;
	if (row->blocking && !peer->blocking_mode)
		return false;
	return !row->standard || peer->fd == 1 || peer->fd == 2;
}

static bool holds_stack(const struct rule_evidence *row, const struct scope *s)
{
	if ((row->modules || row->symbols) && !has_symbol(row, s))
		return false;
	if (row->called && !(s->called && listed(row->called, s->called->name, is_glob)))
		return false;
	if ((row->files || row->functions) && !has_library(row->files, row->functions, s, row->top))
		return false;
	if (row->own && !has_template(row->own, s))
		return false;
	if (row->without && has_library(row->without, NULL, s, false))
		return false;
	return has_leaf(row->leaf, s);
}

static bool holds_gc(const struct rule_evidence *row, const struct rule_case *c)
{
	if (!row->gc_percent)
		return true;
	return c->gc_ns != GW_UNKNOWN_NS && c->took_ns &&
	       (double)c->gc_ns * 100 >= (double)c->took_ns * row->gc_percent;
}

static bool holds(const struct rule_evidence *row, const struct scope *s)
{
	const struct rule_case *c = s->c;

	if (!listed(row->causes, gw_cause_name(c->cause), is_glob))
		return false;
	if (row->runtimes && !listed(row->runtimes, c->runtime, is_glob))
		return false;
	return holds_call(row, c) && holds_gc(row, c) && holds_peer(row, c->peer) &&
	       holds_stack(row, s);
}

static bool is_measured(const char *causes)
{
	return !strchr(causes, ' ') && listed(MEASURED, causes, is_glob);
}

enum gw_confidence rules_confidence(const struct rule_evidence *row)
{
	bool call = row->calls || row->classes;
	bool on = row->peers || row->ports || row->paths || row->fstypes || row->blocking;

	if (row->weak)
		return GW_CONFIDENCE_LOW;
	if (row->modules || row->called || (call && on))
		return GW_CONFIDENCE_HIGH;
	if (row->files || row->functions || row->own || row->leaf >= LEAF_SEEN ||
	    is_measured(row->causes))
		return GW_CONFIDENCE_MEDIUM;
	return GW_CONFIDENCE_LOW;
}

static uint32_t count(const char *const *words, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += words[i] != NULL;
	return sum;
}

/* What names one thing counts twice, what must be absent not at all. */
static uint32_t conditions(const struct rule_evidence *row)
{
	const char *const kinds[] = { row->runtimes, row->causes, row->calls, row->classes,
				      row->peers };
	const char *const names[] = { row->ports,     row->paths,  row->fstypes, row->modules,
				      row->symbols,   row->called, row->slept,   row->files,
				      row->functions, row->own };
	uint32_t others = (row->leaf == LEAF_DIRECT) + row->blocking + row->standard + row->top +
			  (row->calls_least > 0) + (row->each_least > 0) + (row->each_most > 0) +
			  (row->gc_percent > 0);

	return count(kinds, sizeof(kinds) / sizeof(kinds[0])) +
	       2 * count(names, sizeof(names) / sizeof(names[0])) + others;
}

const struct rule_evidence *rules_evidence(size_t i)
{
	static const struct rule_rows *const tables[] = { &evidence_data,  &evidence_net,
							  &evidence_locks, &evidence_files,
							  &evidence_cpu,   &evidence_other };

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		if (i < tables[t]->n)
			return &tables[t]->rows[i];
		i -= tables[t]->n;
	}
	return NULL;
}

void rules_match(const struct rule_case *c, struct gw_advice *out)
{
	struct scope s = scope_of(c);
	const struct rule_evidence *row, *best = NULL;
	const struct gw_rule *rule;

	*out = (struct gw_advice){ 0 };
	for (size_t i = 0; (row = rules_evidence(i)); i++) {
		int worth = best ? (int)rules_confidence(row) - (int)rules_confidence(best) : 1;

		if (worth < 0 || (worth == 0 && conditions(row) <= conditions(best)))
			continue;
		if (holds(row, &s))
			best = row;
	}
	rule = best ? gw_rule_find(best->id) : NULL;
	if (!rule)
		return;
	*out = (struct gw_advice){ .rule = rule->id,
				   .title = rule->title,
				   .fix = rule->fix,
				   .confidence = rules_confidence(best) };
}

const struct gw_rule *gw_rule_at(size_t i)
{
	static const struct rule_texts *const tables[] = { &texts_net, &texts_os, &texts_other };

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		if (i < tables[t]->n)
			return &tables[t]->rows[i];
		i -= tables[t]->n;
	}
	return NULL;
}

const struct gw_rule *gw_rule_find(const char *id)
{
	const struct gw_rule *rule;

	for (size_t i = 0; (rule = gw_rule_at(i)); i++)
		if (!strcmp(rule->id, id))
			return rule;
	return NULL;
}
