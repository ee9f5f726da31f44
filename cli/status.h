/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.h: the talk on stderr: messages, and one live line below them.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "greenwatch.h"
#include "opts.h"

struct status {
	bool live; /* stderr is a terminal that can be redrawn */
	bool quiet;
	bool drawn; /* the line stands there now */
	bool utf8;
	unsigned verbose;
	uint64_t last_ns; /* when it was told last */
};

void status_open(struct status *status, const struct options *options);
void status_clear(struct status *status); /* before anything else is printed */
void status_show(struct status *status, const struct gw_now *now);

/* A line of talk; "greenwatch: " goes before it unless it is indented. */
void status_say(struct status *status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The library's log. */
void status_log(struct status *status, enum gw_level level, const char *line);

/* Facts about the terminal. */
bool terminal_utf8(void);
bool terminal_color(FILE *to, enum opt_color when);
uint32_t terminal_width(FILE *to);

#endif
