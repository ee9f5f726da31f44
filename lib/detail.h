/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * detail.h: the parts of a stall as the report keeps them: waits, samples,
 * culprits, tasks, and the finer parts of its ledger.
 */
#ifndef DETAIL_H
#define DETAIL_H

#include "blame.h"

/* Fills out's lists and ledger; all of it lives where tables_choose() said. 0 or -ENOMEM. */
int detail_fill(struct gw_report *report, const struct stall *stall, struct gw_stall *out);

#endif
