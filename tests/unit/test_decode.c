// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_decode.c: no byte of a record is trusted.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include "event.h"

static struct event event;

static int decode_sized(uint16_t kind, size_t size)
{
	struct wire_head *head = calloc(1, size > sizeof(*head) ? size : sizeof(*head));
	int err;

	head->kind = kind;
	head->size = size;
	err = decode(head, &event);
	free(head);
	return err;
}

Test(decode, a_record_of_the_wrong_size_is_malformed)
{
	static const uint16_t kinds[] = { WIRE_LOOP, WIRE_TURN, WIRE_GONE, WIRE_SLOT, WIRE_OPEN,
					  WIRE_LOSS, WIRE_TICK, WIRE_END,  WIRE_TIMES };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		cr_assert_eq(decode_sized(kinds[i], sizeof(struct wire_head) + 8 + 3), -EBADMSG,
			     "kind %u", kinds[i]);
	cr_assert_eq(decode_sized(WIRE_GONE, sizeof(struct wire_gone)), 0);
}

Test(decode, an_unknown_kind_is_malformed)
{
	cr_assert_eq(decode_sized(63, 64), -EBADMSG);
	cr_assert_eq(decode_sized(9999, 64), -EBADMSG);
	cr_assert_eq(decode_sized(0, 16), -EBADMSG);
}

Test(decode, a_stack_must_be_as_long_as_its_frames)
{
	struct wire_stack *s = calloc(1, sizeof(*s));

	s->head.kind = WIRE_SLICE;
	s->head.size = WIRE_STACK_BASE + 2 * sizeof(s->python[0]);
	s->n_python = 2;
	cr_assert_eq(decode(&s->head, &event), 0);
	s->n_python = 3;
	cr_assert_eq(decode(&s->head, &event), -EBADMSG);
	s->n_python = WIRE_FRAMES + 1;
	s->head.size = WIRE_STACK_BASE + s->n_python * sizeof(s->python[0]);
	cr_assert_eq(decode(&s->head, &event), -EBADMSG);
	s->n_python = 2;
	s->head.size = WIRE_STACK_BASE + 2 * sizeof(s->python[0]);
	s->n_kernel = WIRE_KERNEL + 1;
	cr_assert_eq(decode(&s->head, &event), -EBADMSG);
	free(s);
}

Test(decode, counts_beyond_their_tables_are_malformed)
{
	struct wire_late late = { .head = { .kind = WIRE_TURN, .size = sizeof(late) } };

	cr_assert_eq(decode(&late.head, &event), 0);
	late.n_waits = WIRE_WAITS + 1;
	cr_assert_eq(decode(&late.head, &event), -EBADMSG);
	late.n_waits = 0;
	late.n_rivals = 5;
	cr_assert_eq(decode(&late.head, &event), -EBADMSG);
}

Test(decode, a_target_needs_all_its_strings_ended)
{
	char bytes[sizeof(struct wire_target) + 64] __attribute__((aligned(8))) = { 0 };
	struct wire_target *target = (struct wire_target *)bytes;
	static const char text[] = "gevent\0003.11.2\0/usr/bin/python3\0/srv\0\0python3\0app.py";

	target->head.kind = WIRE_TARGET;
	target->argc = 2;
	memcpy(target + 1, text, sizeof(text));
	target->head.size = sizeof(*target) + sizeof(text);
	cr_assert_eq(decode(&target->head, &event), 0);
	cr_assert_str_eq(event.target.runtime, "gevent");
	cr_assert_str_eq(event.target.cwd, "/srv");
	cr_assert_str_eq(event.target.args, "python3");
	target->head.size--;
	cr_assert_eq(decode(&target->head, &event), -EBADMSG);
	target->head.size++;
	target->argc = 3;
	cr_assert_eq(decode(&target->head, &event), -EBADMSG);
}

Test(decode, frames_are_taken_one_by_one_to_the_exact_end)
{
	char bytes[sizeof(struct wire_names) + 64] __attribute__((aligned(8))) = { 0 };
	struct wire_names *names = (struct wire_names *)bytes;
	char *frame = (char *)(names + 1);
	struct event_frame out;
	const char *path;
	size_t at = 0;

	frame[1] = 1;
	memcpy(frame + 16, "work\0app.py\0\0\0greenlet", 23);
	names->head.size = sizeof(*names) + 16 + 23;
	cr_assert_eq(decode_frame(names, &at, &out), 0);
	cr_assert_str_eq(out.name, "work");
	cr_assert_str_eq(out.file, "app.py");
	cr_assert_eq(out.app, 1);
	cr_assert_str_eq(decode_task(names, at, &path), "greenlet");
	cr_assert_str_eq(path, "");
	names->has_path = 1;
	cr_assert_null(decode_task(names, at, &path), "a path is promised and not there");
	memcpy(frame + 39, "/f", 3);
	names->head.size += 3;
	cr_assert_str_eq(decode_task(names, at, &path), "greenlet");
	cr_assert_str_eq(path, "/f");
	names->head.size += 2;
	cr_assert_eq(decode_frame(names, &at, &out), -EBADMSG);
}

Test(decode, random_bytes_never_read_beyond_the_record)
{
	srand(7);
	for (int i = 0; i < 200000; i++) {
		size_t size = sizeof(struct wire_head) + rand() % 900;
		unsigned char *bytes = malloc(size); /* exact, so that ASan sees the end */
		struct wire_head *head = (struct wire_head *)bytes;

		for (size_t b = 0; b < size; b++)
			bytes[b] = rand() % 4 ? 0 : rand();
		head->kind = rand() % 2 ? rand() % 8 : 64 + rand() % 10;
		head->size = size;
		decode(head, &event);
		free(bytes);
	}
}
