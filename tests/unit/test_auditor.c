// SPDX-License-Identifier: BSD-2-Clause
/*
 * One audit in a process of its own: what it costs when that process does
 * not answer, dies, or is asked about something that is no Python.
 */
#include <criterion/criterion.h>
#include "name/auditor.h"
#include "name/child.h"
#include "target.h"

static char *const sleeper[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo READY 0; read x",
				 NULL };

static unsigned int records, last_state;

static int take(void *ctx, const struct wire_head *record, size_t size)
{
	const struct wire_audit *audit = (const struct wire_audit *)record;

	(void)ctx;
	(void)size;
	if (record->kind == WIRE_AUDIT)
		last_state = audit->state;
	records++;
	return 0;
}

static int no_file(void *ctx, uint32_t pid, uint64_t start, uint64_t end, const char *path)
{
	(void)ctx;
	(void)pid;
	(void)start;
	(void)end;
	(void)path;
	return -ENOENT;
}

/* The process of the audit: the one of our children that is not the target. */
static int child_of_ours(int target)
{
	char path[64], text[256] = "", *at = text, *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	for (;;) {
		int pid = (int)strtol(at, &end, 10);

		if (end == at)
			return 0;
		if (pid != target)
			return pid;
		at = end;
	}
}

static int run(struct auditor *auditor)
{
	int n;

	while (!(n = auditor_step(auditor, take, NULL)))
		usleep(1000);
	return n;
}

static struct auditor *begin(const struct target_proc *target)
{
	struct namer_opener opener = { .file = no_file };
	struct auditor *auditor = NULL;

	records = 0;
	cr_assert_eq(auditor_open(&auditor, target->pid, target->mem, target->maps, "/", &opener),
		     0);
	return auditor;
}

Test(auditor, tells_of_a_process_without_python_that_there_is_none, .timeout = 20)
{
	struct target_proc target;
	struct auditor *auditor;

	cr_assert_eq(target_start(&target, sleeper), 0);
	auditor = begin(&target);
	cr_expect_eq(run(auditor), 1);
	cr_expect_eq(records, 1);
	cr_expect_eq(last_state, WIRE_AUDIT_NO_PYTHON);
	auditor_close(auditor);
	target_stop(&target);
}

Test(auditor, one_that_does_not_answer_ends_with_its_deadline, .timeout = 20)
{
	struct target_proc target;
	struct auditor *auditor;
	uint64_t began = child_now_ns(), took;

	cr_assert_eq(target_start(&target, sleeper), 0);
	auditor = begin(&target);
	cr_assert_eq(kill(child_of_ours(target.pid), SIGSTOP), 0);
	while (auditor_step(auditor, take, NULL) == 0 && child_now_ns() - began < 15000000000ULL)
		usleep(1000);
	took = child_now_ns() - began;
	cr_expect_eq(auditor_step(auditor, take, NULL), -ETIME);
	cr_expect_lt(took, (AUDITOR_DEADLINE_MS + 2000) * 1000000ULL);
	cr_expect_eq(records, 0);
	auditor_close(auditor);
	cr_expect_eq(child_of_ours(target.pid), 0, "its process outlives it");
	target_stop(&target);
}

Test(auditor, one_that_dies_is_told_of, .timeout = 20)
{
	struct target_proc target;
	struct auditor *auditor;

	cr_assert_eq(target_start(&target, sleeper), 0);
	auditor = begin(&target);
	kill(child_of_ours(target.pid), SIGKILL);
	cr_expect_lt(run(auditor), 0);
	auditor_close(auditor);
	target_stop(&target);
}
