// SPDX-License-Identifier: BSD-2-Clause
/*
 * child.c: see child.h.
 *
 *	greenwatch   pipe "go"  ------> |  the child reads it, and begins
 *	             pipe "said" <----- |  closed by exec: it runs; else why not
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "greenwatch.h"

enum step {
	STEP_EXEC,
	STEP_USER,
};

struct said {
	int step, err;
};

/* Its groups, its ids, its home. A user without an entry has the one group only. */
static int become(const struct invoker *user)
{
	const struct passwd *entry = getpwuid(user->uid);

	if (entry ? initgroups(entry->pw_name, user->gid) : setgroups(1, &user->gid))
		return errno;
	if (setresgid(user->gid, user->gid, user->gid) ||
	    setresuid(user->uid, user->uid, user->uid))
		return errno;
	if (entry && (setenv("HOME", entry->pw_dir, 1) || setenv("USER", entry->pw_name, 1) ||
		      setenv("LOGNAME", entry->pw_name, 1)))
		return errno;
	return 0;
}

static void __attribute__((noreturn))
be_child(const struct child *child, int go, int said, const struct invoker *user)
{
	struct said why = { .step = STEP_USER };
	ssize_t n;
	char byte;

	do
		n = read(go, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(EXIT_OURS);
	why.err = user->set ? become(user) : 0;
	if (!why.err) {
		execvp(child->argv[0], child->argv);
		why = (struct said){ .step = STEP_EXEC, .err = errno };
	}
	n = write(said, &why, sizeof(why));
	_exit(n == sizeof(why) ? EXIT_OURS : EXIT_ERROR);
}

int child_hold(struct child *out, char *const *argv, const struct invoker *user)
{
	int go[2], said[2];

	*out = (struct child){ .argv = argv, .pidfd = -1, .go = -1, .said = -1 };
	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(said, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	fflush(NULL);
	out->pid = fork();
	if (!out->pid) {
		close(go[1]);
		close(said[0]);
		be_child(out, go[0], said[1], user);
	}
	close(go[0]);
	close(said[1]);
	out->go = go[1];
	out->said = said[0];
	if (out->pid > 0)
		out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd >= 0)
		return 0;
	child_drop(out);
	return -EAGAIN;
}

/* Is there a file of that name to be executed, here or along PATH? */
static bool exists(const char *name)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	struct stat st;

	if (strchr(name, '/') || !path)
		return !stat(name, &st);
	for (;;) {
		size_t n = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s/%s", (int)(n < PATH_MAX ? n : 0), path, name);
		if (!stat(file, &st))
			return true;
		if (!path[n])
			return false;
		path += n + 1;
	}
}

static int explain(const struct child *child, const struct said *said, char *why, size_t size)
{
	const char *hint = getenv("SUDO_UID") && !strchr(child->argv[0], '/')
				   ? "; sudo has its own PATH: give the whole path"
				   : "";
	char safe[600];

	gw_escape(safe, sizeof(safe), child->argv[0]);
	if (said->step == STEP_USER) {
		snprintf(why, size, "cannot run %s as the user who called sudo: %s", safe,
			 strerror(said->err));
		return EXIT_OURS;
	}
	if (said->err != ENOENT) {
		snprintf(why, size, "%s: cannot be executed: %s", safe, strerror(said->err));
		return EXIT_NOT_EXECUTABLE;
	}
	if (*child->argv[0] && exists(child->argv[0])) {
		snprintf(why, size, "%s: cannot be executed: its interpreter is not there", safe);
		return EXIT_NOT_EXECUTABLE;
	}
	snprintf(why, size, "%s: command not found%s", safe, hint);
	return EXIT_NOT_FOUND;
}

int child_begin(struct child *child, char *why, size_t size)
{
	struct said said;
	ssize_t n;

	n = write(child->go, "", 1);
	close(child->go);
	child->go = -1;
	if (n != 1) {
		snprintf(why, size, "the command has ended before it began");
		return EXIT_OURS;
	}
	do
		n = read(child->said, &said, sizeof(said));
	while (n < 0 && errno == EINTR);
	close(child->said);
	child->said = -1;
	if (n != sizeof(said))
		return 0;
	child_drop(child);
	return explain(child, &said, why, size);
}

static void take_status(struct child *child, int status)
{
	child->ended = true;
	child->signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	child->status = child->signo ? 128 + child->signo : WEXITSTATUS(status);
}

/* The namer has no exit signal: waiting for any child does not meet it. */
bool child_look(struct child *child)
{
	bool init = getpid() == 1;
	int status;
	pid_t pid;

	if (child->ended && !init)
		return true;
	while ((pid = waitpid(init ? -1 : child->pid, &status, WNOHANG)) > 0)
		if (pid == child->pid)
			take_status(child, status);
	return child->ended;
}

void child_signal(struct child *child, int signo)
{
	if (!child->ended && child->pid > 0)
		kill(child->pid, signo);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void child_drop(struct child *child)
{
	int status;

	close_fd(&child->go);
	while (child->pid > 0 && !child->ended) {
		if (waitpid(child->pid, &status, 0) == child->pid)
			take_status(child, status);
		else if (errno != EINTR)
			break;
	}
	child_close(child);
}

void child_close(struct child *child)
{
	close_fd(&child->go);
	close_fd(&child->said);
	close_fd(&child->pidfd);
}

int child_end_alike(const struct child *child)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	struct rlimit none = { 0 };
	sigset_t set;

	if (!child->signo)
		return child->status;
	setrlimit(RLIMIT_CORE, &none); /* the core that matters is the command's */
	sigaction(child->signo, &plain, NULL);
	sigemptyset(&set);
	sigaddset(&set, child->signo);
	fflush(NULL);
	kill(getpid(), child->signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return child->status;
}
