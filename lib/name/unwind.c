// SPDX-License-Identifier: BSD-2-Clause
/*
 * unwind.c: call frame information by libdw, evaluated here.
 *
 * libdw finds the row of an address and says where each register was saved
 * as a DWARF expression. Those that compilers, linkers and the C library write are
 * evaluated; one with anything else in it makes its register unknown.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include "name/unwind.h"

#define DEPTH 16 /* of the stack that expressions work on */

struct unwind {
	unsigned char *image;
	size_t size;
	Elf *elf;
	Dwarf_CFI *cfi;
};

struct machine {
	const struct unwind_state *state;
	const struct unwind_reader *reader;
	uint64_t cfa;
	uint64_t stack[DEPTH];
	unsigned int n;
	bool value; /* the result is the value itself, not where it lies */
};

int unwind_open(struct unwind **out, struct elf *elf)
{
	struct unwind *unwind = calloc(1, sizeof(*unwind));
	int err;

	if (!unwind)
		return -ENOMEM;
	err = elf_unwind_image(elf, &unwind->image, &unwind->size);
	if (err)
		goto fail;
	err = -EBADMSG;
	if (elf_version(EV_CURRENT) == EV_NONE)
		goto fail;
	unwind->elf = elf_memory((char *)unwind->image, unwind->size);
	if (unwind->elf)
		unwind->cfi = dwarf_getcfi_elf(unwind->elf);
	if (!unwind->cfi)
		goto fail;
	*out = unwind;
	return 0;
fail:
	unwind_close(unwind);
	return err;
}

size_t unwind_size(const struct unwind *unwind)
{
	return unwind ? unwind->size : 0;
}

void unwind_close(struct unwind *unwind)
{
	if (!unwind)
		return;
	if (unwind->cfi)
		dwarf_cfi_end(unwind->cfi);
	if (unwind->elf)
		elf_end(unwind->elf);
	free(unwind->image);
	free(unwind);
}

static int push(struct machine *m, uint64_t value)
{
	if (m->n == DEPTH)
		return -EBADMSG;
	m->stack[m->n++] = value;
	return 0;
}

static int push_register(struct machine *m, uint64_t reg, uint64_t offset)
{
	if (reg >= UNWIND_REGS || !(m->state->known & 1U << reg))
		return -ENOENT;
	return push(m, m->state->regs[reg] + offset);
}

static int dereference(struct machine *m)
{
	if (!m->n)
		return -EBADMSG;
	return m->reader->word(m->reader->ctx, m->stack[m->n - 1], &m->stack[m->n - 1]) ? -EFAULT
											: 0;
}

static int binary(struct machine *m, unsigned int atom)
{
	uint64_t a, b;

	if (m->n < 2)
		return -EBADMSG;
	b = m->stack[--m->n];
	a = m->stack[--m->n];
	switch (atom) {
	case DW_OP_plus:
		return push(m, a + b);
	case DW_OP_minus:
		return push(m, a - b);
	case DW_OP_and:
		return push(m, a & b);
	case DW_OP_or:
		return push(m, a | b);
	case DW_OP_mul:
		return push(m, a * b);
	case DW_OP_shl:
		return push(m, b < 64 ? a << b : 0);
	case DW_OP_shr:
		return push(m, b < 64 ? a >> b : 0);
	case DW_OP_eq:
		return push(m, a == b);
	case DW_OP_ne:
		return push(m, a != b);
	case DW_OP_ge:
		return push(m, (int64_t)a >= (int64_t)b);
	case DW_OP_gt:
		return push(m, (int64_t)a > (int64_t)b);
	case DW_OP_le:
		return push(m, (int64_t)a <= (int64_t)b);
	case DW_OP_lt:
		return push(m, (int64_t)a < (int64_t)b);
	default:
		return -EBADMSG;
	}
}

static int operate(struct machine *m, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(m, op->atom - DW_OP_lit0);
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return push_register(m, op->atom - DW_OP_breg0, op->number);
	switch (op->atom) {
	case DW_OP_bregx:
		return push_register(m, op->number, op->number2);
	case DW_OP_call_frame_cfa:
		return push(m, m->cfa);
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(m, op->number);
	case DW_OP_plus_uconst:
		if (!m->n)
			return -EBADMSG;
		m->stack[m->n - 1] += op->number;
		return 0;
	case DW_OP_deref:
		return dereference(m);
	case DW_OP_stack_value:
		m->value = true;
		return 0;
	case DW_OP_nop:
		return 0;
	default:
		return binary(m, op->atom);
	}
}

/* A register that is another one, named alone: no address, but a value. */
static int plain_register(struct machine *m, const Dwarf_Op *op)
{
	uint64_t reg = op->number;

	if (op->atom != DW_OP_regx)
		reg = op->atom - DW_OP_reg0;
	m->value = true;
	return push_register(m, reg, 0);
}

static int evaluate(struct machine *m, const Dwarf_Op *ops, size_t n, uint64_t *out)
{
	int err = 0;

	m->n = 0;
	m->value = false;
	if (n == 1 &&
	    (ops->atom == DW_OP_regx || (ops->atom >= DW_OP_reg0 && ops->atom <= DW_OP_reg31)))
		err = plain_register(m, ops);
	else
		for (size_t i = 0; i < n && !err; i++)
			err = operate(m, &ops[i]);
	if (!err && !m->n)
		err = -EBADMSG;
	if (!err)
		*out = m->stack[m->n - 1];
	return err;
}

static int find_cfa(Dwarf_Frame *frame, struct machine *m)
{
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_frame_cfa(frame, &ops, &n) || !n)
		return -EBADMSG;
	return evaluate(m, ops, n, &m->cfa);
}

/* -ENODATA: undefined, which the return address is in the outermost frame. */
static int find_register(Dwarf_Frame *frame, struct machine *m, unsigned int reg, uint64_t *out)
{
	Dwarf_Op room[3], *ops;
	size_t n;
	int err;

	if (dwarf_frame_register(frame, (int)reg, room, &ops, &n))
		return -EBADMSG;
	if (!n && ops == room)
		return -ENODATA;
	if (!n) {
		*out = m->state->regs[reg];
		return m->state->known & 1U << reg ? 0 : -ENODATA;
	}
	err = evaluate(m, ops, n, out);
	if (!err && !m->value)
		err = m->reader->word(m->reader->ctx, *out, out) ? -EFAULT : 0;
	return err;
}

/* Of the caller; the stack pointer is the frame's address unless the tables know better. */
static int restore(Dwarf_Frame *frame, struct machine *m, struct unwind_state *out)
{
	int err = find_cfa(frame, m);

	for (unsigned int reg = 0; !err && reg < UNWIND_REGS; reg++) {
		int found = find_register(frame, m, reg, &out->regs[reg]);

		if (!found)
			out->known |= 1U << reg;
		else if (reg == UNWIND_PC)
			err = found;
	}
	if (!(out->known & 1U << UNWIND_SP))
		out->regs[UNWIND_SP] = m->cfa;
	out->known |= 1U << UNWIND_SP;
	return err;
}

int unwind_step(struct unwind *unwind, uint64_t vaddr, const struct unwind_reader *reader,
		struct unwind_state *state, bool *signal)
{
	struct machine machine = { .state = state, .reader = reader };
	struct unwind_state caller = { .known = 0 };
	Dwarf_Frame *frame;
	int err;

	if (dwarf_cfi_addrframe(unwind->cfi, vaddr, &frame))
		return -ENOENT;
	if (dwarf_frame_info(frame, NULL, NULL, signal) < 0)
		*signal = false;
	err = restore(frame, &machine, &caller);
	free(frame);
	if (!err)
		*state = caller;
	return err;
}
