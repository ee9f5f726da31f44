/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pyversion.h: which CPython a process runs.
 */
#ifndef PYVERSION_H
#define PYVERSION_H

#include <stdbool.h>
#include <stdint.h>
#include "name/elf.h"
#include "name/memory.h"
#include "runtime/pyoffsets.h"

struct pyversion {
	uint32_t major, minor, micro;
	bool debug; /* words hold its debug offsets */
	uint64_t words[PYOFFSETS_WORDS];
};

/* By the debug offsets, by Py_Version, or by the text that Py_GetVersion() returns. 0 or
 * -errno. */
int pyversion_find(struct memory *mem, struct elf *elf, uint64_t bias, uint64_t runtime,
		   struct pyversion *out);

/* "3.9.18 (main, ...": 0 and the three numbers, or -ENOENT. */
int pyversion_parse(const char *text, size_t len, struct pyversion *out);

#endif
