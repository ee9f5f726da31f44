/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * argv.h: a command line without its values.
 */
#ifndef ARGV_H
#define ARGV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Keeps argv[0], the script of an interpreter and the names of options;
 * every value becomes "*". in: arguments with their NULs, as in
 * /proc/PID/cmdline. Returns how many arguments fit into out.
 */
uint32_t argv_redact(const char *in, size_t len, char *out, size_t size);

/* Is it called so? By the file name of argv[0], or of the script or by the module that an
 * interpreter runs. */
bool argv_is(const char *in, size_t len, const char *name);

#endif
