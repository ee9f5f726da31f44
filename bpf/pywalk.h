/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pywalk.h: walks the Python frames of a thread, innermost first.
 *
 * Pure C over one shimmed read: read_user(dst, size, address) returns 0 or
 * negative, and never blocks. The kernel side maps it to
 * bpf_probe_read_user; the unit tests to a made-up memory image. One read
 * per frame. Judges nothing and names nothing: which frames are shims, and
 * what a code object is called, is user space's business.
 *
 *	tstate -> [cframe ->] frame -> previous -> ... -> NULL
 */
#ifndef PYWALK_H
#define PYWALK_H

#include "wire.h"

#define PYWALK_WORDS 16 /* a frame's first 128 bytes */

/* Offsets come from outside; the mask also proves the bound to the verifier. */
static inline __u64 pywalk_word(const __u64 *words, __u32 offset)
{
	return words[(offset >> 3) & (PYWALK_WORDS - 1)];
}

static inline __u64 pywalk_head(const struct wire_python *py, __u64 tstate)
{
	__u64 head = 0;

	if (read_user(&head, sizeof(head), tstate + py->tstate_frame))
		return 0;
	if (py->cframe && head && read_user(&head, sizeof(head), head + py->cframe_frame))
		return 0;
	return head;
}

static inline void pywalk_frame(const struct wire_python *py, const __u64 *words, __u64 frame,
				struct wire_pyframe *out)
{
	__u64 code = pywalk_word(words, py->frame_code) & ~7ULL;
	__u64 instr = pywalk_word(words, py->frame_instr);
	__u64 owner = 0;

	if (py->frame_owner)
		owner = pywalk_word(words, py->frame_owner) >> ((py->frame_owner & 7) * 8) & 0xff;
	if (py->instr_is_int)
		instr = instr >> ((py->frame_instr & 7) * 8) & 0xffffffff;
	out->frame = frame;
	out->code = (code & 0xffffffffffffffULL) | owner << 56;
	out->instr = instr;
}

/*
 * Fills stack->python, n_python and the flags of its head. words is scratch
 * of PYWALK_WORDS; the caller keeps it off the BPF stack if that is tight.
 */
static inline void pywalk(const struct wire_python *py, __u64 tstate, __u64 *words,
			  struct wire_stack *stack)
{
	__u32 size = py->frame_size, n = 0;
	__u64 frame;

	if (size > PYWALK_WORDS * 8)
		size = PYWALK_WORDS * 8;
	frame = pywalk_head(py, tstate);
	for (n = 0; n < WIRE_FRAMES && frame; n++) {
		if (read_user(words, size, frame)) {
			stack->head.flags |= WIRE_STACK_FAULT;
			break;
		}
		pywalk_frame(py, words, frame, &stack->python[n]);
		frame = pywalk_word(words, py->frame_back);
	}
	if (n == WIRE_FRAMES && frame)
		stack->head.flags |= WIRE_STACK_CUT;
	stack->n_python = n;
}

#endif
