// SPDX-License-Identifier: BSD-2-Clause
/*
 * demangle.c: the one door to libiberty, which bounds its own recursion.
 *
 * A symbol of a stranger's file can demangle to something huge: longer input
 * than any compiler's is not tried, and the result is cut.
 */
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "name/demangle.h"

#define HASH "::h" /* and 16 hexadecimal digits */

static void cut_hash(char *name)
{
	size_t len = strlen(name), tail = sizeof(HASH) - 1 + 16;

	if (len > tail && strncmp(name + len - tail, HASH, sizeof(HASH) - 1) == 0 &&
	    strspn(name + len - 16, "0123456789abcdef") == 16)
		name[len - tail] = '\0';
}

void demangle(char *name, size_t size)
{
	char *plain;

	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R'))
		return;
	plain = rust_demangle(name, 0);
	if (!plain && name[1] == 'Z')
		plain = cplus_demangle_v3(name, DMGL_NO_OPTS);
	if (plain)
		snprintf(name, size, "%s", plain);
	free(plain);
	cut_hash(name);
}
