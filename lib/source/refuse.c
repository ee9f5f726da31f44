// SPDX-License-Identifier: BSD-2-Clause
/*
 * refuse.c: why a kernel does not take the probes, in words.
 *
 * Looks at the kernel only after it has refused: features are found by
 * trying, and versions are named, not judged by, but for the one below which
 * nothing can work.
 */
#include "source/refuse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static bool has_btf(void)
{
	struct stat st;

	return !stat("/sys/kernel/btf/vmlinux", &st) && st.st_size > 0;
}

/* Under lockdown=confidentiality BPF may not read memory, and says no more than EINVAL. */
static bool locked_down(void)
{
	char modes[128] = "";
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	if (!file)
		return false;
	if (!fgets(modes, sizeof(modes), file))
		modes[0] = 0;
	fclose(file);
	return strstr(modes, "[confidentiality]");
}

int refuse(int err, const char *step, char *why, size_t size)
{
	struct utsname uts;
	unsigned int major = 0, minor = 0;

	uname(&uts);
	if (!has_btf()) {
		snprintf(why, size,
			 "this kernel (%s) has no BTF: /sys/kernel/btf/vmlinux is missing or "
			 "unreadable; use a kernel built with CONFIG_DEBUG_INFO_BTF",
			 uts.release);
		return -ENOSYS;
	}
	if (sscanf(uts.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 15))) {
		snprintf(why, size, "kernel %s is too old: greenwatch needs 5.15 or newer",
			 uts.release);
		return -ENOSYS;
	}
	if (err == -EINVAL && locked_down()) {
		snprintf(why, size,
			 "this kernel is locked down (confidentiality): BPF programs "
			 "may not read memory; boot it with lockdown=integrity or less");
		return -ENOSYS;
	}
	snprintf(why, size, "cannot %s BPF programs: %s", step, strerror(-err));
	return err == -EACCES && !strcmp(step, "attach") ? -EPERM : err;
}

const char *refuse_last_line(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (!end)
		end = log + strlen(log);
	while (end > log && end[-1] == '\n')
		end--;
	*end = 0;
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}
