// SPDX-License-Identifier: GPL-2.0
/*
 * empty_gate OBJECT: attaches the empty program to the entry tracepoints of the wait
 * system calls, prints "watching N tracepoints (VIA)" on stderr, and stays until SIGINT,
 * SIGTERM or the death of its parent. Where tracefs is not mounted it reads the ids
 * through a detached mount of its own; it never mounts anything others can see.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static const char *const calls[] = {
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll",
	"ppoll",      "select",      "pselect6",     "io_uring_enter",
};

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

struct gate {
	struct bpf_object *obj;
	struct bpf_link *links[N_CALLS];
	int n;           /* links that are attached */
	int tracefs;     /* directory descriptor, -1 if not open */
	const char *via; /* where tracefs was found */
};

/* fsmount() without move_mount(): the mount lives as long as this descriptor. */
static int tracefs_detached(void)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	int mnt;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		mnt = -errno;
	else if ((mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0)) < 0)
		mnt = -errno;
	close(fs);
	return mnt;
}

/* Not /sys/kernel/debug/tracing: a look inside would automount tracefs there. */
static int tracefs_open(struct gate *gate)
{
	int dir = open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0 && faccessat(dir, "events/syscalls", F_OK, 0) == 0) {
		gate->tracefs = dir;
		gate->via = "mounted tracefs";
		return 0;
	}
	if (dir >= 0)
		close(dir);
	gate->tracefs = tracefs_detached();
	gate->via = "detached tracefs";
	return gate->tracefs < 0 ? gate->tracefs : 0;
}

/* The id of an entry tracepoint, or -errno; -ENOENT: this kernel has no such call. */
static int tracepoint_id(const struct gate *gate, const char *call)
{
	char path[96], text[16];
	ssize_t len;
	int fd, id;

	snprintf(path, sizeof(path), "events/syscalls/sys_enter_%s/id", call);
	fd = openat(gate->tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[len] = '\0';
	id = atoi(text);
	return id > 0 ? id : -EIO;
}

/* pid -1 and one CPU: the program list hangs on the tracepoint and runs on every CPU. */
static int tracepoint_open(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.sample_period = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int gate_attach(struct gate *gate, const struct bpf_program *prog, const char *call)
{
	int id = tracepoint_id(gate, call);
	struct bpf_link *link;
	int fd;

	if (id < 0)
		return id;
	fd = tracepoint_open(id);
	if (fd < 0)
		return fd;
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link) {
		int err = -errno;

		close(fd);
		return err;
	}
	gate->links[gate->n++] = link;
	return 0;
}

static int gate_load(struct gate *gate, const char *path, struct bpf_program **prog)
{
	gate->obj = bpf_object__open_file(path, NULL);
	if (!gate->obj)
		return -errno;
	*prog = bpf_object__find_program_by_name(gate->obj, "empty_enter");
	if (!*prog)
		return -ENOENT;
	return bpf_object__load(gate->obj);
}

static int gate_open(struct gate *gate, const char *path)
{
	struct bpf_program *prog = NULL;
	int err = gate_load(gate, path, &prog);

	if (err)
		return err;
	err = tracefs_open(gate);
	if (err)
		return err;
	for (size_t i = 0; i < N_CALLS; i++) {
		err = gate_attach(gate, prog, calls[i]);
		if (err && err != -ENOENT)
			return err;
	}
	return gate->n ? 0 : -ENOENT;
}

static void gate_close(struct gate *gate)
{
	for (int i = 0; i < gate->n; i++)
		bpf_link__destroy(gate->links[i]);
	bpf_object__close(gate->obj);
	if (gate->tracefs >= 0)
		close(gate->tracefs);
}

/* Blocked before anything is attached, so a signal cannot fall between the two. */
static void signals_block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigprocmask(SIG_BLOCK, set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int main(int argc, char **argv)
{
	struct gate gate = { .tracefs = -1 };
	sigset_t set;
	int err, sig;

	if (argc != 2) {
		fprintf(stderr, "usage: empty_gate OBJECT\n");
		return 2;
	}
	signals_block(&set);
	err = gate_open(&gate, argv[1]);
	if (err) {
		fprintf(stderr, "empty_gate: %s\n", strerror(-err));
	} else {
		fprintf(stderr, "watching %d tracepoints (%s)\n", gate.n, gate.via);
		sigwait(&set, &sig);
	}
	gate_close(&gate);
	return err ? 1 : 0;
}
