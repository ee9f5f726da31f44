// SPDX-License-Identifier: BSD-2-Clause
/*
 * help.c: examples first, then commands and options from their tables.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "greenwatch.h"

static const struct {
	const char *name, *help, *text;
} topics[] = {
	{ "thresholds", "which -T to choose",
	  "A turn of the loop that takes longer than the threshold (-T) is a stall.\n"
	  "\n"
	  "    1ms   games, audio; below it almost all turns of a busy service are stalls\n"
	  "   10ms   latency-critical services\n"
	  "   25ms   Seastar's default\n"
	  "   50ms   first triage of an ordinary service\n"
	  "  100ms   the default: gevent's, asyncio's and HAProxy's own limit\n"
	  "  500ms   and up: hangs only\n"
	  "\n"
	  "Shorter turns are in the distribution of every report all the same.\n" },
	{ "run", "a program under watch, as a test in CI",
	  "  greenwatch run -- python3 app.py                 a program, until it ends\n"
	  "  greenwatch run -o stalls.json -- pytest          and the report in a file\n"
	  "  greenwatch run -p 4242 -- wrk -d 30 http://...   watch 4242, the command is the load\n"
	  "  greenwatch run --warmup 0 -b 'lag.p99 < 20ms' -- python3 job.py\n"
	  "\n"
	  "The command is held until the probes are on, has its own stdin, stdout and terminal,\n"
	  "and runs as the user who called sudo (--as-root keeps root). Text of greenwatch goes\n"
	  "to stderr. The exit code is the command's own where it fails; else 0, or 3 where a\n"
	  "budget is broken (stalls == 0 unless given), or 4 without a verdict; 125, 126, 127:\n"
	  "it has not begun.\n"
	  "\n"
	  "Until it listens on a socket, at most 2 s, it is warming up: stalls are listed and not\n"
	  "judged. --warmup TIME sets that, 0 judges from the first turn. Time without a CPU is\n"
	  "never charged. INT and TERM are passed on; after --grace it is left alone, not killed.\n"
	  "greenwatch run -h lists the options; more is in docs/ci.md.\n" },
	{ "budgets", "what -b, check and diff judge",
	  "  [SCOPE:] METRIC CMP VALUE [@warn]     greenwatch -p 4242 -d 60 -b \"stalls == 0\"\n"
	  "\n"
	  "  metrics  lag.p99 lag.max lag.avg, stalls stalls(>100ms) stalled stalled% longest,\n"
	  "           blocked oncpu runqueue throttled stopped gil gc, sites new_sites, lost\n"
	  "  scopes   runtime NAME, loop PID/TID, cause NAME, rule GW1001, site FINGERPRINT\n"
	  "  values   20ms 1.5s 5% 3 2/min, or +10%: more than in --baseline\n"
	  "  presets  @default: stalls(>100ms) == 0; @strict: and lag.p99 < 20ms; none\n"
	  "\n"
	  "Charged is time on the CPU and blocked; waiting for a CPU, throttled and stopped is\n"
	  "shown, and charged where the expression names it. Nothing passes by being absent: an\n"
	  "expression over nothing, lost events or too few turns give no verdict, exit 4.\n"
	  "\n"
	  "  greenwatch check stalls.json --budget-file greenwatch.budget -o junit.xml\n"
	  "  greenwatch diff main.json new.json --fail-on new,regressed\n"
	  "  greenwatch report stalls.json -f suppressions > .greenwatch.supp\n"
	  "\n"
	  "More is in docs/budgets.md and greenwatch-budget(5).\n" },
	{ "exit", "exit codes and signals",
	  "  0    done, whatever was seen; also after ^C and when the target has ended\n"
	  "  1    error: no permission, no such process, no event loop seen, output failed\n"
	  "  2    usage: unknown option, bad value, unknown rule, a report that cannot be read\n"
	  "  3    a budget is broken; audit, diff --fail-on: such a thing was found\n"
	  "  4    no verdict: it cannot be told (greenwatch help budgets)\n"
	  "  125  run: greenwatch failed before the command began\n"
	  "  126  run: the command cannot be executed\n"
	  "  127  run: the command was not found\n"
	  "  130  second ^C\n"
	  "run: where the command fails its own status, or death by the same signal, goes first\n"
	  "\n"
	  "INT, TERM and HUP stop the watching, print the summary and write the files.\n"
	  "QUIT (^\\) prints a summary in between and goes on.\n" },
	{ "formats", "what -o and -f write", NULL },
	{ "causes", "what the causes mean",
	  "  cpu        the turn ran\n"
	  "  syscall    blocked in a system call\n"
	  "  pagefault  waited for memory to be read in\n"
	  "  runqueue   ready, but no CPU was given     (not charged to the program)\n"
	  "  stopped    SIGSTOP, debugger or freezer       (not charged)\n"
	  "  unknown    not enough evidence\n" },
	{ "limits", "what counts as an event loop",
	  "An event loop is a thread that waits again and again on the same epoll descriptor\n"
	  "(or in poll, select or io_uring) and works in between: gevent, asyncio, uvloop, Node,\n"
	  "libev, libuv, plain epoll. A program that only sleeps, computes or serves each\n"
	  "connection in a thread of its own has none. A loop that is idle all the time shows\n"
	  "up with its first wake-up.\n" },
};
#define TOPICS (sizeof(topics) / sizeof(topics[0]))

static void print_options(int bit)
{
	const struct opt *row;
	char left[48];

	puts("\noptions:");
	for (size_t i = 0; (row = options_row(i)); i++) {
		if (!row->help || !(row->commands & bit))
			continue;
		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", row->letter ? '-' : ' ',
			 row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name,
			 row->arg ? (row->type == OPT_MAYBE ? "=" : " ") : "",
			 row->arg ? row->arg : "");
		printf("  %-26s %s\n", left, row->help);
	}
}

static void print_page(void)
{
	puts("greenwatch tells which turn of an event loop was late, and why\n"
	     "\n"
	     "  greenwatch -p 4242                    stalls as they happen, a summary at ^C\n"
	     "  greenwatch -p 4242 -d 60 -T 50ms      one minute, stalls over 50 ms\n"
	     "  greenwatch -p 4242 -d 60 -o out.json  and the whole report in a file\n"
	     "  greenwatch report out.json -o out.md  a saved report in another format\n"
	     "  greenwatch -p 4242 --jsonl | jq .     one JSON object per stall\n"
	     "  greenwatch -n gunicorn                a process by its name\n"
	     "  greenwatch run -- python3 app.py      start it, watch it, exit 3 if it stalled\n"
	     "\n"
	     "The target is not stopped, signalled or changed. Watching needs root, or CAP_BPF,\n"
	     "CAP_PERFMON, CAP_SYS_PTRACE and, for processes of others, CAP_DAC_READ_SEARCH.\n"
	     "\n"
	     "commands:");
	for (const struct command *command = commands; command->name; command++) {
		if (command->help)
			printf("  %-26s %s\n", command->usage, command->help);
	}
	print_options(OPT_WATCH);
	puts("\nthreshold: 10ms for latency-critical services, 50ms for a first look, 100ms (the\n"
	     "default) is gevent's and asyncio's own limit, 500ms finds hangs only\n"
	     "\n"
	     "topics, greenwatch help TOPIC:");
	for (size_t i = 0; i < TOPICS; i++)
		printf("  %-26s %s\n", topics[i].name, topics[i].help);
}

/* From the library's table. */
static void print_formats(void)
{
	struct gw_format format;

	puts("The extension of an -o file picks its format; -f goes before it.\n");
	for (size_t i = 0; !gw_format_at(i, &format); i++) {
		if (format.help)
			printf("  %-13s %-17s %s\n", format.name,
			       format.extension ? format.extension : "", format.help);
	}
}

void help_command(const struct command *command)
{
	if (!command || command->bit == OPT_WATCH || command->bit == OPT_ANY) {
		print_page();
		return;
	}
	printf("usage: greenwatch %s\n", command->usage);
	print_options(command->bit);
}

int cmd_help(struct options *options)
{
	const char *word = options->words.count ? options->words.items[0] : NULL;

	if (!word) {
		print_page();
		return printed();
	}
	for (size_t i = 0; i < TOPICS; i++) {
		if (!strcmp(topics[i].name, word)) {
			if (topics[i].text)
				fputs(topics[i].text, stdout);
			else
				print_formats();
			return printed();
		}
	}
	for (const struct command *command = commands; command->name; command++) {
		if (!strcmp(command->name, word)) {
			help_command(command);
			return printed();
		}
	}
	return usage("no help on \"%s\"; greenwatch help lists the topics", word);
}
