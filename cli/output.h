/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h: an -o file that appears whole or not at all.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "greenwatch.h"

struct output {
	char *path;       /* as asked for */
	char *temp;       /* written under this name first */
	const char *name; /* last component of path */
	int dir;          /* the directory both lie in; -1: none */
	bool no_clobber;
	FILE *to;
};

/* Format by extension, json for "-". 0, or -EINVAL with the reason in error. */
int output_format(const char *path, struct gw_format *out, char *error, size_t size);
int output_named(const char *name, struct gw_format *out); /* 0; -EINVAL: there is none */

/* 0, or -errno with the reason in error. out->to is then open and nothing is replaced yet. */
int output_open(struct output *out, const char *path, bool no_clobber, char *error, size_t size);
int output_commit(struct output *out, char *error, size_t size); /* closes it either way */
void output_discard(struct output *out);                         /* after open or commit, too */

#endif
