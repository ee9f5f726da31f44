/* Sleeps in functions of known names; built a second time with other names at the same places. */
#include <unistd.h>

#ifndef INNER
#define INNER inner_nap
#define OUTER nap_in_library
#endif

__attribute__((noinline)) void INNER(unsigned int us)
{
	usleep(us);
	__asm__ volatile("");
}

void OUTER(void (*call)(void (*)(unsigned int), unsigned long), unsigned int us)
{
	call(INNER, us);
	__asm__ volatile("");
}
