// SPDX-License-Identifier: BSD-2-Clause
/*
 * hello.c: when, where and with which settings. See hello.h.
 */
#include <stdint.h>
#include "source/hello.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "greenwatch.h"

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void hello_make(struct wire_hello *out, uint64_t late_ns, uint64_t period_ns, const char *gate)
{
	struct utsname uts;
	uint64_t random = 0;

	*out = (struct wire_hello){
		.head = { .kind = WIRE_HELLO,
			  .size = sizeof(*out),
			  .now_ns = clock_ns(CLOCK_MONOTONIC) },
		.version = WIRE_VERSION,
		.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
		.wall_ns = clock_ns(CLOCK_REALTIME),
		.late_ns = late_ns,
		.period_ns = period_ns,
	};
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = out->wall_ns;
	uname(&uts);
	snprintf(out->id, sizeof(out->id), "%016llx", (unsigned long long)random);
	snprintf(out->kernel, sizeof(out->kernel), "%.63s", uts.release);
	snprintf(out->arch, sizeof(out->arch), "%.15s", uts.machine);
	snprintf(out->host, sizeof(out->host), "%.63s", uts.nodename);
	snprintf(out->gate, sizeof(out->gate), "%s", gate);
	snprintf(out->tool, sizeof(out->tool), "%s", gw_version());
}
