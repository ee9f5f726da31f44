// SPDX-License-Identifier: BSD-2-Clause
/*
 * pytask.c: the GIL and the collector of a thread, and the order in which
 * greenlets and tasks are asked for. Addresses are tried before they are
 * told: the kernel side reads them again and again.
 */
#include <errno.h>
#include <string.h>
#include "runtime/pyobject.h"
#include "runtime/pytask.h"

#define GIL_INTERVAL_MAX 60000000 /* us */

/* interval @0, last holder @8, locked @16: int, -1 before the first thread */
static bool is_gil(struct memory *mem, const struct python *py, uint64_t gil)
{
	unsigned char bytes[24];
	uint64_t interval, holder, interp;
	int32_t locked;

	if (!pyobject_plausible(gil) || memory_read(mem, gil, bytes, sizeof(bytes)))
		return false;
	memcpy(&interval, bytes, sizeof(interval));
	memcpy(&holder, bytes + 8, sizeof(holder));
	memcpy(&locked, bytes + 16, sizeof(locked));
	if (!interval || interval > GIL_INTERVAL_MAX || locked < -1 || locked > 1)
		return false;
	return !holder || (pyobject_plausible(holder) &&
			   !memory_word(mem, holder + py->offsets.tstate_interp, &interp) &&
			   pyobject_plausible(interp));
}

static uint64_t find_gil(struct memory *mem, const struct python *py, uint64_t interp)
{
	const struct pyoffsets *o = &py->offsets;
	uint64_t gil = py->runtime + o->gil;

	if (!o->gil || (o->minor >= 12 && memory_word(mem, interp + o->gil, &gil)))
		return 0;
	return is_gil(mem, py, gil) ? gil : 0;
}

static uint64_t find_collecting(struct memory *mem, const struct python *py, uint64_t interp)
{
	const struct pyoffsets *o = &py->offsets;
	uint64_t at = (o->minor <= 8 ? py->runtime : interp) + o->gc + o->gc_collecting;
	int32_t value;

	if (!o->gc || !o->gc_collecting || memory_read(mem, at, &value, sizeof(value)))
		return 0;
	return value == 0 || value == 1 ? at : 0;
}

void pytask_attach(struct proc *proc)
{
	greenlet_attach(proc);
	asyncio_attach(proc);
}

void pyaim(struct proc *proc, const struct pythread *thread, struct namer_got_thread *out)
{
	const struct python *py = proc->python;
	uint64_t interp;

	out->aim = (struct wire_aim){ .tstate = thread->address };
	if (!memory_word(&proc->mem, thread->address + py->offsets.tstate_interp, &interp)) {
		out->aim.gil = find_gil(&proc->mem, py, interp);
		out->aim.gc_at = find_collecting(&proc->mem, py, interp);
	}
	if (py->tasks.greenlets)
		out->pending = greenlet_aim(proc, thread->thread_id, out) == -EAGAIN;
	if (asyncio_aim(proc, thread, &out->aim))
		out->pending = 1;
}

const struct pycode *pytask_code(struct proc *proc, const struct wire_pyframe *frame)
{
	uint64_t address = frame->code << 8 >> 8;
	const struct pycode *code;
	struct wire_python layout;
	const char *why;

	pyoffsets_layout(&proc->python->offsets, &layout);
	if (!address || address == proc->python->none ||
	    (layout.shim_owner && frame->code >> 56 >= layout.shim_owner))
		return NULL;
	code = pycode_get(&proc->mem, proc->python, proc->cwd, address, &why);
	return code && !code->shim ? code : NULL;
}

void pytask_name(struct proc *proc, const struct wire_stack *stack,
		 const struct wire_memory *memory, struct frames *out)
{
	const struct wire_task *task = memory && memory->task.task ? &memory->task : NULL;

	if (task && asyncio_name(proc, stack, task, out))
		return;
	if (!gevent_name(proc, stack, out))
		asyncio_name(proc, stack, NULL, out);
}
