// SPDX-License-Identifier: BSD-2-Clause
/*
 * /proc/PID/maps as text, good and bad, and command lines without values.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "name/maps.h"
#include "source/argv.h"

static const char text[] =
	"00400000-0041f000 r--p 00000000 fd:01 77                         /usr/bin/x y\n"
	"0041f000-006d2000 r-xp 0001f000 fd:01 77                         /usr/bin/x y\n"
	"00b0d000-00b2e000 rw-p 00000000 00:00 0                          [heap]\n"
	"7f0000000000-7f0000001000 r-xp 00000000 00:00 0 \n"
	"7f0000002000-7f0000003000 r-xp 00000000 fd:01 12                 /lib/a\\012b.so "
	"(deleted)\n"
	"7ffc0f9f5000-7ffc0f9f7000 r-xp 00000000 00:00 0                  [vdso]\n";

Test(maps, keeps_files_and_code_and_finds_them_by_address)
{
	struct maps maps = { 0 };
	const struct mapping *map;

	cr_assert_eq(maps_parse(&maps, text, strlen(text)), 0);
	cr_expect_eq(maps.n, 5);
	cr_expect_eq(maps.bad, 0);
	map = maps_find(&maps, 0x41f000);
	cr_assert_not_null(map);
	cr_expect_eq(map->offset, 0x1f000);
	cr_expect_eq(map->inode, 77);
	cr_expect_eq(map->device, 0xfd << 20 | 1);
	cr_expect(map->exec);
	cr_expect_str_eq(map->path, "/usr/bin/x y");
	cr_expect_str_eq(maps_base(map), "x y");
	cr_expect_null(maps_find(&maps, 0x6d2000));
	cr_expect_null(maps_find(&maps, 0xb0d000));
	cr_expect_null(maps_find(&maps, 0));
	cr_expect_null(maps_find(&maps, UINT64_MAX));
	cr_expect_str_eq(maps_find(&maps, 0x7f0000000abc)->path, "");
	cr_expect_str_eq(maps_base(maps_find(&maps, 0x7f0000002000)), "a\\012b.so");
	cr_expect_str_eq(maps_find(&maps, 0x7ffc0f9f5000)->path, "[vdso]");
	maps_free(&maps);
}

Test(maps, lines_that_make_no_sense_are_counted_and_skipped)
{
	const char *lines[] = {
		"\n",
		"hello\n",
		"2000-1000 r-xp 0 0:0 0 /x\n",
		"fffffffffffffffff-2 r-xp 0 0:0 0 /x\n",
		"1000-2000 r-xp 0 00:00\n",
		"1000-2000\n",
		"1000-2000 r-xp ffffffffffffffff 00:00 1 /x\n",
		"1000-2000 r-xp 0 0g:00 1 /x\n",
		"1000-2000 r-xp 0 00:00 99999999999999999999999 /x\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct maps maps = { 0 };

		cr_expect_eq(maps_parse(&maps, lines[i], strlen(lines[i])), 0);
		cr_expect_eq(maps.n, 0, "%s", lines[i]);
		cr_expect_eq(maps.bad, 1, "%s", lines[i]);
		maps_free(&maps);
	}
}

Test(maps, a_text_cut_anywhere_is_survived)
{
	for (size_t n = 0; n < sizeof(text); n++) {
		struct maps maps = { 0 };

		cr_expect_eq(maps_parse(&maps, text, n), 0);
		maps_free(&maps);
	}
}

Test(maps, mappings_that_overlap_are_bad)
{
	const char twice[] = "1000-3000 r-xp 0 00:00 1 /x\n2000-4000 r-xp 0 00:00 1 /x\n";
	struct maps maps = { 0 };

	cr_assert_eq(maps_parse(&maps, twice, strlen(twice)), 0);
	cr_expect_eq(maps.n, 1);
	cr_expect_eq(maps.bad, 1);
	maps_free(&maps);
}

Test(maps, the_own_ones_hold_the_code_that_reads_them)
{
	struct maps maps = { 0 };
	const struct mapping *map;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	cr_assert_eq(maps_read(&maps, fd), 0);
	map = maps_find(&maps, (uint64_t)(uintptr_t)maps_read);
	cr_assert_not_null(map);
	cr_expect_eq(strncmp(maps_base(map), "test_maps", 9), 0);
	cr_expect_eq(maps.bad, 0);
	maps_free(&maps);
	close(fd);
}

static void expect_argv(const char *in, size_t len, const char *out)
{
	char got[1024], line[1024];
	size_t used = 0;
	uint32_t n = argv_redact(in, len, got, sizeof(got));

	line[0] = '\0';
	for (const char *at = got; n--; at += strlen(at) + 1)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", at,
					 n ? " " : "");
	cr_expect_str_eq(line, out);
}

#define EXPECT_ARGV(in, out) expect_argv(in, sizeof(in), out)

Test(argv, values_become_stars_and_names_stay)
{
	EXPECT_ARGV("gunicorn\0-k\0gevent\0-w\0"
		    "4\0app:x",
		    "gunicorn -k * -w * *");
	EXPECT_ARGV("/usr/bin/python3\0/srv/app.py\0--password=x\0tok",
		    "/usr/bin/python3 /srv/app.py --password=* *");
	EXPECT_ARGV("python3.11\0-m\0web.main\0--key\0k", "python3.11 -m web.main --key *");
	EXPECT_ARGV("python3\0-X\0dev\0-u\0run.py\0run2.py", "python3 -X * -u run.py *");
	EXPECT_ARGV("python\0-c\0import secret\0x", "python -c * *");
	EXPECT_ARGV("node\0--require=x\0server.js\0-p8080", "node --require=* server.js -p*");
	EXPECT_ARGV("sh\0-c\0curl -u me:pw", "sh -c *");
	EXPECT_ARGV("shutdown\0now", "shutdown *");
	EXPECT_ARGV("gunicorn: master [x]\0\0\0\0\0\0", "gunicorn: master [x]");
	EXPECT_ARGV("", "");
}

Test(argv, what_does_not_fit_is_left_out_whole)
{
	char in[3000], out[64];

	memset(in, 'a', sizeof(in));
	cr_expect_eq(argv_redact(in, sizeof(in), out, sizeof(out)), 0);
	cr_expect_eq(argv_redact("ab\0-c", 6, out, 4), 1);
}

#define NAMED(line, name) argv_is(line, sizeof(line) - 1, name)

Test(argv, a_process_is_called_as_its_program_or_its_script)
{
	cr_expect(NAMED("/usr/sbin/nginx\0-g\0x", "nginx"));
	cr_expect(NAMED("/usr/bin/python3\0/srv/app.py\0worker.py", "app.py"));
	cr_expect(NAMED("/usr/bin/python3\0-B\0-W\0ignore\0app.py", "app.py"));
	cr_expect(NAMED("python3\0-m\0gunicorn\0app", "gunicorn"));
	cr_expect(NAMED("/usr/bin/python3\0/usr/bin/gunicorn\0-k\0gevent", "gunicorn"));
	cr_expect(NAMED("sh\0run.sh", "run.sh"));
	cr_expect(!NAMED("/usr/bin/python3\0/srv/app.py\0worker.py", "worker.py"));
	cr_expect(!NAMED("/usr/bin/vi\0app.py", "app.py"));
	cr_expect(!NAMED("/usr/bin/python3\0-c\0app.py", "app.py"));
	cr_expect(!NAMED("/usr/bin/python3\0my-app.py", "app.py"));
	cr_expect(!NAMED("python3", ""));
}
