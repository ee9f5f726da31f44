// SPDX-License-Identifier: BSD-2-Clause
/*
 * drop.c: descriptors, signals, user, capabilities, limits; in this order.
 *
 * Raw system calls where glibc's wrappers would speak to threads: those of
 * the caller's process do not exist in its copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "runtime/drop.h"

#define NOBODY     65534
#define KEPT       3
#define FILES      3584          /* three for each process, one for each ELF file */
#define SPACE_MORE (256UL << 20) /* beyond what was inherited */

/* All but those, which move to where they can be told from the rest. */
static int drop_descriptors(int keep[DROP_KEPT])
{
	int null;

	for (int i = 0; i < DROP_KEPT; i++) {
		if (keep[i] >= 0)
			keep[i] = fcntl(keep[i], F_DUPFD, KEPT + DROP_KEPT);
	}
	for (int i = 0; i < DROP_KEPT; i++) {
		if (keep[i] >= 0 && dup2(keep[i], KEPT + i) < 0)
			return -errno;
		if (keep[i] < 0)
			close(KEPT + i);
		else
			keep[i] = KEPT + i;
	}
	if (syscall(SYS_close_range, KEPT + DROP_KEPT, ~0U, 0))
		return -errno;
	for (int fd = 0; fd < KEPT; fd++)
		close(fd);
	null = open("/dev/null", O_RDWR);
	for (int fd = null + 1; null == 0 && fd < KEPT; fd++)
		dup2(null, fd);
	for (int i = 0; i < DROP_KEPT; i++) {
		if (keep[i] >= 0 && fcntl(keep[i], F_SETFD, FD_CLOEXEC))
			return -errno;
	}
	return 0;
}

/* ^C reaches the whole terminal; the parent still has use for us. */
static void drop_signals(void)
{
	const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &action, NULL);
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int drop_user(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };

	if (geteuid() == 0 &&
	    (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) ||
	     syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY)))
		return -errno;
	if (syscall(SYS_capset, &head, caps) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return 0;
}

static rlim_t inherited_space(void)
{
	char text[64] = "";
	unsigned long pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		sscanf(text, "%lu", &pages);
	close(fd);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit(int what, rlim_t value)
{
	struct rlimit rlimit;

	if (getrlimit((__rlimit_resource_t)what, &rlimit))
		return;
	if (rlimit.rlim_max != RLIM_INFINITY && value > rlimit.rlim_max)
		value = rlimit.rlim_max;
	rlimit = (struct rlimit){ value, value };
	setrlimit((__rlimit_resource_t)what, &rlimit);
}

int drop_rights(int keep[DROP_KEPT], uint32_t parent)
{
	int err = drop_descriptors(keep);

	if (err)
		return err;
	drop_signals();
	prctl(PR_SET_NAME, "gw-namer", 0, 0, 0);
	limit(RLIMIT_AS, inherited_space() + SPACE_MORE);
	limit(RLIMIT_NOFILE, FILES);
	limit(RLIMIT_CORE, 0);
	err = drop_user();
	if (err)
		return err;
	/* A change of user clears it, so last; and the parent may be gone by now. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -errno;
	return (uint32_t)getppid() == parent ? 0 : -ESRCH;
}
