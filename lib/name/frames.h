/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h: a WIRE_NAMES record, written and checked.
 *
 * Both ends use it: the namer fills a buffer of fixed size, and what does
 * not fit is cut with a marker as the last frame; the other side believes
 * no count and no string of the result before frames_check().
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record.h"

#define FRAMES_TEXT 256 /* bytes of a name or path; longer ones are cut */

struct frame_text {
	uint8_t kind; /* enum gw_frame_kind */
	bool app;
	uint32_t line;
	uint64_t offset;
	const char *name, *file, *module, *nameless; /* NULL: "" */
};

struct frames {
	unsigned char *bytes; /* begins with struct wire_names */
	size_t size, used;
	char task[FRAMES_TEXT + 1];
	char path[FRAMES_TEXT + 1]; /* "": none */
	uint16_t flags;             /* enum wire_names_flag */
	bool cut; /* the marker has been written: no frame of the stack may follow */
};

void frames_begin(struct frames *frames, void *bytes, size_t size);
void frames_add(struct frames *frames, const struct frame_text *frame);
void frames_cut(struct frames *frames); /* adds the marker */
/* A marker that says so; frames may follow. text: at most 95 bytes. */
void frames_flaw(struct frames *frames, enum wire_flaw flaw, const char *text);
/* The running task, after all frames: kind is enum gw_task_kind. Then where it was spawned,
 * innermost first; what does not fit is left out. */
void frames_task(struct frames *frames, unsigned int kind, const char *name);
void frames_spawn(struct frames *frames, const struct frame_text *frame);
/* At last its coroutines, innermost first. */
void frames_chain(struct frames *frames, const struct frame_text *frame);
/* Of the mapped file that a page fault wanted; of a long one the end. */
void frames_path(struct frames *frames, const char *path);
void frames_end(struct frames *frames, uint64_t now_ns);

/* A whole record without anyone's help: addresses, and why there is no more. shim_owner: as in
 * struct wire_python. */
void frames_bare(const struct wire_stack *stack, uint32_t shim_owner, const char *why, void *bytes,
		 size_t size);

/* 0 or -EBADMSG. size: bytes received. */
int frames_check(const void *record, size_t size);

#endif
