// SPDX-License-Identifier: BSD-2-Clause
/*
 * warmup.c: see warmup.h.
 *
 * The longest turn is no sum: the source has the kernel side begin it anew.
 * Only a turn that began in the warm-up and ended after it is in there still;
 * then the histogram tells the longest of the others.
 */
#include "warmup.h"

#include <errno.h>
#include "base/hist.h"
#include "tables.h"

static uint64_t less(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static int remember(struct gw_report *report, struct report_loop *loop)
{
	struct report_warm *warm = tables_bytes(report, sizeof(*warm));

	if (!warm)
		return -ENOMEM;
	*warm = (struct report_warm){ .since_ns = loop->until_ns,
				      .turns = loop->turns,
				      .idle_ns = loop->idle_ns,
				      .lag_sum_ns = loop->lag_sum_ns,
				      .delay_sum_ns = loop->delay_sum_ns,
				      .folded_calls = loop->folded_calls,
				      .folded_ns = loop->folded_ns,
				      .time = loop->time };
	memcpy(warm->lag, loop->lag, sizeof(warm->lag));
	memcpy(warm->delay, loop->delay, sizeof(warm->delay));
	loop->warm = warm;
	loop->lag_max_ns = 0;
	loop->delay_max_ns = 0;
	warmup_take_off(loop);
	loop->time.user_ns = GW_UNKNOWN_NS; /* until they are told anew */
	loop->time.kernel_ns = GW_UNKNOWN_NS;
	return 0;
}

int warmup_take(struct gw_report *report, const struct wire_warmup *record)
{
	int err = 0;

	if (!record->head.flags) {
		report->warming = true;
		report->warmup_ns = record->limit_ns;
		return 0;
	}
	if (!report->warming)
		return 0;
	report->warming = false;
	report->warmup_ns = less(record->head.now_ns, report->start_ns);
	tables_choose(report->memory, true);
	report_each (report, loops, struct report_loop, loop)
		err = err ? err : remember(report, loop);
	return err;
}

void warmup_never_over(struct gw_report *report)
{
	if (!report->warming)
		return;
	report->warming = false;
	report->warmup_ns = report->duration_ns;
	tables_choose(report->memory, true);
	report_each (report, loops, struct report_loop, loop)
		remember(report, loop);
}

bool warmup_has(const struct gw_report *report, uint64_t began_ns)
{
	return report->warming ||
	       (report->warmup_ns && began_ns < report->start_ns + report->warmup_ns);
}

static void ledger_less(struct gw_ledger *from, const struct gw_ledger *part)
{
	from->oncpu_ns = less(from->oncpu_ns, part->oncpu_ns);
	from->blocked_ns = less(from->blocked_ns, part->blocked_ns);
	from->runqueue_ns = less(from->runqueue_ns, part->runqueue_ns);
	from->throttled_ns = less(from->throttled_ns, part->throttled_ns);
	from->stopped_ns = less(from->stopped_ns, part->stopped_ns);
	from->unaccounted_ns = less(from->unaccounted_ns, part->unaccounted_ns);
}

static uint64_t longest(const uint64_t *buckets, uint64_t most_ns)
{
	uint32_t i = HIST_BUCKETS;

	while (i-- > 0)
		if (buckets[i])
			return hist_ceiling(i) < most_ns ? hist_ceiling(i) : most_ns;
	return 0;
}

void warmup_take_off(struct report_loop *loop)
{
	const struct report_warm *warm = loop->warm;

	loop->since_ns = warm->since_ns;
	loop->turns = less(loop->turns, warm->turns);
	loop->idle_ns = less(loop->idle_ns, warm->idle_ns);
	loop->lag_sum_ns = less(loop->lag_sum_ns, warm->lag_sum_ns);
	loop->delay_sum_ns = less(loop->delay_sum_ns, warm->delay_sum_ns);
	loop->folded_calls = less(loop->folded_calls, warm->folded_calls);
	loop->folded_ns = less(loop->folded_ns, warm->folded_ns);
	ledger_less(&loop->time, &warm->time);
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		loop->lag[i] = less(loop->lag[i], warm->lag[i]);
		loop->delay[i] = less(loop->delay[i], warm->delay[i]);
	}
	if (warm->straddled_ns && loop->lag_max_ns <= warm->straddled_ns)
		loop->lag_max_ns = longest(loop->lag, loop->lag_max_ns);
}

void warmup_stall(const struct gw_report *report, struct report_loop *loop,
		  struct report_site *site, const struct gw_stall *stall)
{
	struct report_warm *warm = loop->warm;

	site->warmups++;
	/* one that is open is in no sum of turns */
	if (!warm || stall->open || report->warming)
		return;
	warm->turns++;
	warm->lag_sum_ns += stall->duration_ns;
	warm->lag[hist_bucket(stall->duration_ns)]++;
	if (stall->duration_ns > warm->straddled_ns)
		warm->straddled_ns = stall->duration_ns;
}
