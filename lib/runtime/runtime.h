/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime.h: what a loop runs, and who knows how to name its frames.
 *
 * A runtime is one file and one row of the table in runtime.c. Everything
 * here runs in the namer, with no rights, on data that may be hostile.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include "bpf/wire.h"
#include "name/frames.h"
#include "name/kallsyms.h"
#include "name/proc.h"
#include "name/protocol.h"

struct runtime {
	const char *name;
	bool (*detect)(
		struct proc *proc); /* cheap: mapped files; the last ones before native may read */
	/* Finds the interpreter; 0, or -errno with proc->why. NULL: there is none to find. */
	int (*attach)(struct proc *proc, struct wire_python *out);
	int (*thread)(struct proc *proc, uint32_t nstid, uint64_t fsbase,
		      struct namer_got_thread *out);
	/* Names the stack, and the task it belongs to; memory->n may be 0. */
	void (*frames)(struct proc *proc, const struct wire_stack *stack,
		       const struct wire_memory *memory, struct frames *out);
	void (*detach)(struct proc *proc);
};

const struct runtime *runtime_detect(struct proc *proc); /* never NULL */

/* native.c */
void native_name(struct proc *proc, const struct wire_stack *stack,
		 const struct wire_memory *memory, struct frames *out);

/* node.c */
int node_attach(struct proc *proc, struct wire_python *out);
void node_name(struct proc *proc, const struct wire_stack *stack, const struct wire_memory *memory,
	       struct frames *out);

/* tokio.c */
bool is_tokio(struct proc *proc);
void tokio_name(struct proc *proc, const struct wire_stack *stack, const struct wire_memory *memory,
		struct frames *out);

/* kernel.c: the stack's kernel frames, none where the table has no names. */
void kernel_name(const struct kallsyms *syms, const struct wire_stack *stack, struct frames *out);

/* python.c */
int python_attach(struct proc *proc, struct wire_python *out);
int python_thread(struct proc *proc, uint32_t nstid, uint64_t fsbase, struct namer_got_thread *out);
void python_name(struct proc *proc, const struct wire_stack *stack,
		 const struct wire_memory *memory, struct frames *out);
void python_detach(struct proc *proc);

#endif
