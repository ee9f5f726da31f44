// SPDX-License-Identifier: BSD-2-Clause
/*
 * page.c: writes reports made by hand as HTML, for the browser to look at.
 *
 *	page KIND > FILE     KIND: usual healthy lost many hostile empty
 *
 * Nothing is random: the same pages each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/sample.h"

#define LOOPS  4
#define SITES  12
#define FRAMES 64
#define MANY   10000
#define MS     SAMPLE_MS
#define EVIL                                                                                       \
	"</script><img src=x "                                                                     \
	"onerror=alert(1)>\"'&\x1b[31m\xe2\x80\xae\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"

static const enum gw_cause causes[] = { GW_CAUSE_SYSCALL,  GW_CAUSE_CPU, GW_CAUSE_SYSCALL,
					GW_CAUSE_RUNQUEUE, GW_CAUSE_GIL, GW_CAUSE_LOCK,
					GW_CAUSE_CROWD,    GW_CAUSE_GC,  GW_CAUSE_PAGEFAULT,
					GW_CAUSE_CPU,      GW_CAUSE_CPU, GW_CAUSE_STOPPED };
static const char *const functions[] = { "get_user",    "render_cart", "write_audit_log",
					 "charge_card", "load_price",  "export_csv",
					 "fan_out",     "reindex",     "open_map",
					 "to_json",     "parse_query", "hash_password" };

struct made {
	struct sample sample;
	struct report_target targets[LOOPS];
	struct report_loop loops[LOOPS];
	struct gw_frame frames[FRAMES];
	uint32_t indexes[SITES * 4 * 24];
	struct report_stack stacks[SITES * 4];
	struct report_site sites[SITES];
	uint64_t lengths[SITES][4];
	struct gw_stall stalls[MANY];
	struct gw_wait waits[SITES];
	struct gw_sample samples[MANY][3];
	struct gw_culprit culprit;
	struct gw_task tasks[SITES];
	struct gw_peer peer;
	struct report_call calls[SITES];
	struct report_task users[SITES];
	struct report_audit audit;
	struct report_patch patches[3];
	struct report_note notes[2];
	char why[MANY][64];
};

static uint64_t state = 88172645463325252ULL;

static uint64_t next(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static struct gw_frame python(const char *name, const char *file, uint32_t line, bool app)
{
	return (struct gw_frame){
		.kind = GW_FRAME_PYTHON, .app = app, .line = line, .name = name, .file = file
	};
}

static struct gw_frame native(const char *name, const char *module)
{
	return (struct gw_frame){
		.kind = GW_FRAME_NATIVE, .name = name, .module = module, .offset = 4096
	};
}

static void make_frames(struct made *m)
{
	static const char *const outer[] = { "_run_module_as_main", "run",
					     "serve_forever",       "Greenlet.run",
					     "handle_one_response", "WSGIHandler.__call__" };
	uint32_t n = 0;

	for (; n < 6; n++)
		m->frames[n] = python(outer[n], "gevent/pywsgi.py", 100 + 31 * n, false);
	for (uint32_t s = 0; s < SITES; s++) {
		m->frames[n++] = python(functions[s], "app/views.py", 20 + 11 * s, true);
		m->frames[n++] = python(functions[s], "app/views.py", 23 + 11 * s, true);
	}
	m->frames[n++] = python("dumps", "json/__init__.py", 231, false);
	m->frames[n++] = python("JSONEncoder.encode", "json/encoder.py", 200, false);
	m->frames[n++] = python("Connection.execute", "psycopg2/extensions.py", 88, false);
	m->frames[n++] = native("PQgetResult", "libpq.so.5");
	m->frames[n++] = native("__poll", "libc.so.6");
	m->frames[n] = native("python3.11+0x2c81f0", "python3.11");
	m->frames[n++].nameless = "no symbol table";
	m->frames[n] = native("do_sys_poll", "");
	m->frames[n].kind = GW_FRAME_KERNEL;
	m->frames[n++].module = NULL;
	m->frames[n] = native("start of greenlet", NULL);
	m->frames[n++].kind = GW_FRAME_MARKER;
}

/* Four stacks a site: two lines, with and without what lies deeper. */
static void make_stacks(struct made *m)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < SITES * 4; i++) {
		uint32_t site = i / 4, first = at;
		const uint32_t leafs[] = { 36, 34, 33, 32 }, busy[] = { 35, 31, 30 };

		if (causes[site] == GW_CAUSE_CPU || causes[site] == GW_CAUSE_GC)
			for (uint32_t k = i % 2; k < 3; k++)
				m->indexes[at++] = busy[k];
		else
			for (uint32_t k = i % 2 * 2; k < 4; k++)
				m->indexes[at++] = leafs[k];
		m->indexes[at++] = 6 + 2 * site + i % 4 / 2;
		for (uint32_t k = 6; k-- > 0;)
			m->indexes[at++] = k;
		m->indexes[at++] = 37;
		m->stacks[i] = (struct report_stack){ .first = first, .depth = at - first };
	}
	m->sample.report.indexes = (struct report_vec)VEC(m->indexes, at);
}

static void make_sites(struct made *m)
{
	m->peer = (struct gw_peer){ .kind = "tcp", .fd = 7, .remote = "10.0.0.5:5432" };
	for (uint32_t i = 0; i < SITES; i++) {
		bool own = causes[i] != GW_CAUSE_RUNQUEUE && causes[i] != GW_CAUSE_STOPPED;

		m->sites[i] =
			(struct report_site){ .cause = causes[i],
					      .title = own ? "psycopg2 waiting in libpq"
							   : "ready to run, but no CPU was given",
					      .frame = own ? 6 + 2 * i : GW_NONE,
					      .stack = own ? 4 * i : GW_NONE,
					      .lengths = m->lengths[i] };
		snprintf(m->sites[i].fingerprint, sizeof(m->sites[i].fingerprint), "gw1-%016x",
			 0x9b502d00 + i);
		m->waits[i] = (struct gw_wait){ .call = "poll", .class = "network", .calls = 3 };
		m->tasks[i] = (struct gw_task){ .name = "Greenlet-17",
						.kind = GW_TASK_GREENLET,
						.spawned_at = GW_NONE,
						.frame = GW_NONE,
						.chain = GW_NONE };
	}
	m->sites[0].call = m->sites[2].call = "poll";
	m->sites[0].peer = &m->peer;
	m->sites[1].callee = "dumps";
	m->sites[0].advice = (struct gw_advice){
		.rule = "GW1001",
		.title = "psycopg2 waiting in libpq",
		.fix = "Register the wait callback: psycogreen.gevent.patch_psycopg()",
		.confidence = GW_CONFIDENCE_HIGH
	};
	m->sites[1].advice =
		(struct gw_advice){ .rule = "GW5001",
				    .title = "JSON",
				    .fix = "Handle less JSON at a time, or in another process.",
				    .confidence = GW_CONFIDENCE_MEDIUM };
}

static void make_stall(struct made *m, uint32_t i, uint64_t at_ns)
{
	uint32_t site = (uint32_t)(next(SITES) * next(SITES) / SITES), loop = next(LOOPS);
	uint64_t took = (100 + next(60) + (next(9) ? 0 : next(900))) * MS + next(MS);
	struct gw_stall *stall = &m->stalls[i];
	struct report_site *of = &m->sites[site];
	bool cpu = causes[site] == GW_CAUSE_CPU || causes[site] == GW_CAUSE_GC;

	*stall = (struct gw_stall){ .loop = loop,
				    .pid = 4242 + loop,
				    .tid = 4242 + loop,
				    .at_ns = at_ns,
				    .duration_ns = took,
				    .cause = causes[site],
				    .why = m->why[i],
				    .site = site,
				    .frame = of->frame,
				    .stack = of->stack == GW_NONE ? GW_NONE
								  : 4 * site + (uint32_t)next(4),
				    .ready = 3,
				    .tasks = &m->tasks[site],
				    .n_tasks = of->stack != GW_NONE };
	snprintf(m->why[i], sizeof(m->why[i]), "%.1f of %.1f ms in poll", (double)took / 1.1e6,
		 (double)took / 1e6);
	stall->ledger.oncpu_ns = cpu ? took / 10 * 9 : took / 20;
	stall->ledger.runqueue_ns = causes[site] == GW_CAUSE_RUNQUEUE ? took / 10 * 8 : took / 90;
	stall->ledger.stopped_ns = causes[site] == GW_CAUSE_STOPPED ? took / 10 * 9 : 0;
	stall->ledger.blocked_ns = took - stall->ledger.oncpu_ns - stall->ledger.runqueue_ns -
				   stall->ledger.stopped_ns;
	if (causes[site] == GW_CAUSE_RUNQUEUE) {
		stall->culprits = &m->culprit;
		stall->n_culprits = 1;
	} else if (!cpu) {
		stall->waits = &m->waits[site];
		stall->n_waits = 1;
	}
	for (uint32_t k = 0; k < 3 && stall->stack != GW_NONE; k++)
		m->samples[i][k] = (struct gw_sample){ .stack = 4 * site + (uint32_t)next(4),
						       .state = GW_STATE_BLOCKED,
						       .weight_ns = took / 3 };
	stall->samples = m->samples[i];
	stall->n_samples = stall->stack == GW_NONE ? 0 : 3;
	of->lengths[of->count % 4] = took;
	of->n_lengths = ++of->count < 4 ? (uint32_t)of->count : 4;
	of->total_ns += took;
	of->max_ns = took > of->max_ns ? took : of->max_ns;
	m->loops[loop].stalls++;
	m->loops[loop].stalled_ns += took;
	m->loops[loop].lag[hist_index(took)]++;
	m->loops[loop].turns++;
	if (took > m->loops[loop].lag_max_ns)
		m->loops[loop].lag_max_ns = took;
}

static void make_loops(struct made *m, uint64_t run_ns)
{
	for (uint32_t i = 0; i < LOOPS; i++) {
		m->targets[i] = m->sample.targets[0];
		m->targets[i].pid = 4242 + i;
		m->loops[i] = m->sample.loops[0];
		m->loops[i].pid = m->loops[i].tid = 4242 + i;
		m->loops[i].serial = i + 1;
		m->loops[i].comm = "gunicorn";
		m->loops[i].stalls = m->loops[i].stalled_ns = 0;
		m->loops[i].idle_ns = run_ns / 100 * (60 + 5 * i);
		m->loops[i].time.oncpu_ns = run_ns / 100 * (25 - 4 * i);
		m->loops[i].time.blocked_ns = run_ns / 100 * (14 - i);
		m->loops[i].time.runqueue_ns = run_ns / 100;
		m->loops[i].lag_max_ns = 42 * MS;
		memset(m->loops[i].lag, 0, sizeof(m->loops[i].lag));
		m->loops[i].lag[hist_index(MS / 3)] = 181000;
		m->loops[i].lag[hist_index(2 * MS)] = 12042;
		m->loops[i].lag[hist_index(8 * MS)] = 912;
		m->loops[i].lag[hist_index(42 * MS)] = 33;
		m->loops[i].turns = 193987;
		for (uint32_t k = 0; k < REPORT_LAGS - 16; k++)
			m->loops[i].lags[k] = next(12) ? (next(8) + 1) * MS : (next(40) + 1) * MS;
	}
}

static void make_users(struct made *m, uint64_t run_ns)
{
	for (uint32_t i = 0; i < SITES; i++) {
		m->calls[i] = (struct report_call){ .loop = i % LOOPS,
						    .call = "recvfrom",
						    .class = "network",
						    .peer = &m->peer,
						    .frame = 6 + 2 * i,
						    .stack = 4 * i,
						    .calls = 4012 / (i + 1),
						    .total_ns = 9100 * MS / (i + 1),
						    .max_ns = 212 * MS / (i + 1) };
		m->users[i] = (struct report_task){ .name = functions[i],
						    .kind = GW_TASK_GREENLET,
						    .loop = i % LOOPS,
						    .frame = 6 + 2 * i,
						    .family = i,
						    .samples = 400 / (i + 1),
						    .instances = 90 / (i + 1),
						    .cpu_ns = 4000 * MS / (i + 1),
						    .blocked_ns = 900 * MS / (i + 1),
						    .longest_ns = 61 * MS,
						    .stalls = 12 - i };
		for (uint32_t k = 0; k < REPORT_TREND; k++)
			m->users[i].trend[k] = next(100) * (k > 10 + i) * MS;
	}
	m->sample.report.trend_step_ns = run_ns / REPORT_TREND + 1;
	m->audit = (struct report_audit){ .pid = 4242,
					  .state = WIRE_AUDIT_PATCHED,
					  .complete = true,
					  .library = "gevent",
					  .version = "22.10.2",
					  .n_patched = 0 };
	m->patches[0] = (struct report_patch){ .pid = 4242,
					       .kind = "captured-original",
					       .what = "time.sleep",
					       .where = "app.retry.sleep",
					       .file = "app/retry.py",
					       .line = 3,
					       .rule = "GW3001",
					       .fd = -1 };
	m->patches[1] = (struct report_patch){ .pid = 4242,
					       .kind = "native-socket",
					       .what = "socket",
					       .fd = 7,
					       .more = "tcp 127.0.0.1:40000 -> 127.0.0.1:5432" };
}

static void make(struct made *m, uint32_t n, uint64_t run_ns)
{
	struct gw_report *r = &m->sample.report;

	sample_make(&m->sample);
	make_frames(m);
	make_stacks(m);
	make_sites(m);
	make_loops(m, run_ns);
	make_users(m, run_ns);
	m->culprit = m->sample.culprits[0];
	for (uint32_t i = 0; i < n; i++)
		make_stall(m, i, run_ns / (n + 1) * i + next(run_ns / (n + 1)));
	r->targets = (struct report_vec)VEC(m->targets, LOOPS);
	r->loops = (struct report_vec)VEC(m->loops, LOOPS);
	r->frames = (struct report_vec)VEC(m->frames, FRAMES);
	r->stacks = (struct report_vec)VEC(m->stacks, SITES * 4);
	r->sites = (struct report_vec)VEC(m->sites, SITES);
	r->stalls = (struct report_vec)VEC(m->stalls, n);
	r->calls = (struct report_vec)VEC(m->calls, SITES);
	r->tasks = (struct report_vec)VEC(m->users, SITES);
	r->audits = (struct report_vec)VEC(&m->audit, 1);
	r->patches = (struct report_vec)VEC(m->patches, 2);
	r->duration_ns = run_ns;
	r->lag_step_ns = run_ns / (REPORT_LAGS - 16);
	r->stalls_seen = n;
}

/* Every name of the target is an attack. */
static void spoil(struct made *m)
{
	static const char *const argv[] = { "python3", EVIL };

	for (uint32_t i = 0; i < FRAMES; i++) {
		m->frames[i].name = m->frames[i].file = EVIL;
		m->frames[i].kind = i % 2 ? GW_FRAME_NATIVE : GW_FRAME_PYTHON;
		m->frames[i].nameless = i == 35 ? EVIL : NULL;
	}
	for (uint32_t i = 0; i < LOOPS; i++) {
		m->loops[i].comm = m->loops[i].runtime = EVIL;
		m->targets[i].comm = m->targets[i].runtime = EVIL;
		m->targets[i].argv = (const char **)(uintptr_t)argv;
	}
	for (uint32_t i = 0; i < SITES; i++) {
		m->sites[i].title = m->calls[i].call = m->users[i].name = m->tasks[i].name = EVIL;
		m->sites[i].callee = m->waits[i].call = EVIL;
	}
	m->peer.remote = m->peer.kind = m->culprit.comm = m->culprit.role = EVIL;
	m->patches[0].what = m->patches[0].where = m->patches[0].file = m->patches[0].kind = EVIL;
	m->audit.library = m->audit.version = EVIL;
	m->notes[0] = (struct report_note){ EVIL, EVIL, EVIL };
	m->sample.report.notes = (struct report_vec)VEC(m->notes, 1);
	m->sample.report.host = m->sample.report.kernel = EVIL;
	for (uint32_t i = 0; i < m->sample.report.stalls.count; i++)
		m->stalls[i].why = EVIL;
}

static void lose(struct made *m)
{
	m->sample.report.lost[0] = (struct report_lost){ "ring-full", 1204 };
	m->sample.report.lost[1] = (struct report_lost){ "names-lost", 3 };
	m->sample.report.stalls_folded = 41;
	m->sample.report.flaws[REPORT_CUT] = 12;
	m->notes[0] = (struct report_note){
		"bpf_loop", "the kernel has no such helper: stacks end at 32 frames", "Linux 5.17"
	};
	m->notes[1] =
		(struct report_note){ "names in libpq.so.5", "no symbol table", "libpq5-dbgsym" };
	m->sample.report.notes = (struct report_vec)VEC(m->notes, 2);
}

static void hush(struct made *m)
{
	m->sample.report.sites.count = m->sample.report.audits.count = 0;
}

int main(int argc, char **argv)
{
	const char *kind = argc == 2 ? argv[1] : "";
	struct made *m = calloc(1, sizeof(*m));
	struct gw_sink *sink;
	int err;

	if (!m)
		return 1;
	make(m,
	     !strcmp(kind, "many")      ? MANY
	     : !strcmp(kind, "healthy") ? 0
					: 120,
	     (!strcmp(kind, "many") ? 3600000 : 60000) * MS);
	if (!strcmp(kind, "hostile"))
		spoil(m);
	if (!strcmp(kind, "lost"))
		lose(m);
	if (!strcmp(kind, "healthy"))
		hush(m);
	if (!strcmp(kind, "empty"))
		m->sample.report = (struct gw_report){ .duration_ns = 3000 * MS };
	err = gw_sink_open(&sink, "html", stdout, NULL);
	if (!err) {
		err = gw_sink_end(sink, &m->sample.report);
		gw_sink_close(sink);
	}
	free(m);
	return err ? 1 : 0;
}
