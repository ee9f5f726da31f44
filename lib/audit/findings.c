// SPDX-License-Identifier: BSD-2-Clause
/*
 * findings.c: what was found, each once, and the records made of it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/audit.h"

#define PATCHED_MAX (32 * 1024)

const char *audit_format(struct audit *a, const char *format, ...)
{
	char text[AUDIT_TEXT];
	const char *kept;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	kept = arena_copy(&a->arena, text, strlen(text));
	return kept ? kept : "";
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static uint64_t identity(const struct audit_finding *finding)
{
	uint64_t hash = hash_add(HASH_START, &finding->kind, sizeof(finding->kind));
	const char *what = or_empty(finding->what), *where = or_empty(finding->where);

	hash = hash_add(hash, what, strlen(what) + 1);
	hash = hash_add(hash, where, strlen(where) + 1);
	return hash_add(hash, &finding->fd, sizeof(finding->fd)) >> 1;
}

/* Strings of a finding are literals or the arena's. */
void audit_found(struct audit *a, const struct audit_finding *finding)
{
	uint64_t hash = identity(finding), known;

	if (map_get(&a->known, hash, &known)) {
		a->findings[known].count++;
		return;
	}
	if (a->n_findings == AUDIT_FINDINGS) {
		a->cut |= WIRE_AUDIT_CUT_ROOM;
		return;
	}
	if (map_put(&a->known, hash, a->n_findings))
		return;
	a->findings[a->n_findings] = *finding;
	a->findings[a->n_findings++].count = 1;
}

/* names: with a space between them. */
void audit_patched(struct audit *a, const char *module, const char *names)
{
	size_t one = strlen(module) + 1, two = strlen(names) + 1;

	if (!a->patched)
		a->patched = malloc(PATCHED_MAX);
	if (!a->patched || a->n_patched == WIRE_AUDIT_PATCHED_MAX ||
	    a->patched_used + one + two > PATCHED_MAX) {
		a->cut |= WIRE_AUDIT_CUT_ROOM;
		return;
	}
	memcpy(a->patched + a->patched_used, module, one);
	memcpy(a->patched + a->patched_used + one, names, two);
	a->patched_used += one + two;
	a->n_patched++;
}

struct writer {
	unsigned char *bytes;
	size_t used, size;
};

static void put(struct writer *out, const char *text)
{
	size_t len = strnlen(or_empty(text), AUDIT_TEXT - 1);

	if (out->used + len + 1 > out->size)
		len = 0;
	memcpy(out->bytes + out->used, or_empty(text), len);
	out->bytes[out->used + len] = '\0';
	out->used += len + 1;
}

static void emit_patch(const struct audit *a, const struct audit_finding *finding,
		       void (*emit)(void *ctx, const struct wire_head *record), void *ctx)
{
	_Alignas(8) unsigned char bytes[sizeof(struct wire_patch) + 5 * AUDIT_TEXT];
	struct wire_patch *record = (struct wire_patch *)(void *)bytes;
	struct writer out = { bytes, sizeof(*record), sizeof(bytes) };

	*record = (struct wire_patch){ .head.kind = WIRE_PATCH,
				       .pid = a->proc->pid,
				       .kind = finding->kind,
				       .line = finding->line,
				       .count = finding->count,
				       .fd = finding->fd };
	put(&out, finding->what);
	put(&out, finding->where);
	put(&out, finding->file);
	put(&out, finding->rule);
	put(&out, finding->more);
	record->head.size = (uint32_t)out.used;
	emit (ctx, &record->head)
		;
}

void audit_emit(struct audit *a, uint64_t took_ns,
		void (*emit)(void *ctx, const struct wire_head *record), void *ctx)
{
	size_t size = sizeof(struct wire_audit) + 3 * AUDIT_TEXT + a->patched_used;
	struct wire_audit *record = calloc(1, size);
	struct writer out = { (unsigned char *)record, sizeof(*record), size };

	if (!record)
		return;
	*record = (struct wire_audit){ .head.kind = WIRE_AUDIT,
				       .pid = a->proc->pid,
				       .state = a->state,
				       .cut = a->cut,
				       .n_modules = a->n_modules,
				       .n_objects = a->n_objects,
				       .n_patched = a->n_patched,
				       .took_ns = took_ns };
	put(&out, a->library);
	put(&out, a->version);
	put(&out, "");
	if (a->patched_used)
		memcpy(out.bytes + out.used, a->patched, a->patched_used);
	record->head.size = (uint32_t)(out.used + a->patched_used);
	emit (ctx, &record->head)
		;
	free(record);
	for (uint32_t i = 0; i < a->n_findings; i++)
		emit_patch(a, &a->findings[i], emit, ctx);
}

void audit_refuse(uint32_t pid, unsigned int state, const char *why,
		  void (*emit)(void *ctx, const struct wire_head *record), void *ctx)
{
	_Alignas(8) unsigned char bytes[sizeof(struct wire_audit) + 3 * AUDIT_TEXT];
	struct wire_audit *record = (struct wire_audit *)(void *)bytes;
	struct writer out = { bytes, sizeof(*record), sizeof(bytes) };

	*record = (struct wire_audit){ .head.kind = WIRE_AUDIT, .pid = pid, .state = state };
	put(&out, "");
	put(&out, "");
	put(&out, why);
	record->head.size = (uint32_t)out.used;
	emit (ctx, &record->head)
		;
}
