/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello.h: the record that begins a run.
 */
#ifndef HELLO_H
#define HELLO_H

#include "record.h"

/* gate: "" where no turn is seen. */
void hello_make(struct wire_hello *out, uint64_t late_ns, uint64_t period_ns, const char *gate);

#endif
