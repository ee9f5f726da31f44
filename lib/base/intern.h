/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intern.h: each string once, for the life of the session.
 *
 * Equal strings have equal addresses. Strings longer than 4,096 bytes are
 * cut. Nobody frees one alone.
 */
#ifndef INTERN_H
#define INTERN_H

#include <stddef.h>

struct intern;

int intern_new(struct intern **out);
const char *intern(struct intern *in, const char *text); /* NULL for NULL or no memory */
void intern_free(struct intern *in);

#endif
