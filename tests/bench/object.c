/*
 * object.c: a small shared object that a stack can lead through. The bench maps hundreds of copies.
 */
#include <time.h>

int object_nap(long ms);

__attribute__((noinline)) static int nap_inside(long ms)
{
	struct timespec time = { .tv_nsec = ms * 1000000 };

	return nanosleep(&time, NULL);
}

int object_nap(long ms)
{
	return nap_inside(ms) + 1; /* no tail call: the frame stays */
}
