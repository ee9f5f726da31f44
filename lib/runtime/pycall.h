/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pycall.h: the C function that a frame of Python code is calling.
 *
 * Its machine code is often stripped of names; the frame's bytecode says
 * where on its value stack the callable lies, and that has a name.
 */
#ifndef PYCALL_H
#define PYCALL_H

#include "name/frames.h"
#include "name/proc.h"

/* Adds a frame for it, its file GW_FILE_BYTECODE; nothing where it is not certain, and nothing for
 * a function in Python. raw: the innermost frame, known to have called something. */
void pycall_frame(struct proc *proc, const struct wire_pyframe *raw, struct frames *out);

#endif
