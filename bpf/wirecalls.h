/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wirecalls.h: the inventory of calls as it crosses from kernel to user.
 *
 * A part of wire.h, which includes it; its rules hold here too. A call is
 * counted under its key; the stack of its longest instance so far goes out as
 * a WIRE_SLICE with WIRE_STACK_TELLS, whose fields make the same key.
 */
#ifndef WIRECALLS_H
#define WIRECALLS_H

#define WIRE_CALL_KEYS 8192 /* kept at a time; what finds no place is counted in its loop */

struct wire_call_key {
	__u32 serial; /* of the loop */
	__s32 call;   /* system call number, or enum wire_pseudo_call */
	__u64 site;   /* hash of the kind of descriptor and the Python frames */
};

struct wire_call_sum {
	__u64 calls; /* sleeps, where calls that never sleep are not watched */
	__u64 total_ns;
	__u64 max_ns;
	__u64 told_ns; /* length of the one whose stack went out last; 0: none did */
};

/* calls[] lives in the kernel; WIRE_CALLS hands its rows on, as they stand. */
struct wire_call_row {
	struct wire_call_key key;
	struct wire_call_sum sum;
};

#endif
