// SPDX-License-Identifier: BSD-2-Clause
/*
 * keeper.c: a process by its pidfd, and everything else by its directory.
 *
 * All opens are relative to the held /proc/PID, and the pidfd is asked last
 * whether that was still the same process. Files of the target are opened
 * O_PATH, out of the dentry cache alone, so that no file system of the
 * target's can make the keeper wait. Nothing here signals the target.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/syscalls.h"
#include "source/argv.h"
#include "source/keeper.h"

#define LINE_SIZE 512

static bool alive(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 0;
}

/* Reads a small file of the held directory whole; always ends it with a NUL. */
static int read_small(int dir, const char *name, char *text, size_t size)
{
	size_t used = 0;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t n = read(fd, text + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	text[used] = '\0';
	return (int)used;
}

static void read_link(int dir, const char *name, char *out, size_t size)
{
	ssize_t n = readlinkat(dir, name, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* What follows the name in stat; a name may hold anything, the last ')' ends it. */
static const char *stat_tail(int dir, char *text, size_t size)
{
	char *tail;

	if (read_small(dir, "stat", text, size) <= 0)
		return NULL;
	tail = strrchr(text, ')');
	return tail && tail[1] == ' ' ? tail + 2 : NULL;
}

static void read_facts(struct keeper_proc *proc)
{
	char text[4096];
	const char *tail;
	int n;

	n = read_small(proc->dir, "comm", text, sizeof(text));
	if (n > 0) {
		text[n - 1] = '\0';
		snprintf(proc->comm, sizeof(proc->comm), "%.15s", text);
	}
	tail = stat_tail(proc->dir, text, sizeof(text));
	if (tail && strlen(tail) > 2)
		proc->parent = (uint32_t)strtoul(tail + 2, NULL, 10);
	read_link(proc->dir, "exe", proc->exe, sizeof(proc->exe));
	read_link(proc->dir, "cwd", proc->cwd, sizeof(proc->cwd));
	n = read_small(proc->dir, "cmdline", text, sizeof(text));
	if (n > 0)
		proc->argc = argv_redact(text, (size_t)n, proc->argv, sizeof(proc->argv));
}

static int open_all(struct keeper_proc *proc)
{
	char path[32];

	proc->pidfd = (int)syscall(SYS_pidfd_open, proc->pid, 0);
	if (proc->pidfd < 0)
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	snprintf(path, sizeof(path), "/proc/%u", proc->pid);
	proc->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc->dir < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	proc->mem = openat(proc->dir, "mem", O_RDONLY | O_CLOEXEC);
	if (proc->mem < 0 && errno == ESRCH && alive(proc->pidfd))
		return -ENXIO;
	if (proc->mem < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	proc->maps = openat(proc->dir, "maps", O_RDONLY | O_CLOEXEC);
	if (proc->maps < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	read_facts(proc);
	return alive(proc->pidfd) ? 0 : -ESRCH;
}

uint32_t keeper_process_of(uint32_t tid)
{
	char path[48], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	if (read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, "\nTgid:");
	return at ? (uint32_t)strtoul(at + 6, NULL, 10) : 0;
}

static uint32_t children_of(int dir, const char *tid, uint32_t *pids, uint32_t max)
{
	char name[300], text[16384], *at = text, *end;
	uint32_t n = 0;

	snprintf(name, sizeof(name), "task/%s/children", tid);
	if (read_small(dir, name, text, sizeof(text)) <= 0)
		return 0;
	while (n < max) {
		unsigned long pid = strtoul(at, &end, 10);

		if (end == at)
			break;
		pids[n++] = (uint32_t)pid;
		at = end;
	}
	return n;
}

uint32_t keeper_threads(const struct keeper_proc *proc)
{
	struct stat st;

	return fstatat(proc->dir, "task", &st, 0) || st.st_nlink < 2 ? 0
								     : (uint32_t)st.st_nlink - 2;
}

uint32_t keeper_children(const struct keeper_proc *proc, uint32_t *pids, uint32_t max)
{
	int fd = openat(proc->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint32_t n = 0;

	if (!tasks) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (n < max && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			n += children_of(proc->dir, entry->d_name, pids + n, max - n);
	closedir(tasks);
	return n;
}

int keeper_open(struct keeper_proc *proc, uint32_t pid)
{
	int err;

	memset(proc, 0, sizeof(*proc));
	proc->pid = pid;
	proc->pidfd = proc->dir = proc->mem = proc->maps = -1;
	if (!pid || pid > INT32_MAX)
		return -ESRCH;
	err = open_all(proc);
	if (err)
		keeper_close(proc);
	return err;
}

void keeper_close(struct keeper_proc *proc)
{
	int *fds[] = { &proc->mem, &proc->maps, &proc->dir, &proc->pidfd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* The inode of a mapping: the first five fields of its line are the kernel's own words. */
static uint64_t mapping_inode(const struct keeper_proc *proc, uint64_t start, uint64_t end)
{
	int fd = openat(proc->dir, "maps", O_RDONLY | O_CLOEXEC);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "re");
	unsigned long long from, to, inode, found = 0;
	char line[LINE_SIZE];
	bool fresh = true;

	if (!maps) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (!found && fgets(line, sizeof(line), maps)) {
		if (fresh &&
		    sscanf(line, "%llx-%llx %*s %*x %*x:%*x %llu", &from, &to, &inode) == 3 &&
		    from == start && to == end)
			found = inode;
		fresh = strchr(line, '\n') != NULL;
	}
	fclose(maps);
	return found;
}

/* A regular file below the process's root; inode 0: whichever is there. */
static int open_below_root(const struct keeper_proc *proc, uint64_t inode, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED,
	};
	struct statx sx = { 0 };
	int root, fd, err = 0;

	root = openat(proc->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		err = -errno;
	close(root);
	if (err)
		return err;
	/* Out of the inode cache: a getattr could wait for a FUSE server. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_TYPE, &sx))
		err = -errno;
	else if ((inode && sx.stx_ino != inode) || !S_ISREG(sx.stx_mode))
		err = -ESTALE;
	if (err)
		close(fd);
	return err ? err : fd;
}

#define THREADS_MAX 1024

/* The number a thread has in the innermost of its pid namespaces; 0: it is gone. */
static uint32_t number_inside(const struct keeper_proc *proc, uint32_t tid)
{
	char name[48], text[4096];
	const char *at;
	char *end;
	uint32_t number = 0;

	snprintf(name, sizeof(name), "task/%u/status", tid);
	if (read_small(proc->dir, name, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nNSpid:");
	for (at = at ? at + 7 : NULL; at && *at == '\t'; at = end)
		number = (uint32_t)strtoul(at, &end, 10);
	return number;
}

/* What a JIT compiler of the target tells of its code, under its own pid in its own /tmp. */
static int open_perf_map(const struct keeper_proc *proc)
{
	uint32_t pid = number_inside(proc, proc->pid);
	char name[64];

	if (!pid)
		return -ESRCH;
	snprintf(name, sizeof(name), "/tmp/perf-%u.map", pid);
	return open_below_root(proc, 0, name);
}

int keeper_file(const struct keeper_proc *proc, uint64_t start, uint64_t end, const char *path)
{
	char name[64];
	uint64_t inode;
	int fd, err;

	if (proc->dir < 0)
		return -ESRCH;
	if (!start && !end && path && !strcmp(path, KEEPER_PERF_MAP))
		return open_perf_map(proc);
	if (!start && !end && path && !strcmp(path, KEEPER_PAGEMAP)) {
		fd = openat(proc->dir, "pagemap", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)start,
		 (unsigned long long)end);
	fd = openat(proc->dir, name, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	err = -errno;
	inode = mapping_inode(proc, start, end);
	return inode && path && path[0] == '/' ? open_below_root(proc, inode, path) : err;
}

static uint32_t search_threads(const struct keeper_proc *proc, uint32_t nstid)
{
	int fd = openat(proc->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	uint32_t found = 0;
	struct dirent *entry;

	if (!tasks) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	for (uint32_t i = 0; !found && i < THREADS_MAX && (entry = readdir(tasks)); i++) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);

		if (tid && number_inside(proc, tid) == nstid)
			found = tid;
	}
	closedir(tasks);
	return found;
}

int keeper_thread(const struct keeper_proc *proc, uint32_t nstid, uint32_t *tid, char comm[16])
{
	char name[48], text[64];
	int n;

	*tid = number_inside(proc, nstid) == nstid ? nstid : search_threads(proc, nstid);
	if (!*tid)
		return -ESRCH;
	snprintf(name, sizeof(name), "task/%u/comm", *tid);
	n = read_small(proc->dir, name, text, sizeof(text));
	if (n <= 0)
		return -ESRCH;
	text[n - 1] = '\0';
	snprintf(comm, 16, "%.15s", text);
	return 0;
}

int keeper_registers(const struct keeper_proc *proc, uint32_t tid, uint64_t *pc, uint64_t *sp)
{
	unsigned long long words[2];
	char name[48], text[256];

	snprintf(name, sizeof(name), "task/%u/syscall", tid);
	if (read_small(proc->dir, name, text, sizeof(text)) <= 0)
		return -ESRCH;
	if (sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %llx %llx", &words[0], &words[1]) != 2)
		return -EAGAIN;
	*sp = words[0];
	*pc = words[1];
	return 0;
}

static unsigned int thread_count(int dir, char *state)
{
	char text[1024];
	const char *tail = stat_tail(dir, text, sizeof(text));
	unsigned int threads = 1;

	/* state and 16 numbers, then num_threads */
	if (tail &&
	    sscanf(tail, "%c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %u",
		   state, &threads) != 2)
		threads = 1;
	return threads ? threads : 1;
}

static void describe_main(const struct keeper_proc *proc, char state, char *out, size_t size)
{
	char name[64], text[256];
	const char *call;
	int nr;

	snprintf(name, sizeof(name), "task/%u/syscall", proc->pid);
	if (state == 'T' || state == 't')
		snprintf(out, size, "is stopped");
	else if (read_small(proc->dir, name, text, sizeof(text)) <= 0)
		snprintf(out, size, "cannot be looked at");
	else if (sscanf(text, "%d", &nr) != 1)
		snprintf(out, size, "is running");
	else if (nr < 0)
		snprintf(out, size, "waits outside a system call");
	else if ((call = syscall_name(nr)))
		snprintf(out, size, "sleeps in %s", call);
	else
		snprintf(out, size, "sleeps in system call %d", nr);
}

int keeper_describe(const struct keeper_proc *proc, char *line, size_t size)
{
	unsigned int others;
	char doing[96], state = '?';

	if (proc->dir < 0 || !alive(proc->pidfd))
		return -ESRCH;
	others = thread_count(proc->dir, &state) - 1;
	describe_main(proc, state, doing, sizeof(doing));
	if (others)
		snprintf(line, size, "main thread %s; %u other thread%s", doing, others,
			 others == 1 ? "" : "s");
	else
		snprintf(line, size, "main thread %s", doing);
	return 0;
}

static const struct {
	const char *name;
	unsigned int bit;
	bool admin; /* CAP_SYS_ADMIN includes it */
} needed[] = {
	{ "CAP_BPF", CAP_BPF, true },
	{ "CAP_PERFMON", CAP_PERFMON, true },
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE, false },
};

static bool has_cap(const struct __user_cap_data_struct *caps, unsigned int bit)
{
	return caps[bit / 32].effective >> bit % 32 & 1;
}

void keeper_missing(char *line, size_t size)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };
	const char *missing[4];
	size_t n = 0, used = 0;

	line[0] = '\0';
	if (syscall(SYS_capget, &head, caps))
		return;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!has_cap(caps, needed[i].bit) &&
		    !(needed[i].admin && has_cap(caps, CAP_SYS_ADMIN)))
			missing[n++] = needed[i].name;
	}
	for (size_t i = 0; i < n && used < size; i++) {
		const char *joint = !i ? "" : i + 1 == n ? " and " : ", ";

		used += (size_t)snprintf(line + used, size - used, "%s%s", joint, missing[i]);
	}
}

int keeper_cost(int pid, uint64_t *cpu_ns, uint64_t *rss_bytes)
{
	struct timespec ts;
	clockid_t clock;
	char path[48], text[4096];
	const char *peak;
	int err;

	err = clock_getcpuclockid(pid, &clock);
	if (err)
		return -err;
	if (clock_gettime(clock, &ts))
		return -errno;
	*cpu_ns = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	*rss_bytes = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid ? pid : getpid());
	err = read_small(AT_FDCWD, path, text, sizeof(text));
	if (err < 0)
		return err;
	peak = strstr(text, "\nVmHWM:");
	if (peak)
		*rss_bytes = strtoull(peak + 7, NULL, 10) * 1024;
	return 0;
}
