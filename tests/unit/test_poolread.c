// SPDX-License-Identifier: BSD-2-Clause
/*
 * Thread pools read from a process: every interpreter that is installed here,
 * and memory that lies. A sparse file stands for /proc/PID/mem.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "interpreters.h"
#include "runtime/poolread.h"
#include "target.h"

#define QUEUE 0x100000ULL
#define ITEMS 0x200000ULL
#define BLOCK 0x300000ULL
#define TYPE  0x400000ULL

static struct python py;
static struct memory mem;

static void put_word(uint64_t address, uint64_t word)
{
	cr_assert_eq(pwrite(mem.fd, &word, sizeof(word), (off_t)address), sizeof(word));
}

static void put_words(uint64_t address, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_word(address + 8 * i, words[i]);
}

static void begin(void)
{
	mem = (struct memory){ .fd = memfd_create("memory", 0) };
	cr_assert(mem.fd >= 0);
	cr_assert_eq(ftruncate(mem.fd, 16 << 20), 0);
	memory_budget(&mem, 1 << 20, 4096);
	py = (struct python){ .offsets.minor = 11 };
}

static void end(void)
{
	close(mem.fd);
}

TestSuite(poolread, .init = begin, .fini = end);

/* A list of n items at ITEMS, the i-th at 0x10000 + 16 * i. */
static void put_list(uint64_t address, uint64_t n)
{
	put_word(address + 16, n);
	put_word(address + 24, ITEMS);
	for (uint64_t i = 0; i < n && i < 300; i++)
		put_word(ITEMS + 8 * i, 0x10000 + 16 * i);
}

Test(poolread, a_simple_queue_up_to_3_12_begins_where_its_list_is_used_from)
{
	struct pyqueue queue;

	put_word(QUEUE + 32, BLOCK);
	put_word(QUEUE + 40, 3);
	put_list(BLOCK, 10);
	cr_assert_eq(pyqueue_simple(&mem, &py, QUEUE, &queue), 0);
	cr_expect_eq(queue.total, 7);
	cr_expect_eq(queue.n, 7);
	cr_expect_eq(queue.ids[0], 0x10000 + 48);
}

Test(poolread, a_simple_queue_that_changes_under_the_look_is_dropped)
{
	struct pyqueue queue;

	put_word(QUEUE + 32, BLOCK);
	put_word(QUEUE + 40, 11);
	put_list(BLOCK, 10);
	cr_expect_eq(pyqueue_simple(&mem, &py, QUEUE, &queue), -EBADMSG);
	put_word(QUEUE + 32, 3);
	cr_expect_lt(pyqueue_simple(&mem, &py, QUEUE, &queue), 0);
}

Test(poolread, of_a_long_queue_the_first_items_are_read_and_all_are_counted)
{
	struct pyqueue queue;

	put_list(QUEUE, 5000);
	cr_assert_eq(pyqueue_list(&mem, QUEUE, &queue), 0);
	cr_expect_eq(queue.total, 5000);
	cr_expect_eq(queue.n, WIRE_POOL_ITEMS);
}

Test(poolread, a_list_longer_than_any_is_dropped)
{
	struct pyqueue queue;

	put_list(QUEUE, 1ULL << 60);
	cr_expect_eq(pyqueue_list(&mem, QUEUE, &queue), -EBADMSG);
}

Test(poolread, an_item_that_is_no_object_drops_the_queue)
{
	struct pyqueue queue;

	put_list(QUEUE, 5);
	put_word(ITEMS + 16, 7);
	cr_expect_eq(pyqueue_list(&mem, QUEUE, &queue), -EBADMSG);
}

Test(poolread, a_ring_that_goes_round_its_end_is_read_in_order)
{
	const uint64_t ring[] = { 2, 6, ITEMS, 8, 4 }; /* put, get, items, room, n */
	struct pyqueue queue;

	py.offsets.minor = 13;
	put_list(BLOCK, 8);
	put_words(QUEUE + 24, ring, 5);
	cr_assert_eq(pyqueue_simple(&mem, &py, QUEUE, &queue), 0);
	cr_expect_eq(queue.n, 4);
	cr_expect_eq(queue.ids[0], 0x10000 + 16 * 6);
	cr_expect_eq(queue.ids[2], 0x10000);
}

Test(poolread, rings_that_do_not_fit_together_are_dropped)
{
	const uint64_t rings[][5] = {
		{ 3, 6, ITEMS, 8, 4 },  /* put is elsewhere */
		{ 2, 8, ITEMS, 8, 2 },  /* begins beyond its end */
		{ 0, 0, ITEMS, 0, 0 },  /* has no room */
		{ 0, 0, ITEMS, 8, 16 }, /* more items than room */
		{ 0, 0, ITEMS, 1ULL << 40, 1ULL << 40 },
		{ 1, 0, UINT64_MAX - 7, 8, 1 },
	};
	struct pyqueue queue;

	py.offsets.minor = 13;
	put_list(BLOCK, 8);
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		put_words(QUEUE + 24, rings[i], 5);
		cr_expect_lt(pyqueue_simple(&mem, &py, QUEUE, &queue), 0, "%zu", i);
	}
}

static void put_deque(uint64_t n, uint64_t index)
{
	put_word(QUEUE + 16, n);
	put_word(QUEUE + 24, BLOCK);
	put_word(QUEUE + 40, index);
	for (uint64_t i = 0; i < 64; i++) {
		put_word(BLOCK + 8 + 8 * i, 0x10000 + 16 * i);
		put_word(BLOCK + 4096 + 8 + 8 * i, 0x20000 + 16 * i);
	}
	put_word(BLOCK + 520, BLOCK + 4096);
}

Test(poolread, a_deque_goes_on_in_its_next_block)
{
	struct pyqueue queue;

	put_deque(5, 62);
	cr_assert_eq(pyqueue_deque(&mem, QUEUE, &queue), 0);
	cr_expect_eq(queue.n, 5);
	cr_expect_eq(queue.ids[1], 0x10000 + 16 * 63);
	cr_expect_eq(queue.ids[2], 0x20000);
}

Test(poolread, a_deque_in_a_circle_or_beyond_its_block_ends)
{
	struct pyqueue queue;

	put_deque(500, 63);
	put_word(BLOCK + 520, BLOCK);
	cr_expect_eq(pyqueue_deque(&mem, QUEUE, &queue), 0);
	cr_expect_eq(queue.n, WIRE_POOL_ITEMS);
	put_deque(5, 65);
	cr_expect_eq(pyqueue_deque(&mem, QUEUE, &queue), -EBADMSG);
	put_deque(5, 64);
	put_word(BLOCK + 520, 0);
	cr_expect_lt(pyqueue_deque(&mem, QUEUE, &queue), 0);
}

Test(poolread, slots_of_a_class_that_is_its_own_base_are_looked_for_in_vain)
{
	static const char *const names[] = { "_links" };
	uint32_t offset;

	put_word(TYPE + 256, TYPE);
	put_word(TYPE + 240, ITEMS);
	for (uint64_t i = 0; i < 3000; i++)
		put_word(ITEMS + 40 * i, QUEUE); /* members without an end, all called "" */
	cr_expect_eq(pyattr_slots(&mem, TYPE, names, 1, &offset), -ENOENT);
}

#define UV     0x500000ULL /* nthreads, idle_threads, slow_io_work_running: a word each */
#define WQ     0x500100ULL
#define SLOW   0x500200ULL
#define NOTICE 0x500300ULL /* stands in wq for those in SLOW */

/* A ring of n works behind head, 32 bytes each. */
static void put_ring(uint64_t head, uint64_t first, uint64_t n)
{
	put_word(head, n ? first : head);
	for (uint64_t i = 0; i < n; i++)
		put_word(first + 32 * i, i + 1 < n ? first + 32 * (i + 1) : head);
}

static bool read_uv(struct namer_pool *out)
{
	static struct proc proc;
	static struct poolread pools;
	const uint64_t variables[] = { UV, UV + 8, WQ, SLOW, NOTICE, UV + 16 };

	put_word(UV, 4);
	put_word(UV + 16, 2);
	memory_budget(&mem, 4 << 20, 20000);
	proc.mem = mem;
	proc.fresh = true; /* no maps: no names */
	pools.uv_known = true;
	memcpy(pools.uv, variables, sizeof(variables));
	return uvpool_read(&proc, &pools, out);
}

Test(poolread, of_libuvs_long_queue_the_first_ids_are_kept_and_all_work_is_counted)
{
	struct namer_pool pool;

	put_ring(WQ, 0x600000, 1000);
	put_ring(SLOW, 0x700000, 300);
	cr_assert(read_uv(&pool));
	cr_expect_eq(pool.queued, 1300);
	cr_expect_eq(pool.n_queued, WIRE_POOL_ITEMS);
	cr_expect_eq(pool.ids[WIRE_POOL_ITEMS - 1], 0x600000 + 32 * (WIRE_POOL_ITEMS - 1));
	cr_expect_eq(pool.full, 1);
}

Test(poolread, of_libuvs_endless_queue_no_more_than_4096_hops_are_taken)
{
	struct namer_pool pool;

	put_ring(WQ, 0x600000, 6000);
	put_ring(SLOW, 0x700000, 0);
	cr_assert(read_uv(&pool));
	cr_expect_eq(pool.queued, 4096);
	cr_expect_eq(pool.full, 0);
}

Test(poolread, a_walk_of_libuvs_queue_that_comes_into_another_ring_is_dropped)
{
	struct namer_pool pool;

	put_ring(WQ, 0x600000, 100);
	put_ring(SLOW, 0x700000, 100);
	put_word(0x600000 + 32 * 50, 0x700000);
	cr_expect_not(read_uv(&pool));
	put_word(0x600000 + 32 * 50, 0x600000 + 32 * 50); /* it has just been taken out */
	cr_expect_not(read_uv(&pool));
}

static const char executor[] =
	"import concurrent.futures, os, threading\n"
	"go = threading.Event()\n"
	"def work(): go.wait()\n"
	"pool = concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix='renderer')\n"
	"idle = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix='idle')\n"
	"idle.submit(int).result()\n"
	"for _ in range(5): pool.submit(work)\n"
	"while not all(t.is_alive() for t in pool._threads) or pool._work_queue.qsize() != 3: "
	"pass\n"
	"os.write(1, b'READY 1\\n')\n"
	"os.read(0, 1)\n"
	"os._exit(0)\n";

static const char gevent_pool[] = "import gevent, os, threading, time\n"
				  "pool = gevent.get_hub().threadpool\n"
				  "pool.maxsize = 2\n"
				  "def work(): time.sleep(60)\n"
				  "for _ in range(6): gevent.spawn(pool.spawn, work)\n"
				  "while len(pool) != 3: gevent.sleep(0.01)\n"
				  "while pool.task_queue.qsize() != 1: gevent.sleep(0.01)\n"
				  "os.write(1, b'READY 1\\n')\n"
				  "os.read(0, 1)\n"
				  "os._exit(0)\n";

/* What is seen of the program's pools once all its threads have begun. False: it did not start. */
static bool see(const char *path, const char *script, struct namer_pools *out)
{
	char python[256];
	char *argv[] = { python, (char *)"-B", (char *)"-c", (char *)(uintptr_t)script, NULL };
	struct namer_opener opener = { .file = target_file };
	struct namer_look found;
	struct target_proc target;
	struct namer *namer;
	bool started;

	snprintf(python, sizeof(python), "%s", path);
	started = !target_start(&target, argv);
	if (started) {
		cr_assert_eq(namer_open(&namer, &opener, NULL, NULL), 0);
		cr_assert_eq(namer_look(namer, (uint32_t)target.pid, target.mem, target.maps, "",
					&found),
			     0);
		do {
			cr_assert_eq(namer_pools(namer, (uint32_t)target.pid, 9, out), 0);
		} while (out->pending && !usleep(10000));
		namer_close(namer);
	}
	target_stop(&target);
	return started;
}

static const struct namer_pool *pool_named(const struct namer_pools *seen, const char *name)
{
	for (uint32_t i = 0; i < seen->n; i++)
		if (!strcmp(seen->list[i].name, name))
			return &seen->list[i];
	cr_assert_fail("no pool %s among %u", name, seen->n);
	return NULL;
}

ParameterizedTestParameters(interpreters, each_shows_its_executors)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, NULL));
}

ParameterizedTest(struct interpreter *python, interpreters, each_shows_its_executors)
{
	struct namer_pools seen;
	const struct namer_pool *pool;

	cr_assert(see(python->path, executor, &seen), "%s", python->path);
	cr_expect_eq(seen.n, 2, "%s", python->path);
	pool = pool_named(&seen, "renderer");
	cr_expect_eq(pool->kind, WIRE_POOL_EXECUTOR);
	cr_expect_eq(pool->size, 2);
	cr_expect_eq(pool->threads, 2);
	cr_expect_eq(pool->busy, 2, "%s: %u", python->path, pool->busy);
	cr_expect_eq(pool->queued, 3);
	cr_expect_eq(pool->n_queued, 3);
	cr_expect_str_eq(pool->next, "work");
	pool = pool_named(&seen, "idle");
	cr_expect_eq(pool->threads, 1);
	cr_expect_eq(pool->busy, 0);
	cr_expect_eq(pool->queued, 0);
}

ParameterizedTestParameters(interpreters, each_with_gevent_shows_its_pool)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list,
				   interpreters(list, 32, getenv("PYTHON")));
}

ParameterizedTest(struct interpreter *python, interpreters, each_with_gevent_shows_its_pool)
{
	struct namer_pools seen;
	const struct namer_pool *pool;

	if (!see(python->path, gevent_pool, &seen))
		cr_skip("it has no gevent");
	pool = pool_named(&seen, "gevent.threadpool");
	cr_expect_eq(pool->kind, WIRE_POOL_GEVENT);
	cr_expect_eq(pool->size, 2);
	cr_expect_eq(pool->threads, 2);
	cr_expect_eq(pool->busy, 2);
	cr_expect_eq(pool->queued, 1);
	cr_expect_eq(pool->waiting, 3);
	cr_expect_str_eq(pool->next, "work");
}
