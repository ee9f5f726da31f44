/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pools.h: thread pools beside the loops: how long they were full, and how
 * long work waited to start.
 *
 * A pool is looked at now and then, so each begin and each end lies between
 * two looks: it is taken to be half way, and how far off that may be is kept.
 * Work that came and started between two looks was not seen waiting. Of a
 * queue its first items are known by identity; the rest by their number,
 * for what came first starts first.
 */
#ifndef POOLS_H
#define POOLS_H

#include "event.h"
#include "report.h"

struct pools;

int pools_new(struct pools **out);
void pools_free(struct pools *pools);

/* 0 or -ENOMEM. What makes no sense is left out. Of more than 256 pools those that
 * are over and made work wait least are dropped, with a note. */
int pools_take(struct pools *pools, struct gw_report *report, const struct event_pool *event);

/* The warm-up is over: every sum begins anew; work that waits already is left out of them. */
void pools_warmup(struct pools *pools, uint64_t now_ns);

/* Fills report->pools, as of now_ns; may be called again later. 0 or -ENOMEM. */
int pools_collect(const struct pools *pools, struct gw_report *report, uint64_t now_ns);

#endif
