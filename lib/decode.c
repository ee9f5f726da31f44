// SPDX-License-Identifier: BSD-2-Clause
/*
 * decode.c: wire bytes to events. See event.h.
 */
#include "event.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "greenwatch.h"

/* Takes a string that ends within size bytes; NULL: it does not. */
static const char *take_string(const char *bytes, size_t size, size_t *at)
{
	const char *text = bytes + *at;
	size_t len;

	if (*at >= size)
		return NULL;
	len = strnlen(text, size - *at);
	if (len == size - *at)
		return NULL;
	*at += len + 1;
	return text;
}

/* A name of ours, not the target's: it is printed as it is. */
static bool is_plain_word(const char *text)
{
	return text[0] && strlen(text) < 32 &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == 0;
}

static int decode_target(const struct wire_head *record, struct event_target *out)
{
	const char *bytes = (const char *)record,
		   **into[] = { &out->runtime, &out->version, &out->exe, &out->cwd, &out->why };
	size_t at = sizeof(struct wire_target), args;

	out->fixed = (const struct wire_target *)record;
	for (size_t i = 0; i < sizeof(into) / sizeof(into[0]); i++)
		if (!(*into[i] = take_string(bytes, record->size, &at)))
			return -EBADMSG;
	if (!is_plain_word(out->runtime))
		return -EBADMSG;
	args = at;
	for (uint32_t i = 0; i < out->fixed->argc; i++)
		if (!take_string(bytes, record->size, &at))
			return -EBADMSG;
	out->args = bytes + args;
	return 0;
}

static int decode_note(const struct wire_head *record, struct event_note *out)
{
	size_t at = sizeof(struct wire_note);

	out->what = take_string((const char *)record, record->size, &at);
	out->why = take_string((const char *)record, record->size, &at);
	out->fix = take_string((const char *)record, record->size, &at);
	return out->what && out->why && out->fix ? 0 : -EBADMSG;
}

static int decode_command(const struct wire_head *record, struct event_command *out)
{
	size_t at = sizeof(struct wire_command);

	if (record->size < at)
		return -EBADMSG;
	out->argc = ((const struct wire_command *)record)->argc;
	out->watched = ((const struct wire_command *)record)->watched;
	out->args = (const char *)record + at;
	for (uint32_t i = 0; i < out->argc; i++)
		if (!take_string((const char *)record, record->size, &at))
			return -EBADMSG;
	return 0;
}

static int decode_tag(const struct wire_head *record, struct event_tag *out)
{
	size_t at = sizeof(struct wire_tag);

	out->key = take_string((const char *)record, record->size, &at);
	out->value = out->key ? take_string((const char *)record, record->size, &at) : NULL;
	return out->value ? 0 : -EBADMSG;
}

static int check_stack(const struct wire_stack *stack)
{
	if (stack->head.size < WIRE_STACK_BASE || stack->n_python > WIRE_FRAMES ||
	    stack->n_kernel > WIRE_KERNEL)
		return -EBADMSG;
	if (stack->head.size != WIRE_STACK_BASE + stack->n_python * sizeof(stack->python[0]))
		return -EBADMSG;
	return 0;
}

static int check_counts(uint32_t n_waits, uint32_t n_rivals)
{
	return n_waits <= WIRE_WAITS && n_rivals <= WIRE_RIVALS ? 0 : -EBADMSG;
}

/* Fixed size of the kinds that have one; 0: its own check. */
static size_t fixed_size(enum wire_kind kind)
{
	switch (kind) {
	case WIRE_LOOP:
		return sizeof(struct wire_found);
	case WIRE_TURN:
		return sizeof(struct wire_late);
	case WIRE_GONE:
		return sizeof(struct wire_gone);
	case WIRE_HELLO:
		return sizeof(struct wire_hello);
	case WIRE_SLOT:
		return sizeof(struct wire_slot);
	case WIRE_TIMES:
		return sizeof(struct wire_times);
	case WIRE_LAG:
		return sizeof(struct wire_lag);
	case WIRE_OPEN:
		return sizeof(struct wire_open);
	case WIRE_LOSS:
		return sizeof(struct wire_loss);
	case WIRE_TICK:
		return sizeof(struct wire_tick);
	case WIRE_END:
		return sizeof(struct wire_end);
	case WIRE_WARMUP:
		return sizeof(struct wire_warmup);
	case WIRE_CHILD:
		return sizeof(struct wire_child);
	case WIRE_SLICE:
	case WIRE_SAMPLE:
	case WIRE_HOLDER:
	case WIRE_MEMORY:
	case WIRE_ASLEEP:
	case WIRE_TARGET:
	case WIRE_NAMES:
	case WIRE_NOTE:
	case WIRE_CALLS:
	case WIRE_AUDIT:
	case WIRE_PATCH:
	case WIRE_COMMAND:
	case WIRE_TAG:
	case WIRE_POOL:
		break;
	}
	return 0;
}

static int decode_audit(const struct wire_head *record, struct event_audit *out)
{
	size_t at = sizeof(struct wire_audit);
	const char *bytes = (const char *)record;

	out->fixed = (const struct wire_audit *)record;
	if (record->size < at || out->fixed->state > WIRE_AUDIT_PATCHED ||
	    out->fixed->n_patched > WIRE_AUDIT_PATCHED_MAX)
		return -EBADMSG;
	out->library = take_string(bytes, record->size, &at);
	out->version = take_string(bytes, record->size, &at);
	out->why = take_string(bytes, record->size, &at);
	out->patched = bytes + at;
	for (uint32_t i = 0; i < 2 * out->fixed->n_patched; i++)
		if (!take_string(bytes, record->size, &at))
			return -EBADMSG;
	return out->library && out->version && out->why ? 0 : -EBADMSG;
}

static int decode_patch(const struct wire_head *record, struct event_patch *out)
{
	const char *bytes = (const char *)record,
		   **into[] = { &out->what, &out->where, &out->file, &out->rule, &out->more };
	size_t at = sizeof(struct wire_patch);

	out->fixed = (const struct wire_patch *)record;
	if (record->size < at || out->fixed->kind >= WIRE_PATCH_KINDS)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(into) / sizeof(into[0]); i++)
		if (!(*into[i] = take_string(bytes, record->size, &at)))
			return -EBADMSG;
	return 0;
}

static int check_pool(const struct wire_pool *pool)
{
	if (pool->kind >= WIRE_POOL_KINDS || pool->before_ns > pool->head.now_ns)
		return -EBADMSG;
	if (pool->size > WIRE_POOL_MOST || pool->threads > WIRE_POOL_MOST ||
	    pool->busy > pool->threads || pool->queued > WIRE_POOL_MOST ||
	    pool->waiting > WIRE_POOL_MOST)
		return -EBADMSG;
	return pool->n_queued <= pool->queued && pool->n_waiting <= pool->waiting &&
			       pool->n_queued <= WIRE_POOL_ITEMS &&
			       pool->n_waiting <= WIRE_POOL_ITEMS
		       ? 0
		       : -EBADMSG;
}

static int decode_pool(const struct wire_head *record, struct event_pool *out)
{
	const char *bytes = (const char *)record;
	size_t at = sizeof(struct wire_pool);

	out->fixed = (const struct wire_pool *)record;
	if (record->size < at || check_pool(out->fixed))
		return -EBADMSG;
	out->ids = (const uint64_t *)(const void *)(bytes + at);
	at += 8UL * (out->fixed->n_queued + out->fixed->n_waiting);
	out->name = take_string(bytes, record->size, &at);
	out->next = take_string(bytes, record->size, &at);
	return out->name && out->next ? 0 : -EBADMSG;
}

static int check_hello(const struct wire_hello *hello)
{
	const char *const texts[] = { hello->kernel, hello->host };

	for (size_t i = 0; i < 2; i++)
		if (strnlen(texts[i], sizeof(hello->kernel)) == sizeof(hello->kernel))
			return -EBADMSG;
	if (strnlen(hello->id, sizeof(hello->id)) == sizeof(hello->id) ||
	    strnlen(hello->arch, sizeof(hello->arch)) == sizeof(hello->arch) ||
	    strnlen(hello->gate, sizeof(hello->gate)) == sizeof(hello->gate) ||
	    strnlen(hello->tool, sizeof(hello->tool)) == sizeof(hello->tool))
		return -EBADMSG;
	return hello->version == WIRE_VERSION ? 0 : -EBADMSG;
}

static int check_names(const struct wire_head *record)
{
	const struct wire_names *names = (const struct wire_names *)record;

	return record->size > sizeof(*names) && names->n_frames <= WIRE_NAMES_FRAMES &&
			       names->n_spawn <= WIRE_NAMES_SPAWN &&
			       names->n_chain <= WIRE_NAMES_CHAIN &&
			       names->task_kind <= GW_TASK_CALLBACK &&
			       names->flaws < 1U << WIRE_FLAWS
		       ? 0
		       : -EBADMSG;
}

static int check_calls(const struct wire_head *record)
{
	const struct wire_calls *calls = (const struct wire_calls *)record;

	if (record->size < WIRE_CALLS_BASE || calls->n > WIRE_CALL_ROWS ||
	    record->size != WIRE_CALLS_BASE + calls->n * sizeof(calls->rows[0]))
		return -EBADMSG;
	return 0;
}

static int decode_body(const struct wire_head *record, struct event *out)
{
	switch (out->kind) {
	case WIRE_SLICE:
	case WIRE_SAMPLE:
	case WIRE_HOLDER:
		out->stack = (const struct wire_stack *)record;
		return check_stack(out->stack);
	case WIRE_TURN:
		out->late = (const struct wire_late *)record;
		return check_counts(out->late->n_waits, out->late->n_rivals);
	case WIRE_OPEN:
		out->open = (const struct wire_open *)record;
		return check_counts(out->open->n_waits, out->open->n_rivals);
	case WIRE_TARGET:
		if (record->size < sizeof(struct wire_target))
			return -EBADMSG;
		return decode_target(record, &out->target);
	case WIRE_NOTE:
		return decode_note(record, &out->note);
	case WIRE_NAMES:
		out->names = (const struct wire_names *)record;
		return check_names(record);
	case WIRE_HELLO:
		out->hello = (const struct wire_hello *)record;
		return check_hello(out->hello);
	case WIRE_CALLS:
		out->calls = (const struct wire_calls *)record;
		return check_calls(record);
	case WIRE_AUDIT:
		return decode_audit(record, &out->audit);
	case WIRE_PATCH:
		return decode_patch(record, &out->patch);
	case WIRE_COMMAND:
		return decode_command(record, &out->command);
	case WIRE_TAG:
		return decode_tag(record, &out->tag);
	case WIRE_POOL:
		return decode_pool(record, &out->pool);
	case WIRE_MEMORY: /* serves the namer only, and ends with the source */
	case WIRE_ASLEEP: /* serves the source only */
		return -EBADMSG;
	case WIRE_LOOP:
	case WIRE_GONE:
	case WIRE_SLOT:
	case WIRE_TIMES:
	case WIRE_LAG:
	case WIRE_LOSS:
	case WIRE_TICK:
	case WIRE_END:
	case WIRE_WARMUP:
	case WIRE_CHILD:
		out->found = (const struct wire_found *)record;
		return 0;
	}
	return -EBADMSG;
}

int decode(const struct wire_head *record, struct event *out)
{
	size_t size = fixed_size(record->kind);

	if (record->size < sizeof(*record) || (size && record->size != size))
		return -EBADMSG;
	out->kind = record->kind;
	out->now_ns = record->now_ns;
	return decode_body(record, out);
}

#define FRAME_FIXED 16 /* kind, app, two bytes of zero, line, offset */

int decode_frame(const struct wire_names *names, size_t *at, struct event_frame *out)
{
	const char *bytes = (const char *)(names + 1);
	size_t size = names->head.size - sizeof(*names), i = *at;

	if (size - i < FRAME_FIXED)
		return -EBADMSG;
	out->kind = bytes[i];
	out->app = bytes[i + 1];
	memcpy(&out->line, bytes + i + 4, sizeof(out->line));
	memcpy(&out->offset, bytes + i + 8, sizeof(out->offset));
	i += FRAME_FIXED;
	out->name = take_string(bytes, size, &i);
	out->file = take_string(bytes, size, &i);
	out->module = take_string(bytes, size, &i);
	out->nameless = take_string(bytes, size, &i);
	if (!out->name || !out->file || !out->module || !out->nameless ||
	    out->kind > GW_FRAME_MARKER)
		return -EBADMSG;
	*at = i;
	return 0;
}

const char *decode_task(const struct wire_names *names, size_t at, const char **path)
{
	size_t size = names->head.size - sizeof(*names);
	const char *bytes = (const char *)(names + 1), *task = take_string(bytes, size, &at);

	*path = task && names->has_path ? take_string(bytes, size, &at) : "";
	return *path ? task : NULL;
}
