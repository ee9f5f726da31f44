// SPDX-License-Identifier: BSD-2-Clause
/* A library whose function sleeps in the loop of whoever calls it; see stuck.py. */
#include <time.h>

void stall_in_c(double seconds);

void stall_in_c(double seconds)
{
	struct timespec ts = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };

	nanosleep(&ts, NULL);
}
