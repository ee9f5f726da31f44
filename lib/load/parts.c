// SPDX-License-Identifier: BSD-2-Clause
/*
 * parts.c: what stalls, sites and loops have in common: ledgers, peers,
 * advice, histograms, and references by name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "load/load.h"

struct gw_ledger load_no_ledger(void)
{
	return (struct gw_ledger){ .user_ns = GW_UNKNOWN_NS,
				   .kernel_ns = GW_UNKNOWN_NS,
				   .gc_ns = GW_UNKNOWN_NS,
				   .gil_ns = GW_UNKNOWN_NS,
				   .lock_ns = GW_UNKNOWN_NS,
				   .pagefault_ns = GW_UNKNOWN_NS };
}

struct ledger_read {
	struct gw_ledger ledger;
	uint64_t idle_ns;
};

void load_ledger(struct load *load, struct gw_ledger *ledger, uint64_t *idle_ns)
{
#define PART(name)                                                                                 \
	{                                                                                          \
#name, LOAD_NUMBER, offsetof(struct ledger_read, ledger.name), NULL                \
	}
	static const struct load_key keys[] = {
		{ "idle_ns", LOAD_NUMBER, offsetof(struct ledger_read, idle_ns), NULL },
		PART(oncpu_ns),
		PART(blocked_ns),
		PART(runqueue_ns),
		PART(throttled_ns),
		PART(stopped_ns),
		PART(unaccounted_ns),
		PART(user_ns),
		PART(kernel_ns),
		PART(gc_ns),
		PART(gil_ns),
		PART(lock_ns),
		PART(pagefault_ns),
		{ NULL, LOAD_PART, 0, NULL },
	};
#undef PART
	struct ledger_read read = { .ledger = *ledger };

	load_object(load, keys, &read);
	*ledger = read.ledger;
	if (idle_ns)
		*idle_ns = read.idle_ns;
}

static void peer_fd(struct load *load, void *fd)
{
	uint64_t value = text_number(&load->in);

	*(int32_t *)fd = value <= INT32_MAX ? (int32_t)value : -1;
}

void load_peer(struct load *load, const struct gw_peer **peer)
{
	static const struct load_key keys[] = {
		{ "fd", LOAD_PART, offsetof(struct gw_peer, fd), peer_fd },
		{ "kind", LOAD_TEXT, offsetof(struct gw_peer, kind), NULL },
		{ "path", LOAD_TEXT, offsetof(struct gw_peer, path), NULL },
		{ "local", LOAD_TEXT, offsetof(struct gw_peer, local), NULL },
		{ "remote", LOAD_TEXT, offsetof(struct gw_peer, remote), NULL },
		{ "fstype", LOAD_TEXT, offsetof(struct gw_peer, fstype), NULL },
		{ "blocking_mode", LOAD_FLAG, offsetof(struct gw_peer, blocking_mode), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_peer read = { .fd = -1 };

	load_object(load, keys, &read);
	if (!read.kind)
		read.kind = load_intern(load, "other");
	if (!load->in.err)
		*peer = tables_peer(load->report, &read);
}

static void confidence(struct load *load, void *out)
{
	static const char *const words[] = { "low", "medium", "high" };
	int i = load_word(load, words, 3);

	*(enum gw_confidence *)out = i < 0 ? GW_CONFIDENCE_LOW : (enum gw_confidence)i;
}

/* Of several the first: the others are of a newer version. */
void load_advice(struct load *load, struct gw_advice *advice)
{
	static const struct load_key keys[] = {
		{ "rule", LOAD_TEXT, offsetof(struct gw_advice, rule), NULL },
		{ "title", LOAD_TEXT, offsetof(struct gw_advice, title), NULL },
		{ "fix", LOAD_TEXT, offsetof(struct gw_advice, fix), NULL },
		{ "confidence", LOAD_PART, offsetof(struct gw_advice, confidence), confidence },
		{ NULL, LOAD_PART, 0, NULL },
	};
	bool first = true;

	if (!text_array(&load->in))
		return;
	for (; text_more(&load->in); first = false) {
		if (first)
			load_object(load, keys, advice);
		else
			text_skip(&load->in);
	}
	if (!advice->title)
		advice->title = load_intern(load, "");
	if (!advice->fix)
		advice->fix = load_intern(load, "");
}

struct histogram {
	uint64_t bounds[64], counts[65], sum_ns;
	uint32_t n_bounds, n_counts;
};

static void numbers(struct load *load, uint64_t *out, uint32_t most, uint32_t *n)
{
	*n = 0;
	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		uint64_t value = text_number(&load->in);

		if (*n < most)
			out[(*n)++] = value;
		else
			text_fail(&load->in, -EBADMSG, "too many numbers");
	}
}

static void bounds_of(struct load *load, void *object)
{
	struct histogram *h = object;

	numbers(load, h->bounds, 64, &h->n_bounds);
}

static void counts_of(struct load *load, void *object)
{
	struct histogram *h = object;

	numbers(load, h->counts, 65, &h->n_counts);
}

/* Other bounds than ours: a count goes to the bucket in which its own upper end lies. */
void load_histogram(struct load *load, uint64_t counts[HIST_BOUNDS + 1], uint64_t *sum_ns)
{
	static const struct load_key keys[] = {
		{ "bounds_ns", LOAD_PART, 0, bounds_of },
		{ "counts", LOAD_PART, 0, counts_of },
		{ "sum_ns", LOAD_NUMBER, offsetof(struct histogram, sum_ns), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct histogram h = { 0 };

	load_object(load, keys, &h);
	if (load->in.err)
		return;
	if (h.n_counts != h.n_bounds + 1 && h.n_counts)
		text_fail(&load->in, -EBADMSG, "a histogram has one count more than bounds");
	*sum_ns = h.sum_ns;
	memset(counts, 0, (HIST_BOUNDS + 1) * sizeof(*counts));
	for (uint32_t i = 0; i < h.n_counts; i++) {
		uint32_t at = 0;

		while (at < HIST_BOUNDS && (i >= h.n_bounds || h.bounds[i] > hist_bounds_ns[at]))
			at++;
		counts[at] += h.counts[i];
	}
}

/* "4242/4243" */
static bool parse_id(const char *text, uint32_t *pid, uint32_t *tid)
{
	char *end;
	unsigned long p, t;

	if (*text < '0' || *text > '9')
		return false;
	p = strtoul(text, &end, 10);
	if (*end != '/' || end[1] < '0' || end[1] > '9')
		return false;
	t = strtoul(end + 1, &end, 10);
	*pid = (uint32_t)p;
	*tid = (uint32_t)t;
	return !*end && p <= INT32_MAX && t <= INT32_MAX;
}

uint32_t load_loop_id(struct load *load, uint32_t *pid, uint32_t *tid)
{
	struct gw_report *report = load->report;
	struct report_loop *loop;
	uint32_t index;
	uint64_t key;

	*pid = *tid = 0;
	if (!parse_id(text_string(&load->in), pid, tid)) {
		text_fail(&load->in, -EBADMSG, "must be \"PID/TID\"");
		return GW_NONE;
	}
	key = (uint64_t)*pid << 32 | *tid;
	index = tables_loop(report->memory, key);
	if (index != GW_NONE)
		return index;
	loop = load_row(load, &report->loops, sizeof(*loop), LOAD_LOOPS, "loops");
	if (!loop)
		return GW_NONE;
	loop->pid = *pid;
	loop->tid = *tid;
	loop->runtime = load_intern(load, "native");
	if (tables_put_loop(report->memory, key, report->loops.count - 1))
		text_fail(&load->in, -ENOMEM, "out of memory");
	return report->loops.count - 1;
}

static bool is_fingerprint(const char *text)
{
	return !strncmp(text, "gw", 2) && strlen(text) == 20 && strchr(text, '-') == text + 3 &&
	       strspn(text + 4, "0123456789abcdef") == 16;
}

uint32_t load_site_id(struct load *load)
{
	const char *fingerprint = text_string(&load->in);
	int64_t index;

	if (!*fingerprint || load->in.err)
		return GW_NONE;
	if (!is_fingerprint(fingerprint)) {
		text_fail(&load->in, -EBADMSG, "must be gw1- and 16 hex digits");
		return GW_NONE;
	}
	if (load->report->sites.count >= LOAD_SITES) {
		text_fail(&load->in, -EFBIG, "more than 65536 sites");
		return GW_NONE;
	}
	index = tables_site_of(load->report, fingerprint);
	if (index < 0)
		text_fail(&load->in, -ENOMEM, "out of memory");
	return index < 0 ? GW_NONE : (uint32_t)index;
}
