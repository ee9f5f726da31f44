// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel.c: where a thread sleeps inside the kernel, in names.
 *
 * Innermost are always the scheduler and those who watch it, outermost
 * always the way in: both say nothing and are left out.
 */
#include <string.h>
#include "greenwatch.h"
#include "runtime/runtime.h"

static bool begins_with_one_of(const char *name, const char *const *list)
{
	for (; *list; list++) {
		if (strncmp(name, *list, strlen(*list)) == 0)
			return true;
	}
	return false;
}

static bool is_watching(const char *name)
{
	static const char *const begins[] = { "bpf_",
					      "__bpf_",
					      "perf_",
					      "__perf_",
					      "trace_",
					      "__traceiter_",
					      "__trace_",
					      "ftrace_",
					      "stack_trace_",
					      "arch_stack_",
					      "get_perf_",
					      "__schedule",
					      "preempt_schedule",
					      NULL };

	return begins_with_one_of(name, begins) || strcmp(name, "schedule") == 0;
}

static bool is_way_in(const char *name)
{
	static const char *const begins[] = { "do_syscall_64", "x64_sys_call", "entry_SYSCALL_",
					      "asm_", NULL };

	return begins_with_one_of(name, begins);
}

void kernel_name(const struct kallsyms *syms, const struct wire_stack *stack, struct frames *out)
{
	struct frame_text frame = { .kind = GW_FRAME_KERNEL };
	bool inside = false;

	for (unsigned int i = 0; i < stack->n_kernel && i < WIRE_KERNEL; i++) {
		frame.name = kallsyms_name(syms, stack->kernel[i] - 1);
		if (!frame.name || (!inside && is_watching(frame.name)) || is_way_in(frame.name))
			continue;
		inside = true;
		frames_add(out, &frame);
	}
}
