// SPDX-License-Identifier: BSD-2-Clause
/*
 * status.c: the talk on stderr.
 *
 * On a terminal one line is redrawn, at most four times a second, and wiped
 * before anything else is printed. Elsewhere a plain line every 10 s tells
 * that the program is alive. Control characters never get through.
 */
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "status.h"
#include "times.h"

#define REDRAW_NS (TIME_SECOND / 4)
#define PLAIN_NS  (10 * TIME_SECOND)
#define CHUNK     200 /* bytes escaped in one go; gw_escape cuts names at 256 characters */

bool terminal_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool is_terminal(FILE *to)
{
	const char *term = getenv("TERM");

	return isatty(fileno(to)) && !(term && !strcmp(term, "dumb"));
}

bool terminal_color(FILE *to, enum opt_color when)
{
	if (when != OPT_COLOR_AUTO)
		return when == OPT_COLOR_ALWAYS;
	if (is_set("NO_COLOR"))
		return false;
	if (is_set("FORCE_COLOR") || is_set("CLICOLOR_FORCE"))
		return true;
	return is_terminal(to);
}

uint32_t terminal_width(FILE *to)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (columns && !number_parse(columns, &n) && n && n < 10000)
		return (uint32_t)n;
	if (!ioctl(fileno(to), TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return 80;
}

void status_open(struct status *status, const struct options *options)
{
	*status = (struct status){
		.live = is_terminal(stderr) && !options->quiet,
		.quiet = options->quiet,
		.verbose = options->verbose,
		.utf8 = terminal_utf8(),
		.last_ns = time_now(),
	};
}

void status_clear(struct status *status)
{
	if (!status->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	status->drawn = false;
}

static void describe(char *line, size_t size, const struct gw_now *now)
{
	uint64_t seconds = now->elapsed_ns / TIME_SECOND;
	char time[32];
	int n = snprintf(line, size, "%" PRIu64 " s, %" PRIu32 " loop%s, %" PRIu64 " turn%s",
			 seconds, now->loops, now->loops == 1 ? "" : "s", now->turns,
			 now->turns == 1 ? "" : "s");

	if (now->lag_max_ns) {
		time_print(time, sizeof(time), now->lag_max_ns);
		n += snprintf(line + n, size - (size_t)n, ", longest %s", time);
	}
	n += snprintf(line + n, size - (size_t)n, ", %" PRIu64 " stall%s", now->stalls,
		      now->stalls == 1 ? "" : "s");
	if (now->late_ns) {
		time_print(time, sizeof(time), now->late_ns);
		n += snprintf(line + n, size - (size_t)n, ", one going on for %s", time);
	}
	if (now->lost)
		snprintf(line + n, size - (size_t)n, ", %" PRIu64 " events LOST", now->lost);
}

void status_show(struct status *status, const struct gw_now *now)
{
	uint64_t pause = status->live ? REDRAW_NS : PLAIN_NS, at = time_now();
	char line[256];
	int width;

	if (status->quiet || at - status->last_ns < pause)
		return;
	status->last_ns = at;
	describe(line, sizeof(line), now);
	if (status->live) {
		width = (int)terminal_width(stderr) - 1;
		fprintf(stderr, "\r\033[K%.*s", width > 0 ? width : 0, line);
		status->drawn = true;
	} else {
		fprintf(stderr, "greenwatch: %s\n", line);
	}
	fflush(stderr);
}

/* Any length, escaped piece by piece, never through the middle of a character. */
static void print_safe(const char *text)
{
	char piece[CHUNK + 1], safe[CHUNK * 8 + 4];

	while (*text) {
		size_t n = strnlen(text, CHUNK);

		for (size_t back = 0; text[n] && back < 3 && (text[n] & 0xc0) == 0x80; back++)
			n--;
		memcpy(piece, text, n);
		piece[n] = '\0';
		gw_escape(safe, sizeof(safe), piece);
		fputs(safe, stderr);
		text += n;
	}
}

static void print_line(struct status *status, const char *line)
{
	status_clear(status);
	if (line[0] != ' ')
		fputs("greenwatch: ", stderr);
	print_safe(line);
	fputc('\n', stderr);
}

void status_say(struct status *status, const char *format, ...)
{
	char line[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	print_line(status, line);
}

void status_log(struct status *status, enum gw_level level, const char *line)
{
	size_t n;

	if ((unsigned)level > status->verbose)
		return;
	for (; *line; line += n + (line[n] == '\n')) { /* a text of several lines */
		char *one;

		n = strcspn(line, "\n");
		one = strndup(line, n);
		if (one && n)
			print_line(status, one);
		free(one);
	}
}
