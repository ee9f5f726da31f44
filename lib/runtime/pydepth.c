// SPDX-License-Identifier: BSD-2-Clause
/*
 * pydepth.c: the depth of the value stack at an instruction.
 *
 *	depth at each instruction = depth at the one before + its effect,
 *	or what a jump or an exception handler has brought there
 *
 * The compiler makes it the same on every way to an instruction, so the first
 * way will do. In 3.7 and 3.8 there is one value or six where a finally clause
 * runs: such depths are blurred, they lead on but are no answer.
 */
#include "runtime/pydepth.h"

#include <errno.h>
#include <stdlib.h>

#define UNKNOWN   (-1)
#define TORN      (-2) /* two ways, two depths */
#define DEPTH_MAX 0xffff
#define BLUR      0x10000 /* added to the depth for each blur */
#define BLURS_MAX 100
#define PASSES    6
#define FINALLY   8 /* last version whose finally clauses blur */

struct depths {
	const struct pydepth_code *code;
	int32_t *at;   /* of each code unit */
	size_t n;      /* code units */
	size_t wanted; /* code unit */
	bool moved;    /* something new was learned of what lies behind */
};

/* An instruction with its argument. */
struct instr {
	const struct pyop *op;
	uint32_t arg;
	size_t first, unit, next; /* first: of the EXTENDED_ARGs before it */
};

static int32_t blurred(int32_t depth, bool more)
{
	return more && depth / BLUR < BLURS_MAX ? depth + BLUR : depth;
}

static int32_t join(uint32_t minor, int32_t a, int32_t b)
{
	int32_t high = a % BLUR >= b % BLUR ? a : b, low = high == a ? b : a, blurs;

	if (a == b || b == UNKNOWN)
		return a;
	if (a == UNKNOWN)
		return b;
	if (a == TORN || b == TORN || minor > FINALLY)
		return TORN;
	blurs = blurred(low, high % BLUR != low % BLUR) / BLUR;
	if (high / BLUR > blurs)
		blurs = high / BLUR;
	return high % BLUR + blurs * BLUR;
}

static void bring(struct depths *d, size_t unit, int32_t depth, bool back)
{
	int32_t joined;

	if (unit >= d->n || depth < 0)
		return;
	joined = join(d->code->minor, d->at[unit], depth);
	d->moved |= back && joined != d->at[unit];
	d->at[unit] = joined;
}

static int32_t effect(const struct instr *in, bool jumps)
{
	uint32_t arg = in->arg & 0xffff, per = 0;

	switch ((enum pyop_per)in->op->per) {
	case PYPER_ARG:
		per = arg;
		break;
	case PYPER_BIT0:
		per = arg & 1;
		break;
	case PYPER_BITS:
		per = (uint32_t)__builtin_popcount(arg & 15);
		break;
	case PYPER_BIT2:
		per = arg >> 2 & 1;
		break;
	case PYPER_UNPACK:
		per = (arg & 255) + (arg >> 8);
		break;
	}
	return in->op->effect + in->op->slope * (int32_t)per + (jumps ? in->op->jump : 0);
}

static int32_t add(const struct instr *in, int32_t depth, bool jumps)
{
	int32_t plain;

	if (depth < 0)
		return UNKNOWN;
	plain = depth % BLUR + effect(in, jumps);
	if (plain < 0 || plain > DEPTH_MAX)
		return TORN;
	depth += effect(in, jumps);
	if (in->op->flags & PYOP_CLEARS)
		return depth >= BLUR ? depth - BLUR : depth;
	return blurred(depth, in->op->flags & PYOP_BLURS);
}

static size_t target(const struct depths *d, const struct instr *in)
{
	size_t by = d->code->minor >= 10 ? in->arg : in->arg / 2;

	if (in->op->flags & PYOP_ABSOLUTE)
		return by;
	if (in->op->flags & PYOP_BACKWARD)
		return by <= in->next ? in->next - by : SIZE_MAX;
	return in->next + by;
}

/* The one at in->next. False: it is not known, so that the rest cannot be told apart either. */
static bool advance(const struct depths *d, struct instr *in)
{
	bool extended = in->op && in->op->flags & PYOP_EXTENDS;
	const uint8_t *bytes = d->code->bytes + 2 * in->next;

	in->op = pyop_find(d->code->minor, bytes[0]);
	if (!in->op)
		return false;
	in->arg = (extended ? in->arg << 8 : 0) | bytes[1];
	in->unit = in->next;
	in->first = extended ? in->first : in->unit;
	in->next += 1U + in->op->caches;
	return true;
}

/* From the first instruction on, to the wanted one if its depth turns up. 1: *in is that. */
static int pass(struct depths *d, struct instr *in)
{
	int32_t depth = 0;

	*in = (struct instr){ 0 };
	d->moved = false;
	while (in->next < d->n) {
		if (!advance(d, in))
			return -ENOENT;
		depth = join(d->code->minor, depth, d->at[in->unit]);
		d->at[in->unit] = depth;
		if (depth >= 0 && !(in->op->flags & PYOP_EXTENDS) && d->wanted >= in->first &&
		    d->wanted <= in->unit)
			return 1;
		if (in->op->flags & PYOP_JUMPS)
			bring(d, target(d, in), add(in, depth, true), target(d, in) <= in->unit);
		depth = in->op->flags & PYOP_ENDS ? UNKNOWN : add(in, depth, false);
	}
	return d->moved ? 0 : -ENOENT;
}

/* Big-endian, six bits a byte; 0x40 says that more follow. */
static uint32_t varint(const uint8_t *table, size_t n, size_t *i)
{
	uint32_t value = 0;
	uint8_t byte = 0x40;

	while (*i < n && byte & 0x40) {
		byte = table[(*i)++];
		value = value << 6 | (byte & 0x3f);
	}
	return value;
}

/* Entries are start, length, target, depth << 1 | whether the instruction is pushed too: the
 * source is Objects/exception_handling_notes.txt. */
static void take_handlers(struct depths *d)
{
	const uint8_t *table = d->code->handlers;
	size_t n = d->code->n_handlers, i = 0;

	while (i < n) {
		uint32_t to, depth;

		varint(table, n, &i);
		varint(table, n, &i);
		to = varint(table, n, &i);
		depth = varint(table, n, &i);
		if (depth / 2 < DEPTH_MAX)
			bring(d, to, (int32_t)(depth / 2 + (depth & 1) + 1), false);
	}
}

static int locate(const struct instr *in, int32_t depth, struct pydepth_call *out)
{
	int64_t arg = in->arg, bit = in->arg & 1, below = 0;

	switch ((enum pycall_kind)in->op->call) {
	case PYCALL_NONE:
		return -ENOENT;
	case PYCALL_PLAIN:
		below = arg + 1;
		break;
	case PYCALL_KW:
	case PYCALL_METHOD:
	case PYCALL_FIRST:
		below = arg + 2;
		break;
	case PYCALL_KW13:
		below = arg + 3;
		break;
	case PYCALL_EX:
		below = bit + 2;
		break;
	case PYCALL_EX13:
		below = bit + 3;
		break;
	case PYCALL_EX14:
		below = 4;
		break;
	}
	if (below > depth || depth >= BLUR)
		return -ENOENT;
	out->slot = (uint32_t)(depth - below);
	out->paired = in->op->call == PYCALL_METHOD;
	out->spread = in->op->call >= PYCALL_EX;
	return 0;
}

/* What was loaded last into a slot before that unit: a hint, since there may be several ways. */
static void find_load(const struct depths *d, uint32_t slot, size_t end, struct pydepth_load *out)
{
	struct instr in = { 0 };

	*out = (struct pydepth_load){ PYLOAD_NONE, 0 };
	while (in.next < end && advance(d, &in)) {
		int32_t depth = d->at[in.unit], first = depth;

		if (depth < 0 || in.op->load == PYLOAD_NONE)
			continue;
		if (in.op->load == PYLOAD_ATTR || in.op->load == PYLOAD_ATTR_HALF)
			first--;
		if ((int64_t)slot >= first && (int64_t)slot < depth + effect(&in, false))
			*out = (struct pydepth_load){ (enum pyop_load)in.op->load, in.arg };
	}
}

int pydepth_find(const struct pydepth_code *code, size_t at, struct pydepth_call *out)
{
	struct depths d = { .code = code, .n = code->n / 2, .wanted = at / 2 };
	struct instr in;
	int result = 0;

	if (at % 2 || at >= code->n || code->n > PYDEPTH_CODE)
		return -ENOENT;
	d.at = malloc(d.n * sizeof(*d.at));
	if (!d.at)
		return -ENOMEM;
	for (size_t i = 0; i < d.n; i++)
		d.at[i] = UNKNOWN;
	take_handlers(&d);
	for (unsigned int i = 0; !result && i < PASSES; i++)
		result = pass(&d, &in);
	result = result == 1 ? locate(&in, d.at[in.unit], out) : -ENOENT;
	for (unsigned int i = 0; !result && i < 2; i++)
		find_load(&d, out->slot + i, in.unit, &out->load[i]);
	free(d.at);
	return result;
}
