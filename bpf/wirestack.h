/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wirestack.h: stacks as they cross from kernel to user, and what is needed to take them.
 *
 * A part of wire.h, which includes it; its rules hold here too. All addresses
 * are the target's: hostile until proven otherwise.
 */
#ifndef WIRESTACK_H
#define WIRESTACK_H

#define WIRE_FRAMES     256   /* Python frames walked in the kernel */
#define WIRE_KERNEL     16    /* return addresses in the kernel */
#define WIRE_REGS       17    /* rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip: DWARF's order */
#define WIRE_MEMORY_MAX 16384 /* bytes of a user stack copied */
#define WIRE_LAYOUTS    64    /* interpreter layouts in use at once */

/* Layout of an interpreter, as pywalk.h needs it: offsets in bytes. Filled by
 * lib/runtime/pyoffsets.c, which says where they come from, never by guessing. */
struct wire_python {
	__u32 tstate_frame; /* from the thread state: frame object, cframe or iframe */
	__u32 cframe;       /* 1: tstate_frame leads to a cframe (3.11, 3.12) */
	__u32 cframe_frame; /* from the cframe: current frame */
	__u32 frame_code;
	__u32 frame_back;
	__u32 frame_instr;
	__u32 frame_owner;     /* u8; 0: frames have no owner (3.10 and older) */
	__u32 instr_is_int;    /* 1: f_lasti, an int32; 0: a pointer */
	__u32 frame_size;      /* bytes to read per frame, <= 128, multiple of 8 */
	__u32 shim_owner;      /* owner >= this is a C entry, not a frame; 0: none */
	__u32 frame_generator; /* pointer to its generator or coroutine (3.10 and older); 0: none */
	__u32 generator_frame; /* from a generator to the frame inside it (3.11+); 0: not known */
	__u32 tstate_next; /* to the next older thread state; the word before leads to the newer one
			    */
	__u32 thread_id;   /* from the thread state: pthread_self() of its thread */
	__u32 native_id;   /* its tid in its own pid namespace; 0: not told */
};
#define WIRE_OWNER_GENERATOR 1 /* of a frame; the older ones are told so by pywalk.h */

/* How wire_aim.tasks leads to the running tasks of asyncio. */
enum wire_tasks {
	WIRE_TASKS_NONE = 0,
	WIRE_TASKS_POINTER = 1,  /* a pointer to it (3.14) */
	WIRE_TASKS_DICT = 2,     /* a dict of loops and theirs (3.11 to 3.13) */
	WIRE_TASKS_DICT_OLD = 3, /* the same, laid out as in 3.10 and older */
};

/* aims[]: what user space tells the kernel side about the loop in a slot. Addresses of the target,
 * 0: not known. */
struct wire_aim {
	__u64 tstate;  /* the thread's PyThreadState; 0: no Python frames */
	__u32 layout;  /* index into layouts[] */
	__u32 serial;  /* the loop these hold for */
	__u64 task_at; /* where the pointer to the current greenlet or task lies */
	__u32 impl;    /* from a greenlet: offset of the pointer to its state; 0: it is the state */
	__u32 stop;    /* from that state: offset of stack_stop; 0: there is none */
	__u64 gc_at;   /* an int that is not 0 while garbage is collected */
	__u64 gil;     /* the GIL's struct: its futexes lie in its first 256 bytes */
	__u64 tasks;   /* the running tasks of asyncio, in the form of: */
	__u32 tasks_form; /* enum wire_tasks */
	__u32 coro;       /* from a task: offset of the pointer to its coroutine */
	__u32 name;       /* from a task: offset of the pointer to its name; 0: it has none */
	__u32 pad;
	__u64 away_ns; /* the turn that began then is none: its thread has left the loop to others
			*/
};

#define WIRE_PARKS 4 /* ways in which the workers of one process park */

/* How a thread that parks is told from one that waits for a lock, both asleep in a futex: at off
 * bytes from its stack pointer lies this return address, into the code that parks. */
struct wire_park {
	__u64 ret;
	__u32 off;
	__u32 pad;
};

/* parks[]: of one process. */
struct wire_parks {
	__u32 n;
	__u32 all; /* 1: every futex is one, for the loops there are: nobody can tell */
	struct wire_park at[WIRE_PARKS];
};

struct wire_pyframe {
	__u64 frame; /* address of the frame itself */
	__u64 code;  /* code object; owner in the top byte */
	__u64 instr; /* f_lasti or instruction pointer */
};

enum wire_stack_flag {
	WIRE_STACK_CUT = 1,       /* deeper than WIRE_FRAMES */
	WIRE_STACK_FAULT = 2,     /* a frame could not be read */
	WIRE_STACK_NO_TSTATE = 4, /* thread state not known (yet) */
	WIRE_STACK_PENDING = 8,   /* the slice has not ended */
	WIRE_STACK_GC = 16,       /* garbage was being collected */
	WIRE_STACK_ASLEEP = 32,   /* began before we came: only its registers were taken */
	WIRE_STACK_TELLS = 64,    /* the longest so far of a row of calls[] */
	WIRE_STACK_LIGHT = 128,   /* no evidence of what made its turn late. Sample: Python only */
	WIRE_STACK_FRESH = 256,   /* light, and sent at once: its task may be looked at */
};

enum wire_no_fd {
	WIRE_FD_NONE = -1, /* the call has none */
	WIRE_FD_MAPPED =
		-2, /* no descriptor: the memory that a page fault wanted, args[0] is where.
		     * Of no file (mode 0): it came from swap, or there was none free. */
};

/* The file behind a descriptor, out of the kernel's structures when a call blocked on it. */
struct wire_fd {
	__s32 fd; /* or enum wire_no_fd */
	__u32 mode;
	__u32 flags; /* of open(2) */
	__u32 dev;   /* as the kernel packs it: major << 20 | minor */
	__u64 ino;
	__u64 magic;                   /* s_magic of the file system, linux/magic.h */
	__u16 family, type;            /* AF_*, SOCK_*; 0: no socket */
	__u16 protocol, state;         /* IPPROTO_*, TCP_* */
	__u16 local_port, remote_port; /* host order */
	__u32 pad;
	__u8 local[16], remote[16]; /* IPv4: the first four */
	char name[32];              /* last part of the path; "[eventpoll]" and the like */
};

#define WIRE_ROOM 24 /* words */

/* WIRE_SLICE, WIRE_SAMPLE and WIRE_HOLDER. Sent up to the last frame used. */
struct wire_stack {
	struct wire_head head; /* flags: enum wire_stack_flag */
	__u32 serial;
	__u32 pid;
	__u64 turn_ns; /* when the turn began: the turn's identity */
	__u64 off_ns;  /* slice, holder: when it began. Sample: when it was taken */
	__u64 blocked_ns;
	__u64 runqueue_ns;
	__u64 stopped_ns;
	__u64 weight_ns; /* sample: CPU time it stands for, within its turn */
	__u64 ran_ns;    /* sample: CPU time of the loop's turns so far */
	__u64 site;      /* with WIRE_STACK_TELLS: of struct wire_call_key */
	__s32 call;      /* system call number, or enum wire_pseudo_call */
	__u32 off;       /* enum wire_off */
	__u64 args[3];
	__u64 task;   /* current greenlet or task object; 0: not known */
	__u64 stop;   /* its stack_stop: frames from there on are another's; 0: not known */
	__u64 holder; /* call GIL: thread state that held it. WIRE_HOLDER: whose frames these are,
		       * or, of another lock, the tid of who gave it up: with its stack as it did.
		       * ASLEEP: its own, for the namer; 0: not known */
	__u32 owner;  /* futex that is a pthread mutex: its owner's tid; ours once it gives it up.
		       * WIRE_HOLDER, of the GIL or pending: its tid in its own pid namespace; 0: not
		       * known */
	__u32 waker_pid; /* slice: who woke it; 0: not seen */
	__u32 waker_tid;
	char waker_comm[WIRE_COMM];
	__u32 layout;
	__u16 n_kernel;
	__u16 n_python;
	__u32 pad;
	__u64 regs[WIRE_REGS]; /* of user space */
	struct wire_fd fd;
	__u64 kernel[WIRE_KERNEL];               /* innermost first */
	struct wire_pyframe python[WIRE_FRAMES]; /* innermost first */
	__u64 room[WIRE_ROOM]; /* the walker's own, never sent: the stack of a program is short */
};
#define WIRE_REG_SP     7
#define WIRE_REG_IP     16
#define WIRE_STACK_BASE __builtin_offsetof(struct wire_stack, python)

#define WIRE_TASK_TEXT 128 /* bytes of a name object: a str of up to 80 letters, or an int */

/* The task of asyncio that runs, read while it lives: its coroutine is that of a frame on the
 * stack. */
struct wire_task {
	__u64 task; /* 0: there is none, or it cannot be told */
	__u64 coro;
	__u64 name;   /* address of the object in text[]; 0: none */
	__u32 root;   /* which Python frame is that of coro */
	__u32 n_text; /* bytes of text */
	__u8 text[WIRE_TASK_TEXT];
};

/* WIRE_MEMORY: comes right before its stack record, known by serial and off_ns. Sent up to n. */
struct wire_memory {
	struct wire_head head;
	__u32 serial;
	__u32 n; /* bytes */
	__u64 off_ns;
	__u64 at; /* address of the first: the stack pointer */
	struct wire_task task;
	__u8 bytes[WIRE_MEMORY_MAX];
};
#define WIRE_MEMORY_BASE (sizeof(struct wire_memory) - WIRE_MEMORY_MAX)

#define WIRE_CHUNK 16 /* slots whose scratch is one map */

/* scratches[]: stacks and waits of one loop's turn. Read by user space while a slice lasts. Of the
 * two slices the one that is not the best is in progress, or takes a sample while none is. */
struct wire_scratch {
	__u32 best;    /* which of slice[] holds the longest finished one of the turn */
	__u32 sent;    /* slice[best] has been sent */
	__u64 best_ns; /* its length; 0: none yet */
	__u32 n_waits;
	__u32 n_rivals;
	__u32 n_sent; /* slices of this turn sent so far */
	__u32 pad;
	struct wire_wait waits[WIRE_WAITS]; /* the last one sums the rest */
	struct wire_rival rivals[WIRE_RIVALS];
	struct wire_stack slice[2];
	struct wire_stack holder;     /* of the lock, in the slice that lasts */
	struct wire_memory memory[2]; /* of each slice */
	struct wire_memory holder_memory;
};

#endif
