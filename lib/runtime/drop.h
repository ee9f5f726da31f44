/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drop.h: how the namer becomes harmless.
 */
#ifndef DROP_H
#define DROP_H

#include <stdint.h>

#define DROP_KEPT 2

/* Keeps these descriptors, which get other numbers, and no right that is not needed; -1: none.
 * 0, or -errno: the process must end then. */
int drop_rights(int keep[DROP_KEPT], uint32_t parent);

#endif
