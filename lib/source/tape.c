// SPDX-License-Identifier: BSD-2-Clause
/*
 * tape.c: a run in a file: its records, and the names made, in order.
 *
 *	8 bytes  "GWTAPE1\n"
 *	records  as in wire.h, each padded to 8 bytes
 *
 * Written in the machine's byte order; a tape of another order or version is
 * refused. A tape is input from strangers: sizes are checked before use, and
 * what follows a damaged record is not read.
 */
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "greenwatch.h"

#define TAPE_MAGIC  "GWTAPE1\n"
#define RECORD_MAX  (64 * 1024)
#define POLL_BUDGET 4096

struct tape {
	FILE *file;
	int err;
};

struct reel {
	struct source source;
	struct source_sink sink;
	FILE *file;
	bool ended; /* WIRE_END was handed out */
	char record[RECORD_MAX] __attribute__((aligned(8)));
	char names[RECORD_MAX] __attribute__((aligned(8)));
};

int tape_create(struct tape **out, const char *path)
{
	struct tape *tape = calloc(1, sizeof(*tape));
	int err, fd;

	if (!tape)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		tape->file = fdopen(fd, "w");
	if (!tape->file) {
		err = -errno;
		free(tape);
		return err;
	}
	if (fwrite(TAPE_MAGIC, 8, 1, tape->file) != 1)
		tape->err = -EIO;
	*out = tape;
	return 0;
}

int tape_write(struct tape *tape, const struct wire_head *record)
{
	static const char zeros[8];
	size_t pad = -record->size & 7;

	if (tape->err)
		return tape->err;
	if (record->size > RECORD_MAX)
		tape->err = -EMSGSIZE;
	else if (fwrite(record, record->size, 1, tape->file) != 1 ||
		 fwrite(zeros, 1, pad, tape->file) != pad)
		tape->err = errno ? -errno : -EIO;
	return tape->err;
}

int tape_finish(struct tape *tape)
{
	int err;

	if (!tape)
		return 0;
	err = tape->err;
	if (fclose(tape->file) && !err)
		err = -errno;
	free(tape);
	return err;
}

static struct reel *reel_of(struct source *source)
{
	return (struct reel *)source;
}

/* One record into buffer: 1; 0 at the end; -EBADMSG. */
static int read_record(struct reel *reel, char *buffer)
{
	struct wire_head *head = (struct wire_head *)buffer;
	size_t n = fread(head, 1, sizeof(*head), reel->file), rest;

	if (n == 0)
		return 0;
	if (n != sizeof(*head) || head->size < sizeof(*head) || head->size > RECORD_MAX)
		return -EBADMSG;
	rest = ((head->size + 7) & ~7U) - sizeof(*head);
	if (rest && fread(buffer + sizeof(*head), rest, 1, reel->file) != 1)
		return -EBADMSG;
	return 1;
}

static int damaged(struct reel *reel)
{
	char line[96];

	snprintf(line, sizeof(line), "the tape is damaged at byte %ld", ftell(reel->file));
	reel->sink.log(reel->sink.ctx, GW_WARN, line);
	return -EBADMSG;
}

static int reel_poll(struct source *source, int timeout_ms)
{
	struct reel *reel = reel_of(source);
	int n = 1, err = 0;

	(void)timeout_ms;
	for (uint32_t i = 0; i < POLL_BUDGET && !reel->ended; i++) {
		n = read_record(reel, reel->record);
		if (n <= 0)
			break;
		reel->ended = ((struct wire_head *)reel->record)->kind == WIRE_END;
		err = reel->sink.take(reel->sink.ctx, (struct wire_head *)reel->record);
		if (err)
			return err;
	}
	if (n < 0)
		return damaged(reel);
	if (n == 0 && !reel->ended)
		reel->sink.log(reel->sink.ctx, GW_WARN, "the tape ends in the middle of a run");
	return reel->ended || n == 0;
}

/* The answer follows the question on the tape. */
static int reel_names(struct source *source, const struct wire_stack *stack,
		      const struct wire_names **out)
{
	struct reel *reel = reel_of(source);
	struct wire_names *names = (struct wire_names *)reel->names;

	(void)stack;
	if (read_record(reel, reel->names) <= 0 || names->head.kind != WIRE_NAMES ||
	    names->head.size < sizeof(*names))
		return damaged(reel);
	*out = names;
	return 0;
}

static int reel_fd(const struct source *source)
{
	return fileno(((const struct reel *)source)->file);
}

static int reel_nothing(struct source *source)
{
	(void)source;
	return 0;
}

static int reel_end(struct source *source, enum wire_ended why)
{
	(void)source;
	(void)why;
	return 0;
}

static int reel_describe(struct source *source, char *line, size_t size)
{
	(void)source;
	snprintf(line, size, "%s", "");
	return -ENOENT;
}

static void reel_close(struct source *source)
{
	struct reel *reel = reel_of(source);

	if (reel->file)
		fclose(reel->file);
	free(reel);
}

static const struct source_ops reel_ops = {
	.fd = reel_fd,
	.poll = reel_poll,
	.names = reel_names,
	.snapshot = reel_nothing,
	.calls = reel_nothing,
	.end = reel_end,
	.describe = reel_describe,
	.close = reel_close,
};

int tape_open(struct source **out, const char *path, const struct source_sink *sink)
{
	struct reel *reel = calloc(1, sizeof(*reel));
	char magic[8], line[512];
	int err;

	if (!reel)
		return -ENOMEM;
	reel->source.ops = &reel_ops;
	reel->sink = *sink;
	reel->file = fopen(path, "re");
	err = reel->file ? 0 : -errno;
	if (err)
		snprintf(line, sizeof(line), "cannot open tape %.400s: %s", path, strerror(-err));
	if (!err && (fread(magic, 8, 1, reel->file) != 1 || memcmp(magic, TAPE_MAGIC, 8))) {
		snprintf(line, sizeof(line), "%.400s is not a tape of greenwatch", path);
		err = -EBADMSG;
	}
	if (err) {
		sink->log(sink->ctx, GW_WARN, line);
		reel_close(&reel->source);
		return err;
	}
	*out = &reel->source;
	return 0;
}
