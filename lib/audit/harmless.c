// SPDX-License-Identifier: BSD-2-Clause
/*
 * harmless.c: which originals block when they are called, and who may hold
 * them all the same.
 *
 * What is not in the first table is not reported: most of what patching
 * saves is Python code of its module, which calls the patched names by
 * itself, or does not block at all. Every row of the second table has its
 * test in tests/e2e/cases_audit.py.
 */
#include <fnmatch.h>
#include <string.h>
#include "audit/audit.h"

#define SHARED "all greenlets of the thread share its contents"
#define THREAD "starts a real thread instead of a greenlet"
#define CHILD  "the hub of the child process is left broken"

/* The first name of a thing is the one that is shown. */
static const struct audit_original blocking[] = {
	{ "time", "sleep", "GW3001", NULL, 0 },
	{ "socket", "socket", "GW2001", NULL, 0 },
	{ "socket", "getaddrinfo", "GW2001", NULL, 0 },
	{ "socket", "gethostbyname", "GW2001", NULL, 0 },
	{ "socket", "gethostbyname_ex", "GW2001", NULL, 0 },
	{ "socket", "gethostbyaddr", "GW2001", NULL, 0 },
	{ "socket", "getnameinfo", "GW2001", NULL, 0 },
	{ "ssl", "SSLContext", "GW2002", NULL, 0 },
	{ "ssl", "SSLSocket", "GW2002", NULL, 0 },
	{ "ssl", "GreenSSLSocket", "GW2002", NULL, 0 },
	{ "select", "select", "GW2010", NULL, 0 },
	{ "select", "poll", "GW2010", NULL, 0 },
	{ "select", "epoll", "GW2010", NULL, 0 },
	{ "selectors", "EpollSelector", "GW2010", NULL, 0 },
	{ "selectors", "DefaultSelector", "GW2010", NULL, 0 },
	{ "selectors", "SelectSelector", "GW2010", NULL, 0 },
	{ "selectors", "PollSelector", "GW2010", NULL, 0 },
	{ "threading", "Lock", "GW3002", NULL, 0 },
	{ "threading", "_allocate_lock", "GW3002", NULL, 0 },
	{ "_thread", "allocate_lock", "GW3002", NULL, 0 },
	{ "_thread", "RLock", "GW3002", NULL, 0 },
	{ "threading", "_CRLock", "GW3002", NULL, 0 },
	{ "threading", "local", NULL, SHARED, 0 },
	{ "_thread", "_local", NULL, SHARED, 0 },
	{ "_threading_local", "local", NULL, SHARED, 0 },
	{ "_thread", "start_new_thread", NULL, THREAD, 0 },
	{ "_thread", "start_joinable_thread", NULL, THREAD, 0 },
	{ "queue", "SimpleQueue", "GW3003", NULL, 0 },
	{ "subprocess", "Popen", "GW3007", NULL, 0 },
	{ "os", "waitpid", "GW3007", NULL, 0 },
	{ "os", "fork", NULL, CHILD, 0 },
	{ "os", "forkpty", NULL, CHILD, 0 },
};

const struct audit_original *audit_policy(const char *module, const char *name, unsigned int *rank)
{
	for (size_t i = 0; i < sizeof(blocking) / sizeof(blocking[0]); i++) {
		if (strcmp(blocking[i].module, module) || strcmp(blocking[i].name, name))
			continue;
		*rank = (unsigned int)i;
		return &blocking[i];
	}
	return NULL;
}

struct holder {
	const char *module, *name; /* patterns */
	const char *why;           /* for the reader of this table */
};

static const struct holder harmless[] = {
	{ "__original_module_*", "*", "eventlet's copies of the originals" },
	{ "__patched_module_*", "*", "eventlet's green copies of others" },
	{ "dns.entropy", "*", "imported by eventlet itself; nothing waits under its lock" },
	{ "psycogreen*", "*", "makes others green" },
	{ "gunicorn.arbiter", "SIG_QUEUE", "of the master; a worker never reads it" },
	{ "gunicorn.glogging", "lock", "held while a file is opened, and nothing waits there" },
	{ "pkg_resources*", "*", "imported by gevent itself while it patches; locks its parser" },
};

bool audit_harmless(const char *module, const char *name)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (!fnmatch(harmless[i].module, module, 0) && !fnmatch(harmless[i].name, name, 0))
			return true;
	}
	return false;
}

/* Classes of the library whose instances wait on a lock of theirs while others run. */
static const struct {
	const char *module, *name;
} holding[] = {
	{ "queue", "Queue" },
	{ "queue", "LifoQueue" },
	{ "queue", "PriorityQueue" },
	{ "threading", "Event" },
	{ "threading", "Condition" },
	{ "threading", "Semaphore" },
	{ "threading", "BoundedSemaphore" },
	{ "threading", "Barrier" },
	{ "threading", "_RLock" },
};

bool audit_holding_class(const char *module, const char *name)
{
	for (size_t i = 0; i < sizeof(holding) / sizeof(holding[0]); i++) {
		if (!strcmp(holding[i].module, module) && !strcmp(holding[i].name, name))
			return true;
	}
	return false;
}
