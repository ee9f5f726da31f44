/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drop.h: how the namer becomes harmless.
 */
#ifndef DROP_H
#define DROP_H

#include <stdint.h>

/* Keeps one descriptor, which may get another number, and no right that is not needed.
 * Returns the descriptor, or -errno: the process must end then. */
int drop_rights(int keep, uint32_t parent);

#endif
