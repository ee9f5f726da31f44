/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h: the report's tables: each frame, stack, site and string once.
 *
 * Indexes are given in order of first use, so that equal runs give equal
 * reports. Private to collect.c and load/.
 */
#ifndef TABLES_H
#define TABLES_H

#include "blame.h"
#include "event.h"
#include "report.h"

int tables_new(struct report_memory **out);
void tables_free(struct report_memory *memory);

/* Where the next copies and bytes go: kept with the report, or only until the next choice. */
void tables_choose(struct report_memory *memory, bool kept);

const char *tables_string(struct gw_report *report,
			  const char *text);                         /* interned; NULL: no memory */
const char *tables_copy(struct gw_report *report, const char *text); /* of a text used once */
void *tables_bytes(struct gw_report *report, size_t size); /* zeroed; lives as long as the report */
size_t tables_used(const struct gw_report *report);        /* of all that tables_bytes() gave */
void *tables_add(struct report_vec *vec, size_t size);     /* a new zeroed item; NULL: no memory */

/* An equal one kept with the report; NULL: no memory. */
const struct gw_peer *tables_peer(struct gw_report *report, const struct gw_peer *peer);

/* By serial; in a report that is no session's, by what else tells loops apart. */
uint32_t tables_loop(const struct report_memory *memory, uint64_t key); /* GW_NONE */
int tables_put_loop(struct report_memory *memory, uint64_t key, uint32_t index);

/* Index, or -ENOMEM. */
int64_t tables_frame(struct gw_report *report, const struct event_frame *frame);
int64_t tables_stack(struct gw_report *report, const uint32_t *frames, uint32_t depth);
int64_t tables_site_of(struct gw_report *report, const char *fingerprint); /* may be new, empty */
int64_t tables_site(struct gw_report *report, const struct verdict *verdict);
void tables_sort_sites(struct gw_report *report); /* the most time first; stalls follow */
void tables_site_add(struct gw_report *report, uint32_t site, const struct gw_stall *stall);

#endif
