/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pylines.h: line of an instruction from the tables of a code object.
 *
 * offset: in bytes of bytecode; negative before the first instruction. All
 * return 0 where the table says that there is no line.
 */
#ifndef PYLINES_H
#define PYLINES_H

#include <stddef.h>
#include <stdint.h>

uint32_t pylines_lnotab(const uint8_t *table, size_t n, int64_t offset, uint32_t first);
uint32_t pylines_linetable(const uint8_t *table, size_t n, int64_t offset, uint32_t first);
uint32_t pylines_locations(const uint8_t *table, size_t n, int64_t offset, uint32_t first);

/* By the version: -3.9, 3.10, 3.11-. */
uint32_t pylines_find(uint32_t minor, const uint8_t *table, size_t n, int64_t offset,
		      uint32_t first);

#endif
