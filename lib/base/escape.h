/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape.h: foreign text made safe to print; see gw_escape() for users.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#define ESCAPE_NAME     256 /* characters of a name */
#define ESCAPE_SENTENCE 1024
#define ESCAPE_SIZE(n)  ((n)*8 + 4) /* bytes that n characters and the NUL always fit into */

/* At most chars characters of text; "..." in place of the rest. Bytes written, NUL left out. */
size_t escape(char *out, size_t size, const char *text, size_t chars);

#endif
