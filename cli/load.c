// SPDX-License-Identifier: BSD-2-Clause
/*
 * load.c: see load.h. Wall time counts, whoever is to blame: a generator
 * without a CPU measures wrong as well.
 */
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "times.h"

#define PERIOD_NS TIME_SECOND /* who uses its loop is nobody's question here */

static void on_stall(void *ctx, const struct gw_stall *stall)
{
	load_stall(ctx, stall);
}

void load_stall(struct load *load, const struct gw_stall *stall)
{
	bool last = load->gw && gw_ended(load->gw) != GW_ENDED_NOT;

	if (stall->open && !last)
		return;
	load->stalls++;
	load->stalled_ns += stall->duration_ns;
	if (stall->duration_ns > load->longest_ns)
		load->longest_ns = stall->duration_ns;
}

void load_open(struct load *load, uint32_t pid, uint64_t threshold_ns)
{
	GW_OPTS(opts, .pids = &pid, .n_pids = 1, .threshold_ns = threshold_ns,
		.period_ns = PERIOD_NS, .stall = on_stall, .ctx = load);

	if (gw_open(&load->gw, &opts))
		load->gw = NULL;
}

int load_fd(const struct load *load)
{
	return load->gw ? gw_fd(load->gw) : -1;
}

void load_poll(struct load *load)
{
	if (load->gw)
		gw_poll(load->gw, 0);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool load_is_generator(const char *const *argv)
{
	static const char *const names[] = { "locust", "wrk",       "wrk2",       "ab",    "k6",
					     "hey",    "artillery", "autocannon", "h2load" };
	static const char *const before[] = { "python", "python3", "node", "-m" };

	for (size_t k = 0; k < 4 && argv[k]; k++) {
		const char *word = base_of(argv[k]);
		bool on = false;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strcmp(word, names[i]))
				return true;
		for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
			on |= !strcmp(word, before[i]);
		if (!on)
			return false;
	}
	return false;
}

void load_tell(struct load *load, const char *name, struct gw *to, char *line, size_t size)
{
	uint64_t took = time_now() - load->began_ns;
	char what[200], why[300], longest[32];

	line[0] = '\0';
	if (load->gw)
		gw_end(load->gw, GW_ENDED_CHILD);
	if (!load->stalls || !took)
		return;
	time_print(longest, sizeof(longest), load->longest_ns);
	snprintf(what, sizeof(what), "latencies measured by %.100s", base_of(name));
	snprintf(why, sizeof(why),
		 "the load generator itself stalled %llu time%s, for %.1f %% of the time, %s at "
		 "most",
		 (unsigned long long)load->stalls, load->stalls == 1 ? "" : "s",
		 (double)load->stalled_ns * 100 / (double)took, longest);
	gw_note(to, what, why, "give it a CPU of its own, or more processes with fewer users each");
	snprintf(line, size, "%s stalled %.1f %% of the time: the latencies it reports are wrong",
		 base_of(name), (double)load->stalled_ns * 100 / (double)took);
}

void load_close(struct load *load)
{
	gw_close(load->gw);
	load->gw = NULL;
}
