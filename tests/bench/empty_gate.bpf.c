// SPDX-License-Identifier: GPL-2.0
/*
 * The yardstick of the bystander bench: a program that does nothing, on the entry
 * tracepoints greenwatch's gate uses. What it costs others is the kernel's own slow
 * path; what greenwatch costs them beyond it is greenwatch. No maps, no helpers.
 */

#define SEC(name) __attribute__((section(name), used))

SEC("tracepoint")
int empty_enter(void *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
