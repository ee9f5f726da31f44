/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.h: a wire record that has been checked.
 *
 * decode() looks at every size, count and string before anybody uses them.
 * Everything points into the record: borrowed as long as that is. Allocates
 * nothing, judges nothing.
 */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record.h"

struct event_target {
	const struct wire_target *fixed;
	const char *runtime, *version, *exe, *cwd, *why; /* never NULL; "" if not known */
	const char *args;                                /* fixed->argc strings */
};

struct event_note {
	const char *what, *why, *fix; /* never NULL; fix may be "" */
};

struct event_audit {
	const struct wire_audit *fixed;
	const char *library, *version, *why; /* never NULL */
	const char *patched;                 /* 2 * fixed->n_patched strings */
};

struct event_patch {
	const struct wire_patch *fixed;
	const char *what, *where, *file, *rule, *more; /* never NULL; "" if not known */
};

struct event_command {
	uint32_t argc;
	bool watched;
	const char *args; /* argc strings */
};

struct event_tag {
	const char *key, *value;
};

struct event_pool {
	const struct wire_pool *fixed;
	const uint64_t *ids;     /* n_queued, then n_waiting */
	const char *name, *next; /* never NULL; next "" if not known */
};

struct event {
	enum wire_kind kind;
	uint64_t now_ns;
	union {
		const struct wire_found *found;
		const struct wire_stack *stack;
		const struct wire_late *late;
		const struct wire_gone *gone;
		const struct wire_hello *hello;
		struct event_target target;
		const struct wire_slot *slot;
		const struct wire_times *times;
		const struct wire_lag *lag;
		const struct wire_open *open;
		const struct wire_loss *loss;
		const struct wire_names *names;
		struct event_note note;
		const struct wire_calls *calls;
		struct event_audit audit;
		struct event_patch patch;
		struct event_pool pool;
		const struct wire_end *end;
		const struct wire_warmup *warmup;
		const struct wire_child *child;
		struct event_command command;
		struct event_tag tag;
	};
};

/* 0; -EBADMSG: malformed, or of a kind that is not known. */
int decode(const struct wire_head *record, struct event *out);

/* A frame out of a WIRE_NAMES record. */
struct event_frame {
	uint8_t kind; /* enum gw_frame_kind */
	uint8_t app;
	uint32_t line;
	uint64_t offset;
	const char *name, *file, *module, *nameless; /* "" if none */
};

/* Takes the next frame at *at (0 at first), n_frames + n_spawn + n_chain times in all. 0 or
 * -EBADMSG. */
int decode_frame(const struct wire_names *names, size_t *at, struct event_frame *out);

/* The task's name, at what is left behind the last frame; *path: "" if none. NULL: malformed. */
const char *decode_task(const struct wire_names *names, size_t at, const char **path);

#endif
