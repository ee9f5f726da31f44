// SPDX-License-Identifier: BSD-2-Clause
/*
 * textsother.c: texts of GW5xxx, GW6xxx, GW7xxx, GW8xxx, GW9xxx.
 *
 * Made by tests/causes.py out of lib/causes.tsv.
 */
#include "rules/tables.h"

/* clang-format off */
static const struct gw_rule rows[] = {
	{ .id = "GW5001",
	  .area = "cpu",
	  .title =
		  "JSON",
	  .looks =
		  "On the CPU under json/decoder.py, json/encoder.py or _json*.so: 624-743 ms "
		  "(measured). No system call. The GIL is held: in a thread it took 486-734 ms all the "
		  "same (measured).",
	  .fix =
		  "Handle less JSON at a time, or in another process.",
	  .steps =
		  "Paginate or stream.\n"
		  "Use orjson or msgspec: they hold the GIL too, but are faster.\n"
		  "Use another process.",
	  .source = "measured",
	  .pool = GW_POOL_NO,
	  .matched = true },
	{ .id = "GW5002",
	  .area = "cpu",
	  .title =
		  "pickle (caches, celery, multiprocessing)",
	  .looks =
		  "On the CPU in pickle.loads or pickle.dumps, which are found by the bytecode that "
		  "calls them, with garbage collection inside it (measured). The GIL is held: 339 ms, "
		  "289 ms in a thread (measured).",
	  .fix =
		  "Pickle smaller payloads.",
	  .steps =
		  "Make payloads smaller.\n"
		  "Call gc.freeze after start-up.\n"
		  "Use the buffers of pickle protocol 5.",
	  .source = "measured",
	  .pool = GW_POOL_NO,
	  .matched = true },
	{ .id = "GW5003",
	  .area = "cpu",
	  .title =
		  "Compression",
	  .looks =
		  "On the CPU in libz.so.1 deflate: 371 ms for 14 MB, 25 ms when called in the thread "
		  "pool (measured).",
	  .fix =
		  "Compress elsewhere.",
	  .steps =
		  "Choose a lower level.\n"
		  "Compress in the thread pool: the GIL is released.\n"
		  "Let the proxy do it.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW5004",
	  .area = "cpu",
	  .title =
		  "A regular expression that backtracks without end",
	  .looks =
		  "On the CPU in one call of re.Pattern.match or the like: 460 ms for 24 characters, "
		  "511 ms in a thread (measured). The GIL is held.",
	  .fix =
		  "Fix the pattern.",
	  .steps =
		  "Bound the length of the input.\n"
		  "Rewrite the pattern.\n"
		  "Use the regex module with timeout=.\n"
		  "Use RE2.",
	  .source = "measured",
	  .pool = GW_POOL_NO,
	  .matched = true },
	{ .id = "GW5005",
	  .area = "cpu",
	  .title =
		  "Password hashing",
	  .looks =
		  "On the CPU in _bcrypt, or in PKCS5_PBKDF2_HMAC of libcrypto: 290-303 ms, 14-24 ms "
		  "when called in the thread pool (measured).",
	  .fix =
		  "Hash in the thread pool: the GIL is released.",
	  .steps =
		  "Hash in the thread pool: the GIL is released.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW5006",
	  .area = "cpu",
	  .title =
		  "Hashing or encrypting big buffers",
	  .looks =
		  "On the CPU in the digest functions of libcrypto (measured).",
	  .fix =
		  "Do not do it on the loop in one go.",
	  .steps =
		  "Work in chunks.\n"
		  "Use the thread pool.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW5007",
	  .area = "cpu",
	  .title =
		  "Parsing XML or HTML",
	  .looks =
		  "On the CPU in libxml2 or lxml: 512 ms, 56 ms when called in the thread pool "
		  "(measured).",
	  .fix =
		  "Parse in the thread pool: lxml releases the GIL.",
	  .steps =
		  "Parse step by step with iterparse.\n"
		  "Parse in the thread pool.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW5008",
	  .area = "cpu",
	  .title =
		  "A pure Python loop, or one long call of a built-in function",
	  .looks =
		  "On the CPU in the interpreter itself; the Python line is the answer (measured). A "
		  "built-in function that was called, such as builtins.sorted or list.sort, stands "
		  "above the line: its name is taken from the bytecode, so the interpreter may be "
		  "stripped.",
	  .fix =
		  "Give way in between, or compute elsewhere.",
	  .steps =
		  "Call gevent.sleep(0), or await asyncio.sleep(0), for each chunk.\n"
		  "Use the thread pool: it helps latency only, the GIL changes hands every 5 ms (gap "
		  "27 instead of 502 ms, measured).\n"
		  "Use a process.\n"
		  "Use Cython.\n"
		  "One long call: give it less at a time.",
	  .source = "gevent docs; measured",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW5009",
	  .area = "cpu",
	  .title =
		  "Rendering templates, building ORM objects, serializers",
	  .looks =
		  "On the CPU under frames of jinja2, sqlalchemy.orm.loading, rest_framework and the "
		  "like.",
	  .fix =
		  "Do less of it.",
	  .steps =
		  "Cache the result.\n"
		  "Paginate.\n"
		  "Fetch plain values: .values() of the ORM.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW5010",
	  .area = "cpu",
	  .title =
		  "numpy, pandas, Pillow",
	  .looks =
		  "On the CPU in their extension modules, or in OpenBLAS.",
	  .fix =
		  "Compute in the thread pool: they mostly release the GIL.",
	  .steps =
		  "Compute in the thread pool: they mostly release the GIL.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW5011",
	  .area = "cpu",
	  .title =
		  "protobuf in pure Python",
	  .looks =
		  "On the CPU under google/protobuf/internal/python_*.",
	  .fix =
		  "Use protobuf's upb or C++ implementation.",
	  .steps =
		  "Use protobuf's upb or C++ implementation.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW5012",
	  .area = "cpu",
	  .title =
		  "One turn of very many small callbacks",
	  .looks =
		  "No long step, but many switches between tasks in one turn.",
	  .fix =
		  "Bound the batch; the tasks listed with the stall made up the turn.",
	  .steps =
		  "Bound how many tasks become ready at once.",
	  .source = "gevent's own monitor",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW5013",
	  .area = "cpu",
	  .title =
		  "Tracing tools in production: coverage, debuggers, ddtrace, newrelic",
	  .looks =
		  "Frames of the tracer on top of everything else.",
	  .fix =
		  "Switch it off, or let it sample.",
	  .steps =
		  "Let it sample.\n"
		  "Switch it off.",
	  .source = "asyncio's debug mode",
	  .pool = GW_POOL_NO,
	  .matched = true },
	{ .id = "GW6001",
	  .area = "runtime",
	  .title =
		  "A full garbage collection of CPython",
	  .looks =
		  "The collector ran: 206 ms for 3 million containers (measured).",
	  .fix =
		  "Collect less often after start-up.",
	  .steps =
		  "After start-up call gc.collect(2), gc.freeze(), gc.set_threshold(50_000, ...).",
	  .source = "making.close.com, Taming the Python GC (gevent; p95 lower by 80-100 ms); bpo-31558",
	  .pool = GW_POOL_NO,
	  .matched = true },
	{ .id = "GW6002",
	  .area = "runtime",
	  .title =
		  "Garbage collection of V8",
	  .looks =
		  "The thread is in V8's collector, with its helper threads.",
	  .fix =
		  "Allocate less.",
	  .steps =
		  "Look at the heap limits.\n"
		  "Allocate less.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW6003",
	  .area = "runtime",
	  .title =
		  "Start of the interpreter, after a fork, of gevent's hub",
	  .looks =
		  "In the first seconds only.",
	  .fix =
		  "Treat it as warm-up.",
	  .steps =
		  "Treat it as warm-up.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW7001",
	  .area = "host",
	  .title =
		  "No CPU was given",
	  .looks =
		  "Ready to run for longer than the threshold; who had the CPU is named.",
	  .fix =
		  "Not the program's fault: give it a CPU.",
	  .steps =
		  "Run fewer busy processes beside it.\n"
		  "Use nice.\n"
		  "Pin it to a CPU.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW7002",
	  .area = "host",
	  .title =
		  "The cgroup's CPU limit",
	  .looks =
		  "Ready to run while nr_throttled in cpu.stat grows, in a pattern of about 100 ms.",
	  .fix =
		  "Match load and quota.",
	  .steps =
		  "Match the number of workers to the quota.\n"
		  "Allow bursts (cpu.max.burst).\n"
		  "Raise or remove the limit.",
	  .source = "kernel cgroup-v2, cpu.max",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW7003",
	  .area = "host",
	  .title =
		  "Major page faults, swap, cold mapped files",
	  .looks =
		  "The thread sleeps in page faults: memory is read from disk.",
	  .fix =
		  "Keep the pages in memory.",
	  .steps =
		  "Warm up.\n"
		  "Give it more memory.\n"
		  "Use mlock.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW7004",
	  .area = "host",
	  .title =
		  "Memory is reclaimed or compacted (memory.high, huge pages)",
	  .looks =
		  "Kernel frames mem_cgroup_handle_over_high or compact_zone.",
	  .fix =
		  "Raise the memory limits.",
	  .steps =
		  "Raise the memory limits.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW7005",
	  .area = "host",
	  .title =
		  "Stopped: SIGSTOP, a debugger, the freezer, another profiler",
	  .looks =
		  "The thread was stopped, traced or frozen; py-spy without --nonblocking pauses it.",
	  .fix =
		  "Find who stops it; nothing is charged to the program.",
	  .steps =
		  "Find who stops it; nothing is charged to the program.",
	  .source = "py-spy README",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW7006",
	  .area = "host",
	  .title =
		  "Contention on mmap_lock",
	  .looks =
		  "Page faults wait for a lock in the kernel (down_read, rwsem) while another thread "
		  "maps or unmaps, or a tool reads /proc/PID/smaps.",
	  .fix =
		  "Stop the reader of smaps.",
	  .steps =
		  "Stop the reader of smaps.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW7007",
	  .area = "host",
	  .title =
		  "Entropy, the clock, time stolen from a virtual machine",
	  .looks =
		  "Rare.",
	  .fix =
		  "There is no general advice.",
	  .steps =
		  "There is no general advice.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW8001",
	  .area = "node",
	  .title =
		  "fs.*Sync",
	  .looks =
		  "read() of 112 ms on the loop's thread (measured).",
	  .fix =
		  "Use the promises API or streams.",
	  .steps =
		  "Use the promises API or streams.",
	  .source = "nodejs.org, Don't Block the Event Loop",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8002",
	  .area = "node",
	  .title =
		  "child_process.*Sync",
	  .looks =
		  "epoll_pwait() on a second epoll descriptor, 309 ms: libuv runs a private loop "
		  "(measured).",
	  .fix =
		  "Use spawn.",
	  .steps =
		  "Use spawn.",
	  .source = "nodejs.org, Don't Block the Event Loop",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8003",
	  .area = "node",
	  .title =
		  "JSON.parse, JSON.stringify",
	  .looks =
		  "On the CPU, no system call: 232 ms to parse, 205 ms to stringify 16 MB (measured).",
	  .fix =
		  "Stream it, or move it to a worker.",
	  .steps =
		  "Use stream-json.\n"
		  "Use a worker thread.",
	  .source = "nodejs.org, Don't Block the Event Loop",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8004",
	  .area = "node",
	  .title =
		  "crypto.*Sync",
	  .looks =
		  "On the CPU in libcrypto, 154 ms (measured).",
	  .fix =
		  "Use the async variants.",
	  .steps =
		  "Use the async variants.",
	  .source = "nodejs.org, Don't Block the Event Loop",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8005",
	  .area = "node",
	  .title =
		  "zlib.*Sync",
	  .looks =
		  "On the CPU in libz, 261 ms for 8 MB (measured).",
	  .fix =
		  "Use the async variants or streams.",
	  .steps =
		  "Use the async variants or streams.",
	  .source = "nodejs.org, Don't Block the Event Loop",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8006",
	  .area = "node",
	  .title =
		  "A regular expression that backtracks without end (ReDoS)",
	  .looks =
		  "On the CPU in V8's irregexp, 6.8 s for 28 characters (measured).",
	  .fix =
		  "Use another pattern or another engine.",
	  .steps =
		  "Check patterns with safe-regex.\n"
		  "Use RE2.",
	  .source = "nodejs.org, Don't Block the Event Loop",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8007",
	  .area = "node",
	  .title =
		  "Atomics.wait on the main thread",
	  .looks =
		  "A futex (measured).",
	  .fix =
		  "Use Atomics.waitAsync.",
	  .steps =
		  "Use Atomics.waitAsync.",
	  .source = "measured",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8008",
	  .area = "node",
	  .title =
		  "libuv's thread pool is full",
	  .looks =
		  "No stall: fs.stat waited 1343 ms while the gap was at most 59 ms (measured).",
	  .fix =
		  "Make the pool bigger, and give it less work.",
	  .steps =
		  "Raise UV_THREADPOOL_SIZE.\n"
		  "Avoid storms of dns.lookup.",
	  .source = "libuv threadpool.rst",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW8009",
	  .area = "node",
	  .title =
		  "process.nextTick or microtasks starve the loop",
	  .looks =
		  "On the CPU, the poll phase is never reached, 303 ms (measured).",
	  .fix =
		  "Use setImmediate.",
	  .steps =
		  "Use setImmediate.",
	  .source = "nodejs.org",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW8010",
	  .area = "node",
	  .title =
		  "console.log to a file or a terminal",
	  .looks =
		  "write() is synchronous there. To a pipe it is not: gap 16 ms (measured).",
	  .fix =
		  "Use pino with a worker.",
	  .steps =
		  "Use pino with a worker.",
	  .source = "Node docs, A note on process I/O",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8011",
	  .area = "node",
	  .title =
		  "require() in a request",
	  .looks =
		  "A storm of stat, open and read.",
	  .fix =
		  "Require at start.",
	  .steps =
		  "Require at start.",
	  .source = "by analogy with GW4010",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8501",
	  .area = "tokio",
	  .title =
		  "std::thread::sleep, std::fs or a synchronous client in a task",
	  .looks =
		  "nanosleep() or read() in tokio-rt-worker.",
	  .fix =
		  "Use tokio's own, or a blocking thread.",
	  .steps =
		  "Use tokio::time::sleep and tokio::fs.\n"
		  "Use spawn_blocking.",
	  .source = "tokio lib.rs:174-200",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8502",
	  .area = "tokio",
	  .title =
		  "CPU work between two .await",
	  .looks =
		  "One poll of a task takes longer than 10-100 us (rule of thumb).",
	  .fix =
		  "Give way in between, or move the work.",
	  .steps =
		  "Use yield_now.\n"
		  "Use spawn_blocking.\n"
		  "Use rayon.",
	  .source = "tokio-blocked README; ryhl.io",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8503",
	  .area = "tokio",
	  .title =
		  "std::sync::Mutex held over long work",
	  .looks =
		  "A futex in Mutex::lock_contended.",
	  .fix =
		  "Hold the lock for a shorter time.",
	  .steps =
		  "Shorten the critical section.\n"
		  "Split the data into shards.\n"
		  "Use an async mutex.",
	  .source = "hud TUNING.md",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW8504",
	  .area = "tokio",
	  .title =
		  "block_on inside the runtime",
	  .looks =
		  "A worker is parked, under block_on.",
	  .fix =
		  "Do not wait for a future in a worker.",
	  .steps =
		  "Use block_in_place.\n"
		  "Restructure.",
	  .source = "tokio task/blocking.rs",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW9001",
	  .area = "other-loops",
	  .title =
		  "nginx, Redis, HAProxy and programs on libevent",
	  .looks =
		  "Disk reads, fsync (AOF), the fork of SAVE, DNS at reload.",
	  .fix =
		  "Use the program's own setting.",
	  .steps =
		  "Redis: appendfsync everysec.\n"
		  "nginx: aio threads.",
	  .source = "Redis and nginx documentation",
	  .pool = GW_POOL_NONE,
	  .matched = true },
};

const struct rule_texts texts_other = { rows, sizeof(rows) / sizeof(rows[0]) };
