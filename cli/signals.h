/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals.h: signals as something to read, and the way out in a hurry.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>

int signals_open(void);   /* descriptor to poll, or -errno */
int signals_next(int fd); /* a signal that came, 0: none */
/* The same; terminal: by a key, so that every process in the foreground has got it. */
int signals_take(int fd, bool *terminal);
void signals_leave_on_int(void); /* from now on INT ends the process at once, with 130 */
void signals_leftover(const char *path, bool add); /* removed on that way out; path is kept */

#endif
