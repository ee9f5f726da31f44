/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pypath.h: where a Python file belongs: application, package, library.
 */
#ifndef PYPATH_H
#define PYPATH_H

#include <stdbool.h>

struct pypath {
	const char *file; /* points into the path */
	char module[64];  /* package of an installed file; "" else */
	bool app;         /* the application's own */
};

/* cwd: the root of the application's code, "" if not known. */
void pypath_place(const char *path, const char *cwd, struct pypath *out);

#endif
