/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refuse.h: why a kernel does not take the probes, in words.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include <stddef.h>

/* err: what step ("load", "attach") gave. Fills why; -ENOSYS: the kernel lacks something, -EPERM:
 * a right is missing, else err. */
int refuse(int err, const char *step, char *why, size_t size);

/* The verifier's last word before its statistics; cuts the log there. */
const char *refuse_last_line(char *log);

#endif
