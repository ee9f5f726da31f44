// SPDX-License-Identifier: BSD-2-Clause
/*
 * gate.c: see gate.h.
 */
#include "source/gate.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "source/tracefs.h"

static const char *const wait_calls[GATE_LINKS] = {
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll",
	"ppoll",      "select",      "pselect6",     "io_uring_enter",
};

/* Attaches a program that sets map[0] to the entry of a wait call, enters it, looks. */
static bool fentry_fires(int id, int map)
{
	const struct bpf_insn set_one[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_VALUE,
		  .imm = map },
		{ 0 },
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .imm = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = id);
	int prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, "turn_probe", "GPL", set_one,
				 sizeof(set_one) / sizeof(set_one[0]), &opts);
	int link = prog < 0 ? prog : bpf_raw_tracepoint_open(NULL, prog);
	uint64_t fired = 0;
	uint32_t zero = 0;

	if (link >= 0) {
		syscall(SYS_epoll_wait, -1, NULL, 0, 0);
		bpf_map_lookup_elem(map, &zero, &fired);
		close(link);
	}
	if (prog >= 0)
		close(prog);
	return fired;
}

/* Refused where the kernel is built or locked down without it; attached, but silent, before 7.x
 * where kernel.ftrace_enabled is 0. */
static bool fentry_works(void)
{
	int id = libbpf_find_vmlinux_btf_id("__x64_sys_epoll_wait", BPF_TRACE_FENTRY), map;
	bool works;

	if (id <= 0)
		return false;
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "turn_probe", sizeof(uint32_t), sizeof(uint64_t),
			     1, NULL);
	if (map < 0)
		return false;
	works = fentry_fires(id, map);
	close(map);
	return works;
}

static bool tracefs_works(void)
{
	int fd = tracefs_open();
	bool works = fd >= 0 && tracefs_entry_id(fd, "epoll_wait") > 0;

	if (fd >= 0)
		close(fd);
	return works;
}

enum gate gate_choose(void)
{
	return fentry_works() ? GATE_FENTRY : tracefs_works() ? GATE_TRACEPOINT : GATE_RAW;
}

const char *gate_name(enum gate gate)
{
	static const char *const names[] = {
		[GATE_FENTRY] = "fentry",
		[GATE_TRACEPOINT] = "tracepoint",
		[GATE_RAW] = "raw-tracepoint",
	};

	return names[gate];
}

static int attach_one(const struct bpf_program *prog, int tracefs, const char *call,
		      struct bpf_link **link)
{
	int id = tracefs_entry_id(tracefs, call), fd;

	if (id < 0)
		return id == -ENOENT ? 0 : id; /* a call this kernel does not have */
	fd = perf_open(PERF_TYPE_TRACEPOINT, id, 1, -1, 0);
	if (fd < 0)
		return fd;
	*link = bpf_program__attach_perf_event(prog, fd);
	if (!*link) {
		close(fd);
		return -errno;
	}
	return 0;
}

int gate_attach(enum gate gate, const struct bpf_program *enter, struct bpf_link **links)
{
	int tracefs, err = 0;

	if (gate != GATE_TRACEPOINT)
		return 0;
	tracefs = tracefs_open();
	if (tracefs < 0)
		return tracefs;
	for (uint32_t i = 0; !err && i < GATE_LINKS; i++)
		err = attach_one(enter, tracefs, wait_calls[i], &links[i]);
	close(tracefs);
	return err;
}

/* CPUs that the tick leaves alone while one thread runs there ("" or "(null)": none). */
static bool some_cpu_is_tickless(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/nohz_full", "re");
	char cpus[256] = "";

	if (!file)
		return false;
	if (!fgets(cpus, sizeof(cpus), file))
		cpus[0] = 0;
	fclose(file);
	return strpbrk(cpus, "0123456789");
}

bool gate_tick_comes(void)
{
	struct timespec finest = { .tv_nsec = 0 };

	/* with a coarse clock the tick is no hrtimer, and its tracepoint stays silent */
	clock_getres(CLOCK_MONOTONIC, &finest);
	return finest.tv_nsec == 1 && !some_cpu_is_tickless() &&
	       libbpf_find_vmlinux_btf_id("hrtimer_expire_entry", BPF_TRACE_RAW_TP) > 0;
}
