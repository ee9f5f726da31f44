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
#define MARKER_TEXT 96
#define MARKER_SIZE (FIXED + MARKER_TEXT + 4) /* always kept free for the last one */
#define TAIL_SIZE   (2 * (FRAMES_TEXT + 1))   /* task and path */

static struct wire_names names_of(const struct frames *frames)
{
	struct wire_names names;

	memcpy(&names, frames->bytes, sizeof(names));
	return names;
}

static void set_names(struct frames *frames, const struct wire_names *names)
{
	memcpy(frames->bytes, names, sizeof(*names));
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
}

static void put_counted(struct frames *frames, const struct frame_text *frame)
{
	struct wire_names names = names_of(frames);

	put_frame(frames, frame);
	names.n_frames++;
	set_names(frames, &names);
}

static size_t room(const struct frames *frames)
{
	return frames->size - frames->used - MARKER_SIZE - TAIL_SIZE;
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
	if (frame_size(frame) > room(frames) || names_of(frames).n_frames >= WIRE_NAMES_FRAMES - 1)
		frames_cut(frames);
	else
		put_counted(frames, frame);
}

void frames_task(struct frames *frames, unsigned int kind, const char *name)
{
	struct wire_names names = names_of(frames);
	size_t len = cut_length(name);

	names.task_kind = (__u8)kind;
	set_names(frames, &names);
	memcpy(frames->task, name, len);
	frames->task[len] = '\0';
}

void frames_spawn(struct frames *frames, const struct frame_text *frame)
{
	struct wire_names names = names_of(frames);

	if (frame_size(frame) > room(frames) || names.n_spawn >= WIRE_NAMES_SPAWN)
		return;
	put_frame(frames, frame);
	names.n_spawn++;
	set_names(frames, &names);
}

void frames_chain(struct frames *frames, const struct frame_text *frame)
{
	struct wire_names names = names_of(frames);

	if (frame_size(frame) > room(frames) || names.n_chain >= WIRE_NAMES_CHAIN)
		return;
	put_frame(frames, frame);
	names.n_chain++;
	set_names(frames, &names);
}

static void set_flaw(struct frames *frames, enum wire_flaw flaw)
{
	struct wire_names names = names_of(frames);

	names.flaws |= (__u8)flaw;
	set_names(frames, &names);
}

void frames_cut(struct frames *frames)
{
	struct frame_text marker = { .kind = GW_FRAME_MARKER, .name = MARKER };

	set_flaw(frames, WIRE_FLAW_CUT);
	if (frames->cut)
		return;
	put_counted(frames, &marker);
	frames->cut = true;
}

void frames_flaw(struct frames *frames, enum wire_flaw flaw, const char *text)
{
	struct frame_text marker = { .kind = GW_FRAME_MARKER };
	char name[MARKER_TEXT];

	snprintf(name, sizeof(name), "%s", text);
	marker.name = name;
	set_flaw(frames, flaw);
	frames_add(frames, &marker);
}

void frames_path(struct frames *frames, const char *path)
{
	size_t len = strlen(path), skip = len > FRAMES_TEXT ? len - FRAMES_TEXT : 0;

	memcpy(frames->path, path + skip, len - skip + 1);
}

static void put_text(struct frames *frames, const char *text)
{
	memcpy(frames->bytes + frames->used, text, strlen(text) + 1);
	frames->used += strlen(text) + 1;
}

void frames_end(struct frames *frames, uint64_t now_ns)
{
	struct wire_names names = names_of(frames);

	put_text(frames, frames->task);
	names.has_path = frames->path[0] != '\0';
	if (names.has_path)
		put_text(frames, frames->path);
	names.flags = frames->flags;
	names.head.kind = WIRE_NAMES;
	names.head.size = (uint32_t)frames->used;
	names.head.now_ns = now_ns;
	set_names(frames, &names);
}

/* The leaf and the Python frames. */
void frames_bare(const struct wire_stack *stack, uint32_t shim_owner, const char *why, void *bytes,
		 size_t size)
{
	struct frame_text frame = { .kind = GW_FRAME_NATIVE, .nameless = why };
	struct frames frames;
	char name[32];

	frame.name = name;
	frames_begin(&frames, bytes, size);
	snprintf(name, sizeof(name), "0x%llx", (unsigned long long)stack->regs[WIRE_REG_IP]);
	frames_add(&frames, &frame);
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

/* Behind the next n strings; NULL: they are not all there, or too long. */
static const unsigned char *check_texts(const unsigned char *at, const unsigned char *end,
					unsigned int n)
{
	while (n--) {
		const unsigned char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul || nul - at > FRAMES_TEXT)
			return NULL;
		at = nul + 1;
	}
	return at;
}

int frames_check(const void *record, size_t size)
{
	const unsigned char *at = record, *end = at + size;
	struct wire_names names;

	if (size < sizeof(names))
		return -EBADMSG;
	memcpy(&names, record, sizeof(names));
	if (names.head.kind != WIRE_NAMES || names.head.size != size || names.head.flags ||
	    names.n_frames > WIRE_NAMES_FRAMES || names.n_spawn > WIRE_NAMES_SPAWN ||
	    names.n_chain > WIRE_NAMES_CHAIN || names.flaws >= 1U << WIRE_FLAWS ||
	    names.has_path > 1 || names.flags > (WIRE_NAMES_AWAY | WIRE_NAMES_GC) ||
	    names.task_kind > GW_TASK_CALLBACK)
		return -EBADMSG;
	at += sizeof(names);
	for (uint32_t i = 0; at && i < names.n_frames + names.n_spawn + names.n_chain; i++) {
		if (end - at < FIXED || at[0] > GW_FRAME_MARKER || at[1] > 1 || at[2] || at[3])
			return -EBADMSG;
		at = check_texts(at + FIXED, end, 4);
	}
	at = at ? check_texts(at, end, 1 + names.has_path) : NULL;
	return at == end ? 0 : -EBADMSG;
}
