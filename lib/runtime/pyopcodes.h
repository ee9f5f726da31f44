/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pyopcodes.h: what an instruction of CPython does to the value stack, and
 * where it has what it calls.
 */
#ifndef PYOPCODES_H
#define PYOPCODES_H

#include <stdint.h>

/* What the slope is multiplied with. */
enum pyop_per {
	PYPER_ARG,    /* the argument */
	PYPER_BIT0,   /* its lowest bit */
	PYPER_BITS,   /* how many of its lowest four bits are set */
	PYPER_BIT2,   /* its third bit */
	PYPER_UNPACK, /* its low byte and the rest, added */
};

enum pyop_flag {
	PYOP_JUMPS = 1,
	PYOP_ENDS = 2,     /* what follows is not reached from here, save by the jump */
	PYOP_ABSOLUTE = 4, /* jumps there, else that far from the next instruction */
	PYOP_BACKWARD = 8,
	PYOP_BLURS = 16,  /* 3.8: one value or six, from here on */
	PYOP_CLEARS = 32, /* up to here */
	PYOP_EXTENDS = 64 /* EXTENDED_ARG */
};

/* What lies on the value stack when a call is made, the top on the right. */
enum pycall_kind {
	PYCALL_NONE,   /* not a call */
	PYCALL_PLAIN,  /* callable, arg arguments */
	PYCALL_KW,     /* callable, arg arguments, names */
	PYCALL_METHOD, /* callable, self, arg arguments; or NULL, callable, arg arguments */
	PYCALL_FIRST,  /* callable, self or NULL, arg arguments */
	PYCALL_KW13,   /* callable, self or NULL, arg arguments, names */
	PYCALL_EX,     /* callable, tuple, dict if arg & 1 */
	PYCALL_EX13,   /* callable, NULL, tuple, dict if arg & 1 */
	PYCALL_EX14,   /* callable, NULL, tuple, dict or NULL */
};

/* What has the name of what it pushes. */
enum pyop_load {
	PYLOAD_NONE,
	PYLOAD_LOCAL,       /* the local variable arg */
	PYLOAD_GLOBAL,      /* co_names[arg] */
	PYLOAD_GLOBAL_HALF, /* co_names[arg / 2] */
	PYLOAD_ATTR,        /* the same, of what lay on the stack */
	PYLOAD_ATTR_HALF,
};

struct pyop {
	int8_t effect; /* on the depth, with slope, where it does not jump */
	int8_t jump;   /* to be added where it does */
	int8_t slope;
	uint8_t per;    /* enum pyop_per */
	uint8_t caches; /* code units that follow it */
	uint8_t flags;  /* enum pyop_flag */
	uint8_t call;   /* enum pycall_kind */
	uint8_t load;   /* enum pyop_load */
};

/* NULL: not known, or another one is hidden behind it. */
const struct pyop *pyop_find(uint32_t minor, uint8_t opcode);

#endif
