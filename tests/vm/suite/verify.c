/*
 * verify.c: loads each program of a BPF object by itself, to learn which ones a kernel refuses.
 *
 *   verify OBJECT [PROGRAM...]
 *
 * One line a program: `ok NAME` or `refused NAME: ERROR`, followed by the last lines of the
 * verifier's log. Programs named on the command line may be refused (a kernel has one of two).
 * Attaches nothing. The status is 1 when another one was refused. Not a part of greenwatch: the
 * tool loads all its programs at once and keeps the log to itself.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TAIL_LINES 12

static char said[1 << 20];
static size_t used;

static int keep(enum libbpf_print_level level, const char *format, va_list args)
{
	int n;

	if (level == LIBBPF_DEBUG || used >= sizeof(said) - 1)
		return 0;
	n = vsnprintf(said + used, sizeof(said) - used, format, args);
	if (n > 0)
		used += (size_t)n < sizeof(said) - used ? (size_t)n : sizeof(said) - 1 - used;
	return 0;
}

static void print_tail(void)
{
	const char *end = strstr(said, "processed "), *at;
	int lines = 0;

	end = end ? end : said + used;
	for (at = end; at > said && lines <= TAIL_LINES; at--)
		lines += at[-1] == '\n';
	fwrite(at, 1, (size_t)(end - at), stdout);
}

static int load_one(const char *path, const char *name)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;
	int err;

	if (!object)
		return -errno;
	bpf_object__for_each_program(prog, object)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	used = 0;
	said[0] = 0;
	err = bpf_object__load(object);
	bpf_object__close(object);
	return err;
}

static bool may_fail(const char *name, char **names)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *prog;
	int status = 0;

	if (argc < 2)
		return 2;
	libbpf_set_print(keep);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		return 2;
	bpf_object__for_each_program(prog, object)
	{
		const char *name = bpf_program__name(prog);
		int err = load_one(argv[1], name);

		if (!err) {
			printf("ok %s\n", name);
			continue;
		}
		printf("refused %s: %s\n", name, strerror(-err));
		print_tail();
		if (!may_fail(name, argv + 2))
			status = 1;
	}
	bpf_object__close(object);
	return status;
}
