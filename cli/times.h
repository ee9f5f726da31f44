/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * times.h: times and numbers as people type and read them.
 */
#ifndef TIMES_H
#define TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_SECOND 1000000000ULL
#define TIME_HOUR   (3600 * TIME_SECOND)

/* "30", "1.5s", "100ms", "5m". NULL, or what is wrong with it. */
const char *time_parse(const char *text, bool needs_unit, uint64_t *ns);
const char *number_parse(const char *text, uint64_t *out);
void time_print(char *out, size_t size, uint64_t ns); /* "612 ms", "12.3 s" */
uint64_t time_now(void);                              /* CLOCK_MONOTONIC, ns */

#endif
