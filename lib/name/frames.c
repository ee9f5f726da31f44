// SPDX-License-Identifier: BSD-2-Clause
/*
 * frames.c: packs frames behind a wire_names, and checks them again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "name/frames.h"

#define FIXED       16 /* kind, app, u16, line, offset */
#define MARKER      "\xe2\x80\xa6 deeper frames were cut"
#define MARKER_SIZE (FIXED + sizeof(MARKER) + 3)

static void count_one(struct frames *frames)
{
	struct wire_names names;

	memcpy(&names, frames->bytes, sizeof(names));
	names.n_frames++;
	memcpy(frames->bytes, &names, sizeof(names));
}

void frames_begin(struct frames *frames, void *bytes, size_t size)
{
	*frames =
		(struct frames){ .bytes = bytes, .size = size, .used = sizeof(struct wire_names) };
	memset(bytes, 0, sizeof(struct wire_names));
}

/* Length after cutting, never inside a UTF-8 character. */
static size_t cut_length(const char *text)
{
	size_t len = strnlen(text, FRAMES_TEXT + 1);

	if (len <= FRAMES_TEXT)
		return len;
	len = FRAMES_TEXT;
	while (len > FRAMES_TEXT - 4 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void put_frame(struct frames *frames, const struct frame_text *frame)
{
	const char *texts[] = { frame->name, frame->file, frame->module, frame->nameless };
	unsigned char *at = frames->bytes + frames->used;

	memset(at, 0, FIXED);
	at[0] = frame->kind;
	at[1] = frame->app;
	memcpy(at + 4, &frame->line, 4);
	memcpy(at + 8, &frame->offset, 8);
	at += FIXED;
	for (unsigned int i = 0; i < 4; i++) {
		size_t len = texts[i] ? cut_length(texts[i]) : 0;

		if (len)
			memcpy(at, texts[i], len);
		at[len] = '\0';
		at += len + 1;
	}
	frames->used = (size_t)(at - frames->bytes);
	count_one(frames);
}

static size_t frame_size(const struct frame_text *frame)
{
	const char *texts[] = { frame->name, frame->file, frame->module, frame->nameless };
	size_t size = FIXED + 4;

	for (unsigned int i = 0; i < 4; i++)
		size += texts[i] ? cut_length(texts[i]) : 0;
	return size;
}

void frames_add(struct frames *frames, const struct frame_text *frame)
{
	if (frames->cut)
		return;
	if (frame_size(frame) > frames->size - frames->used - MARKER_SIZE)
		frames_cut(frames);
	else
		put_frame(frames, frame);
}

void frames_cut(struct frames *frames)
{
	struct frame_text marker = { .kind = GW_FRAME_MARKER, .name = MARKER };

	if (frames->cut)
		return;
	put_frame(frames, &marker);
	frames->cut = true;
}

void frames_end(struct frames *frames, uint64_t now_ns)
{
	struct wire_names names;

	memcpy(&names, frames->bytes, sizeof(names));
	names.head.kind = WIRE_NAMES;
	names.head.size = (uint32_t)frames->used;
	names.head.now_ns = now_ns;
	memcpy(frames->bytes, &names, sizeof(names));
}

/* The leaf and the Python frames, or all that is native: the rules of a named stack. */
void frames_bare(const struct wire_stack *stack, uint32_t shim_owner, const char *why, void *bytes,
		 size_t size)
{
	struct frame_text frame = { .kind = GW_FRAME_NATIVE, .nameless = why };
	unsigned int n_native = stack->n_python && stack->n_native ? 1 : stack->n_native;
	struct frames frames;
	char name[32];

	frame.name = name;
	frames_begin(&frames, bytes, size);
	for (unsigned int i = 0; i < n_native; i++) {
		snprintf(name, sizeof(name), "0x%llx", (unsigned long long)stack->native[i]);
		frames_add(&frames, &frame);
	}
	frame.kind = GW_FRAME_PYTHON;
	for (unsigned int i = 0; i < stack->n_python; i++) {
		uint64_t code = stack->python[i].code;

		if (!(code << 8) || (shim_owner && code >> 56 >= shim_owner))
			continue;
		snprintf(name, sizeof(name), "code 0x%llx", (unsigned long long)(code << 8 >> 8));
		frames_add(&frames, &frame);
	}
	if (stack->head.flags & WIRE_STACK_CUT)
		frames_cut(&frames);
	frames_end(&frames, stack->head.now_ns);
}

int frames_check(const void *record, size_t size)
{
	const unsigned char *at = record, *end = at + size;
	struct wire_names names;

	if (size < sizeof(names))
		return -EBADMSG;
	memcpy(&names, record, sizeof(names));
	if (names.head.kind != WIRE_NAMES || names.head.size != size || names.head.flags ||
	    names.n_frames > FRAMES_MAX)
		return -EBADMSG;
	at += sizeof(names);
	for (uint32_t i = 0; i < names.n_frames; i++) {
		if (end - at < FIXED || at[0] > GW_FRAME_MARKER || at[1] > 1 || at[2] || at[3])
			return -EBADMSG;
		at += FIXED;
		for (unsigned int text = 0; text < 4; text++) {
			const unsigned char *nul = memchr(at, '\0', (size_t)(end - at));

			if (!nul || nul - at > FRAMES_TEXT)
				return -EBADMSG;
			at = nul + 1;
		}
	}
	return at == end ? 0 : -EBADMSG;
}
