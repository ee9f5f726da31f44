// SPDX-License-Identifier: BSD-2-Clause
/*
 * pypath.c: the shortest path that still tells where a file belongs.
 *
 * Installed packages come first: a virtual environment often lies below the
 * directory of the application, and is not part of it.
 */
#include <string.h>
#include "runtime/pypath.h"

/* What follows the last occurrence of a directory; NULL if it does not occur. */
static const char *after(const char *path, const char *directory)
{
	const char *found = NULL, *at = path;

	while ((at = strstr(at, directory))) {
		at += strlen(directory);
		found = at;
	}
	return found;
}

/* .../lib/python3.N/rest, or lib64. */
static const char *after_stdlib(const char *path)
{
	const char *at = path;

	while ((at = strstr(at, "/python3"))) {
		const char *rest;

		if ((at - path < 4 || memcmp(at - 4, "/lib", 4)) &&
		    (at - path < 6 || memcmp(at - 6, "/lib64", 6))) {
			at++;
			continue;
		}
		rest = at + strlen("/python3");
		rest += strspn(rest, ".0123456789t");
		if (*rest == '/')
			return rest + 1;
		at++;
	}
	return NULL;
}

static const char *below(const char *path, const char *cwd)
{
	size_t len = strlen(cwd);

	while (len && cwd[len - 1] == '/')
		len--;
	if (!len || strncmp(path, cwd, len) || path[len] != '/')
		return NULL;
	return path + len + 1;
}

static void first_component(const char *file, char *out, size_t size)
{
	size_t len = strcspn(file, "/");

	if (len > 3 && memcmp(file + len - 3, ".py", 3) == 0)
		len -= 3;
	if (len > size - 1)
		len = size - 1;
	memcpy(out, file, len);
	out[len] = '\0';
}

void pypath_place(const char *path, const char *cwd, struct pypath *out)
{
	const char *file;

	*out = (struct pypath){ .file = path };
	if (path[0] == '<')
		return;
	file = after(path, "/site-packages/");
	if (!file)
		file = after(path, "/dist-packages/");
	if (file && *file) {
		out->file = file;
		first_component(file, out->module, sizeof(out->module));
		return;
	}
	file = after_stdlib(path);
	if (file && *file) {
		out->file = file;
		return;
	}
	out->app = true;
	file = below(path, cwd);
	if (file && *file)
		out->file = file;
	else if (path[0] == '.' && path[1] == '/' && path[2])
		out->file = path + 2;
}
