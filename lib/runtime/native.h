/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native.h: frames of machine code, for the runtimes that have others too.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include "name/frames.h"
#include "name/walk.h"

#define NATIVE_MAX 256 /* native frames of one stack that are shown */

struct native {
	struct frame_text frame;
	char name[FRAMES_TEXT + 1];
};

/* Points into out and into the process's mappings: borrowed until those are read again. */
void native_frame(struct proc *proc, const struct walk_frame *frame, struct native *out);

/* Is it a function of the Rust or C++ standard library, of the runtime or of a well-known crate? */
bool native_library(const char *name);

/* The marker where native frames end before the outermost one; nothing where they do not. */
void native_broken(const struct walk *walk, struct frames *out);

/* Names a frame after its line in a perf map (jit.c). */
void jit_frame(const char *name, struct native *out);

#endif
