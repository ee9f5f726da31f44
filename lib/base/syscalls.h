/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscalls.h: names of the x86-64 system calls.
 */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include <stddef.h>

const char *syscall_name(int nr); /* "clock_nanosleep"; NULL: no such call */

#endif
