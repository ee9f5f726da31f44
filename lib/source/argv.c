// SPDX-License-Identifier: BSD-2-Clause
/*
 * argv.c: what of a command line may leave the machine.
 *
 * Reports travel, and passwords sit in arguments. So a value is never kept,
 * not even one that looks harmless: only argv[0], the script or module that
 * an interpreter runs, and the names of options.
 */
#include <stdbool.h>
#include <string.h>
#include "source/argv.h"

static const char *const interpreters[] = { "python", "node", "ruby", "perl", "bash", "sh" };

enum expect {
	PLAIN,  /* values */
	SCRIPT, /* an interpreter's own options, until its script */
	MODULE, /* the argument of -m */
	VALUE,  /* the argument of -W or -X, then the script */
};

static bool interprets(const char *argv0)
{
	const char *base = strrchr(argv0, '/');

	base = base ? base + 1 : argv0;
	if (*base == '-')
		base++;
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		size_t n = strlen(interpreters[i]);

		if (strncmp(base, interpreters[i], n) == 0 &&
		    strspn(base + n, "js0123456789.") == strlen(base + n))
			return true;
	}
	return false;
}

/* How many bytes of an option are its name; the rest, if any, is a value. */
static size_t option_name(const char *arg)
{
	const char *equals = strchr(arg, '=');

	if (equals)
		return (size_t)(equals + 1 - arg);
	return arg[1] == '-' ? strlen(arg) : strnlen(arg, 2);
}

static enum expect after_option(enum expect expect, const char *arg)
{
	if (expect != SCRIPT)
		return PLAIN;
	if (strcmp(arg, "-m") == 0)
		return MODULE;
	if (strcmp(arg, "-W") == 0 || strcmp(arg, "-X") == 0 || strcmp(arg, "-r") == 0)
		return VALUE;
	return arg[1] == 'c' || arg[1] == 'e' || strcmp(arg, "--eval") == 0 ? PLAIN : SCRIPT;
}

static bool put(char *out, size_t size, size_t *used, const char *arg, size_t keep)
{
	bool star = arg[keep] != '\0';

	if (keep + star + 1 > size - *used)
		return false;
	memcpy(out + *used, arg, keep);
	if (star)
		out[*used + keep] = '*';
	out[*used + keep + star] = '\0';
	*used += keep + star + 1;
	return true;
}

static size_t kept(const char *arg, uint32_t i, enum expect *expect)
{
	enum expect now = *expect;

	if (i == 0) {
		*expect = interprets(arg) ? SCRIPT : PLAIN;
		return strlen(arg);
	}
	if (arg[0] == '-' && arg[1] && now != MODULE && now != VALUE) {
		*expect = after_option(now, arg);
		return option_name(arg);
	}
	*expect = now == VALUE ? SCRIPT : PLAIN;
	return now == SCRIPT || now == MODULE ? strlen(arg) : 0;
}

uint32_t argv_redact(const char *in, size_t len, char *out, size_t size)
{
	enum expect expect = PLAIN;
	char arg[1024];
	size_t used = 0;
	uint32_t n = 0;

	/* A rewritten title leaves empty arguments behind it. */
	while (len && in[len - 1] == '\0')
		len--;
	while (len) {
		size_t part = strnlen(in, len), cut = part < sizeof(arg) ? part : sizeof(arg) - 1;

		memcpy(arg, in, cut);
		arg[cut] = '\0';
		if (!put(out, size, &used, arg, kept(arg, n, &expect)))
			break;
		n++;
		in += part < len ? part + 1 : part;
		len -= part < len ? part + 1 : part;
	}
	return n;
}

static bool is_file(const char *path, size_t len, const char *name)
{
	size_t want = strlen(name);

	if (len < want || memcmp(path + len - want, name, want) != 0)
		return false;
	return len == want || path[len - want - 1] == '/';
}

bool argv_is(const char *in, size_t len, const char *name)
{
	enum expect expect = PLAIN, now;
	char arg[1024];

	for (uint32_t i = 0; len && *name; i++) {
		size_t part = strnlen(in, len), cut = part < sizeof(arg) ? part : sizeof(arg) - 1;

		memcpy(arg, in, cut);
		arg[cut] = '\0';
		now = expect;
		kept(arg, i, &expect);
		if (i == 0 || now == MODULE || (now == SCRIPT && arg[0] != '-')) {
			if (is_file(arg, cut, name))
				return true;
		}
		if (expect == PLAIN)
			return false;
		in += part < len ? part + 1 : part;
		len -= part < len ? part + 1 : part;
	}
	return false;
}
