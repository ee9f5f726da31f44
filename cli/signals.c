// SPDX-License-Identifier: BSD-2-Clause
/*
 * signals.c: INT, TERM, HUP and QUIT arrive through a descriptor.
 *
 * So no handler does any work, and nothing is interrupted half way. The one
 * exception is the second ^C: the program may be busy with the summary then,
 * so a handler removes the temporary files and leaves. What it can reach is
 * the only state of cli/ that is not passed around.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "signals.h"

#define LEFTOVERS 16

static const char *volatile leftovers[LEFTOVERS];

int signals_open(void)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction plain = { .sa_handler = SIG_DFL }, old, ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		/* nohup ignores HUP on purpose; a shell's "&" ignores INT, which is no wish */
		if (wanted[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(wanted[i], &plain, NULL);
		sigaddset(&set, wanted[i]);
	}
	sigaction(SIGPIPE, &ignore, NULL);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int signals_take(int fd, bool *terminal)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	*terminal = info.ssi_code == SI_KERNEL;
	return (int)info.ssi_signo;
}

int signals_next(int fd)
{
	bool unused;

	return signals_take(fd, &unused);
}

static void leave(int signo)
{
	(void)signo;
	for (int i = 0; i < LEFTOVERS; i++) {
		if (leftovers[i])
			unlink(leftovers[i]);
	}
	_exit(130);
}

void signals_leave_on_int(void)
{
	struct sigaction now = { .sa_handler = leave };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaction(SIGINT, &now, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void signals_leftover(const char *path, bool add)
{
	for (int i = 0; i < LEFTOVERS; i++) {
		if (add && !leftovers[i]) {
			leftovers[i] = path;
			return;
		}
		if (!add && leftovers[i] == path)
			leftovers[i] = NULL;
	}
}
