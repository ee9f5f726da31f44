/*
 * without.c: takes kernel features away from a program it is preloaded into.
 *
 *   WITHOUT=fentry[,tracefs] LD_PRELOAD=./without.so greenwatch ...
 *
 * greenwatch chooses its gate by trying, so the gates to which a kernel would never fall back are
 * reached by letting the trial fail as it does where the feature is missing: the wait calls are not
 * in the kernel's BTF, tracefs may not be mounted. Everything else passes through untouched.
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool taken(const char *feature)
{
	const char *list = getenv("WITHOUT");

	return list && strstr(list, feature);
}

int libbpf_find_vmlinux_btf_id(const char *name, enum bpf_attach_type type)
{
	int (*real)(const char *, enum bpf_attach_type) = dlsym(RTLD_NEXT, __func__);

	if (taken("fentry") && !strncmp(name, "__x64_sys_", 10))
		return -ENOENT;
	return real(name, type);
}

long syscall(long nr, ...)
{
	long (*real)(long, ...) = dlsym(RTLD_NEXT, __func__), a[6];
	va_list args;

	if (nr == SYS_fsopen && taken("tracefs")) {
		errno = EPERM;
		return -1;
	}
	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}
