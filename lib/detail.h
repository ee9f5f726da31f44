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

/* Fills user_ns and kernel_ns of a ledger out of a ratio; both 0: not known. */
void detail_share(struct gw_ledger *ledger, uint64_t user_ns, uint64_t kernel_ns);

#endif
