// SPDX-License-Identifier: BSD-2-Clause
/*
 * node.c: Node: whether its functions have names, and when V8 collects.
 *
 * Frames are those of native.c. The main thread collects garbage itself or
 * waits for helpers; either way it has called into V8's heap.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/native.h"
#include "runtime/runtime.h"

static const char *const collecting[] = {
	"v8::internal::Heap::CollectGarbage",
	"v8::internal::Heap::CollectAllGarbage",
	"v8::internal::Heap::PerformGarbageCollection",
	"v8::internal::Heap::PerformHeapLimitGarbageCollection",
	"v8::internal::Heap::Scavenge",
	"v8::internal::Heap::MarkCompact",
	"v8::internal::MarkCompactCollector::",
	"v8::internal::ScavengerCollector::",
	"v8::internal::IncrementalMarking::",
	"cppgc::internal::",
};

/* No interpreter that the kernel side could walk; but a word about what lacks names. */
int node_attach(struct proc *proc, struct wire_python *out)
{
	(void)out;
	if (!proc_has_jit(proc))
		snprintf(proc->why, sizeof(proc->why), "it was started without --perf-basic-prof");
	return -ENOENT;
}

static bool collects(const char *name)
{
	for (size_t i = 0; i < sizeof(collecting) / sizeof(collecting[0]); i++)
		if (!strncmp(name, collecting[i], strlen(collecting[i])))
			return true;
	return false;
}

void node_name(struct proc *proc, const struct wire_stack *stack, const struct wire_memory *memory,
	       struct frames *out)
{
	struct native native;
	struct walk steps;

	walk(proc, stack, memory, &steps);
	for (unsigned int i = 0; i < steps.n && i < NATIVE_MAX; i++) {
		native_frame(proc, &steps.frames[i], &native);
		frames_add(out, &native.frame);
		if (collects(native.name))
			out->flags |= WIRE_NAMES_GC;
	}
	if (steps.n > NATIVE_MAX)
		frames_cut(out);
	else
		native_broken(&steps, out);
}
