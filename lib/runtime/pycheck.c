// SPDX-License-Identifier: BSD-2-Clause
/*
 * pycheck.c: are the offsets those of this very process?
 *
 * The interpreter's own type objects list some of them (tp_members), and
 * its threads must walk: lists close, frames lead to code objects, chains
 * end. The process runs on meanwhile, so a failed walk is tried again; a
 * contradiction in the tables is final.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "runtime/python.h"

#define TRIES         5
#define FRAMES_WALKED 512
#define MEMBERS_MAX   40
#define MEMBER_SIZE   40 /* PyMemberDef: name @0, offset @16 */
#define TYPE_BASIC    32 /* PyTypeObject.tp_basicsize */
#define TYPE_MEMBERS  240
#define ABSENT        UINT32_MAX

struct member {
	const char *name;
	uint32_t offset; /* as we believe; ABSENT: not checked */
};

static int compare_member(struct memory *mem, const unsigned char *row,
			  const struct member *members, size_t n, const char **why)
{
	uint64_t name_at, offset;
	char name[24] = "";
	int got;

	memcpy(&name_at, row, sizeof(name_at));
	memcpy(&offset, row + 16, sizeof(offset));
	got = memory_read_some(mem, name_at, name, sizeof(name) - 1);
	if (got < 0)
		return got;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, members[i].name) || members[i].offset == ABSENT)
			continue;
		if (offset == members[i].offset)
			return 1;
		*why = "layout of code or frame objects differs from that of this CPython version";
		return -EBADMSG;
	}
	return 0;
}

/* How many of the members were found where they should be, or -errno. */
static int compare_members(struct memory *mem, uint64_t type, const struct member *members,
			   size_t n, const char **why)
{
	unsigned char row[MEMBER_SIZE];
	uint64_t at, name_at;
	int agreed = 0, err;

	err = memory_word(mem, type + TYPE_MEMBERS, &at);
	for (unsigned int i = 0; !err && i < MEMBERS_MAX; i++, at += MEMBER_SIZE) {
		err = memory_read(mem, at, row, sizeof(row));
		memcpy(&name_at, row, sizeof(name_at));
		if (err || !name_at)
			break;
		err = compare_member(mem, row, members, n, why);
		agreed += err == 1;
		err = err < 0 ? err : 0;
	}
	return err ? err : agreed;
}

static int check_types(struct memory *mem, const struct python *py, const char **why)
{
	const struct pyoffsets *o = &py->offsets;
	const struct member code[] = {
		{ "co_name", o->code_name },
		{ "co_filename", o->code_filename },
		{ "co_firstlineno", o->code_first },
		{ "co_qualname", o->code_qualname ? o->code_qualname : ABSENT },
		{ "co_lnotab", o->minor <= 9 ? o->code_lines : ABSENT },
		{ "co_linetable", o->minor >= 10 ? o->code_lines : ABSENT },
	};
	const struct member frame[] = {
		{ "f_back", o->frame_back },
		{ "f_code", o->frame_code },
		{ "f_lasti", o->frame_instr },
	};
	uint64_t basic;
	int n = compare_members(mem, py->code_type, code, sizeof(code) / sizeof(code[0]), why);

	if (n < 0)
		return n;
	*why = "type of code objects does not list its members";
	if (n < 3)
		return -EBADMSG;
	if (o->code_bytes) {
		*why = "size of code objects differs from that of this CPython version";
		n = memory_word(mem, py->code_type + TYPE_BASIC, &basic);
		return n ? n : basic == o->code_bytes ? 0 : -EBADMSG;
	}
	if (!py->frame_type)
		return 0;
	n = compare_members(mem, py->frame_type, frame, sizeof(frame) / sizeof(frame[0]), why);
	return n < 0 ? n : 0;
}

static int check_code(struct memory *mem, const struct python *py, uint64_t code)
{
	const uint32_t texts[] = { py->offsets.code_name, py->offsets.code_filename };
	char text[PYTHON_TEXT];
	uint64_t type, at;
	int err = memory_word(mem, code + 8, &type);

	if (!err && type != py->code_type)
		return -EBADMSG;
	for (unsigned int i = 0; !err && i < 2; i++) {
		err = memory_word(mem, code + texts[i], &at);
		if (!err)
			err = pytext_read(mem, py, at, text, sizeof(text));
	}
	return err;
}

struct tally {
	struct memory *mem;
	const struct python *py;
	unsigned int threads;
};

static bool is_shim(const struct wire_python *layout, const unsigned char *frame)
{
	return layout->shim_owner && frame[layout->frame_owner] >= layout->shim_owner;
}

/* Its frames lead to NULL, and the first real one has a code object. */
static int check_thread(void *ctx, const struct pythread *thread)
{
	struct tally *tally = ctx;
	const struct pyoffsets *o = &tally->py->offsets;
	struct wire_python layout;
	unsigned char bytes[128];
	bool coded = false;
	uint64_t frame, code;
	int err = pythread_head(tally->mem, o, thread->address, &frame);

	pyoffsets_layout(o, &layout);
	for (unsigned int i = 0; !err && frame && i < FRAMES_WALKED; i++) {
		err = memory_read(tally->mem, frame, bytes, layout.frame_size);
		if (err)
			break;
		memcpy(&code, bytes + layout.frame_code, sizeof(code));
		memcpy(&frame, bytes + layout.frame_back, sizeof(frame));
		if (!coded && !is_shim(&layout, bytes)) {
			err = check_code(tally->mem, tally->py, code & ~7ULL);
			coded = true;
		}
	}
	tally->threads++;
	/* One deep or busy thread among hundreds is no reason to look at them all. */
	return err ? err : tally->threads >= 64;
}

int pycheck(struct memory *mem, const struct python *py, const char **why)
{
	struct tally tally = { .mem = mem, .py = py };
	int err = check_types(mem, py, why);

	if (err)
		return err;
	for (unsigned int i = 0; i < TRIES; i++) {
		tally.threads = 0;
		err = pythread_walk(mem, py, check_thread, &tally);
		if (err >= 0 && tally.threads)
			return 0;
	}
	*why = err < 0 ? "threads and frames of the interpreter could not be walked"
		       : "interpreter has no threads (yet)";
	return err < 0 ? err : -EAGAIN;
}
