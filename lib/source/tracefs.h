/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracefs.h: tracepoint numbers and perf events, without libbpf and without a
 * mounted tracefs.
 */
#ifndef TRACEFS_H
#define TRACEFS_H

#include <stdint.h>

/* A tracefs of our own, in no namespace: its descriptor, or -errno. */
int tracefs_open(void);

/* Number of the tracepoint at the entry of a system call; -ENOENT: there is no such call. */
int tracefs_entry_id(int tracefs, const char *call);

/* A counting event of one thread (tid, cpu -1) or one CPU (tid -1); its descriptor or -errno. */
int perf_open(uint32_t type, uint64_t config, uint64_t period, int tid, int cpu);

#endif
