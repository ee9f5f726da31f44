// SPDX-License-Identifier: BSD-2-Clause
/*
 * output.c: an -o file that appears whole or not at all.
 *
 * Opened before the watching begins, so that an unwritable directory costs
 * nobody an hour of measuring. Written under a temporary name in the same
 * directory, then fsync and rename. A symbolic link, another user's file or
 * anything that is no regular file is never replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "greenwatch.h"
#include "invoker.h"
#include "output.h"
#include "signals.h"

#define TRIES 100 /* temporary names that may be taken */

static int fail(char *error, size_t size, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int fail(char *error, size_t size, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return err;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && !strcmp(text + n - m, end);
}

int output_named(const char *name, struct gw_format *out)
{
	for (size_t i = 0; !gw_format_at(i, out); i++) {
		if (!strcmp(out->name, name))
			return 0;
	}
	return -EINVAL;
}

/* ".json, .html, ..." */
static void list_extensions(char *text, size_t size)
{
	struct gw_format format;
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; !gw_format_at(i, &format) && at < size; i++) {
		if (format.extension)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? " " : "",
					       format.extension);
	}
}

/* The longest extension counts: .speedscope.json is no .json. */
int output_format(const char *path, struct gw_format *out, char *error, size_t size)
{
	char safe[600], list[200];
	struct gw_format format;
	size_t best = 0;

	if (!strcmp(path, "-"))
		return output_named("json", out);
	for (size_t i = 0; !gw_format_at(i, &format); i++) {
		if (!format.extension || !ends_with(path, format.extension) ||
		    strlen(format.extension) <= best)
			continue;
		best = strlen(format.extension);
		*out = format;
	}
	if (best)
		return 0;
	gw_escape(safe, sizeof(safe), path);
	list_extensions(list, sizeof(list));
	return fail(error, size, -EINVAL, "-o \"%s\": the name must end in one of %s, or add -f",
		    safe, list);
}

/* Ours, or of the user who called sudo. */
static bool is_own(uid_t uid)
{
	struct invoker invoker;
	char why[300];

	if (uid == geteuid())
		return true;
	return !invoker_find(&invoker, why, sizeof(why)) && invoker.set && invoker.uid == uid;
}

static int give(int fd)
{
	struct invoker invoker;
	char why[300];

	if (invoker_find(&invoker, why, sizeof(why)) || !invoker.set)
		return 0;
	return fchown(fd, invoker.uid, invoker.gid);
}

/* What lies there now may be replaced? mode: that of the file to come. */
static int check_old(struct output *out, mode_t *mode, char *error, size_t size)
{
	struct stat st;
	char safe[600];

	gw_escape(safe, sizeof(safe), out->path);
	*mode = 0600;
	if (fstatat(out->dir, out->name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return 0;
		return fail(error, size, -errno, "%s: %s", safe, strerror(errno));
	}
	if (S_ISLNK(st.st_mode))
		return fail(error, size, -ELOOP, "%s: is a symbolic link, not replaced", safe);
	if (S_ISDIR(st.st_mode))
		return fail(error, size, -EISDIR, "%s: is a directory", safe);
	if (!S_ISREG(st.st_mode))
		return fail(error, size, -EINVAL, "%s: is no regular file, not replaced", safe);
	if (!is_own(st.st_uid))
		return fail(error, size, -EPERM,
			    "%s: belongs to another user (uid %u), not replaced", safe,
			    (unsigned)st.st_uid);
	if (out->no_clobber)
		return fail(error, size, -EEXIST, "%s: exists already (--no-clobber)", safe);
	*mode = st.st_mode & 0777;
	return 0;
}

static int open_directory(struct output *out, char *error, size_t size)
{
	char *slash = strrchr(out->path, '/'), safe[600];
	char *dir = slash ? strndup(out->path, slash == out->path ? 1 : (size_t)(slash - out->path))
			  : strdup(".");
	int err = 0;

	if (!dir)
		return fail(error, size, -ENOMEM, "out of memory");
	out->name = slash ? slash + 1 : out->path;
	gw_escape(safe, sizeof(safe), dir);
	out->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->dir < 0)
		err = fail(error, size, -errno, "directory %s: %s", safe, strerror(errno));
	else if (!*out->name)
		err = fail(error, size, -EISDIR, "%s/: is a directory", safe);
	free(dir);
	return err;
}

/* The temporary file, beside the one to be replaced. */
static int open_temp(struct output *out, mode_t mode, char *error, size_t size)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	size_t room = strlen(out->path) + 40, head = (size_t)(out->name - out->path);
	char safe[600];
	int fd = -1;

	out->temp = malloc(room);
	if (!out->temp)
		return fail(error, size, -ENOMEM, "out of memory");
	for (int i = 0; i < TRIES && fd < 0; i++) {
		snprintf(out->temp, room, "%.*s.%s.%d-%d", (int)head, out->path, out->name,
			 (int)getpid(), i);
		fd = openat(out->dir, out->temp + head, flags, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	gw_escape(safe, sizeof(safe), out->path);
	if (fd < 0) {
		int err = -errno;

		free(out->temp); /* not ours to remove */
		out->temp = NULL;
		return fail(error, size, err, "%s: cannot write there: %s", safe, strerror(-err));
	}
	signals_leftover(out->temp, true);
	out->to = fchmod(fd, mode) || give(fd) ? NULL : fdopen(fd, "w");
	if (!out->to) {
		int err = -errno;

		close(fd);
		return fail(error, size, err, "%s: %s", safe, strerror(-err));
	}
	return 0;
}

int output_open(struct output *out, const char *path, bool no_clobber, char *error, size_t size)
{
	mode_t mode = 0600;
	int err;

	*out = (struct output){ .path = strdup(path), .dir = -1, .no_clobber = no_clobber };
	if (!out->path)
		return fail(error, size, -ENOMEM, "out of memory");
	err = open_directory(out, error, size);
	if (!err)
		err = check_old(out, &mode, error, size);
	if (!err)
		err = open_temp(out, mode, error, size);
	if (err)
		output_discard(out);
	return err;
}

static int finish_file(struct output *out)
{
	int err = 0;

	if (fflush(out->to) || ferror(out->to) || fsync(fileno(out->to)))
		err = errno ? -errno : -EIO;
	if (fclose(out->to) && !err)
		err = -errno;
	out->to = NULL;
	return err;
}

/* link does not replace, rename does. */
static int move(struct output *out)
{
	const char *temp = out->temp + (out->name - out->path);

	if (!out->no_clobber)
		return renameat(out->dir, temp, out->dir, out->name) ? -errno : 0;
	if (linkat(out->dir, temp, out->dir, out->name, 0))
		return -errno;
	unlinkat(out->dir, temp, 0);
	return 0;
}

int output_commit(struct output *out, char *error, size_t size)
{
	mode_t mode;
	char safe[600];
	int err = finish_file(out);

	gw_escape(safe, sizeof(safe), out->path);
	if (err)
		fail(error, size, err, "%s: %s", safe, strerror(-err));
	else
		err = check_old(out, &mode, error, size);
	if (!err) {
		err = move(out);
		if (err)
			fail(error, size, err, "%s: %s", safe, strerror(-err));
	}
	if (!err) {
		signals_leftover(out->temp, false);
		fsync(out->dir);
		free(out->temp);
		out->temp = NULL;
	}
	output_discard(out);
	return err;
}

void output_discard(struct output *out)
{
	if (out->to)
		fclose(out->to);
	if (out->temp) {
		unlinkat(out->dir, out->temp + (out->name - out->path), 0);
		signals_leftover(out->temp, false);
	}
	if (out->path && out->dir >= 0)
		close(out->dir);
	free(out->temp);
	free(out->path);
	*out = (struct output){ .dir = -1 };
}
