/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpreters.h: the CPythons that are installed here and supported.
 */
#ifndef INTERPRETERS_H
#define INTERPRETERS_H

#include <glob.h>
#include <stdio.h>

struct interpreter {
	char path[256];
};

/* more: a further pattern; NULL: none. */
static inline size_t interpreters(struct interpreter *list, size_t most, const char *more)
{
	const char *patterns[] = { "/usr/bin/python3", "~/.pyenv/versions/3.[7-9]*/bin/python",
				   "~/.pyenv/versions/3.1*/bin/python", "/opt/python*/bin/python3",
				   more ? more : "" };
	size_t n = 0;

	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		glob_t found;

		if (glob(patterns[p], GLOB_TILDE, NULL, &found))
			continue;
		for (size_t i = 0; i < found.gl_pathc && n < most; i++)
			snprintf(list[n++].path, sizeof(list[0].path), "%s", found.gl_pathv[i]);
		globfree(&found);
	}
	return n;
}

#endif
