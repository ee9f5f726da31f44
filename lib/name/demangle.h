/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demangle.h: C++ and Rust names as their authors wrote them.
 *
 * Without parameters, which would fill the line, and without Rust's hash,
 * which changes with each build. Names of C, and what only looks mangled,
 * are left as they are.
 */
#ifndef DEMANGLE_H_GW
#define DEMANGLE_H_GW

#include <stddef.h>

void demangle(char *name, size_t size); /* in place */

#endif
