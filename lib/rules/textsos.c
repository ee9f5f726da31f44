// SPDX-License-Identifier: BSD-2-Clause
/*
 * textsos.c: texts of GW3xxx, GW4xxx.
 *
 * Made by tests/causes.py out of lib/causes.tsv.
 */
#include "rules/tables.h"

/* clang-format off */
static const struct gw_rule rows[] = {
	{ .id = "GW3001",
	  .area = "sleep-locks-threads",
	  .title =
		  "time.sleep: imported before patching, or called in async def",
	  .looks =
		  "clock_nanosleep() for as long as the sleep was meant to be (300 ms measured in "
		  "gevent, asyncio and uvloop).",
	  .fix =
		  "Sleep through the loop: gevent.sleep, or await asyncio.sleep.",
	  .steps =
		  "gevent: import sleep after patching.\n"
		  "Call gevent.sleep, or await asyncio.sleep.",
	  .source = "gevent.monkey docs; Home Assistant docs, sleep (pyserial-asyncio)",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW3002",
	  .area = "sleep-locks-threads",
	  .title =
		  "threading.Lock made before patching, or used in asyncio",
	  .looks =
		  "A futex of this process under PyThread_acquire_lock_timed (measured).",
	  .fix =
		  "Use the loop's own locks, and hold them briefly. The stack of the owner tells who "
		  "holds it.",
	  .steps =
		  "gevent: patch first.\n"
		  "Do not hold a lock over I/O.\n"
		  "asyncio: use asyncio.Lock.",
	  .source = "blockbuster's lock rules",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW3003",
	  .area = "sleep-locks-threads",
	  .title =
		  "A blocking queue: the C SimpleQueue, or an unpatched queue.Queue",
	  .looks =
		  "A futex of this process under queue.get: 306 ms, the patched one 7 ms (measured).",
	  .fix =
		  "Use the patched queue.",
	  .steps =
		  "Import queue, not _queue, and after patching.\n"
		  "Use gevent 1.3.5 or newer (it patches queue).",
	  .source = "gevent#1248, #1253",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW3004",
	  .area = "sleep-locks-threads",
	  .title =
		  "A lock or semaphore of multiprocessing",
	  .looks =
		  "A futex in shared memory, 300 ms (measured). Queue.get of multiprocessing itself is "
		  "green.",
	  .fix =
		  "Wait for it elsewhere.",
	  .steps =
		  "Acquire it in the thread pool.\n"
		  "Use gipc.\n"
		  "Choose another process model.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW3005",
	  .area = "sleep-locks-threads",
	  .title =
		  "A file lock: flock or fcntl",
	  .looks =
		  "flock() of 351 ms, with the path (measured).",
	  .fix =
		  "Never wait in the kernel for a file lock.",
	  .steps =
		  "Try with LOCK_NB in a loop with gevent.sleep.\n"
		  "Take the lock in the thread pool.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW3006",
	  .area = "sleep-locks-threads",
	  .title =
		  "Another thread holds the GIL",
	  .looks =
		  "325 short waits of at most 10 ms each, 426 ms in sum. Gaps of 79-300 ms with 4 busy "
		  "threads (measured).",
	  .fix =
		  "See which thread holds the GIL, and let it hold it less.",
	  .steps =
		  "Run fewer native threads.\n"
		  "Lower sys.setswitchinterval.\n"
		  "Make the C code release the GIL.\n"
		  "Move the work to a process of its own.",
	  .source = "measured",
	  .pool = GW_POOL_NO,
	  .matched = true },
	{ .id = "GW3007",
	  .area = "sleep-locks-threads",
	  .title =
		  "os.waitpid or Popen.wait that is not green",
	  .looks =
		  "wait4() for as long as the child runs (304 ms measured).",
	  .fix =
		  "Use gevent.subprocess, or asyncio.create_subprocess_exec.",
	  .steps =
		  "Use gevent.subprocess, or asyncio.create_subprocess_exec.",
	  .source = "gevent.os docs",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW3008",
	  .area = "sleep-locks-threads",
	  .title =
		  "A thread pool is used up",
	  .looks =
		  "No stall: the loop hardly lags, but the time from submit to start is long: 402, 412 "
		  "and 1343 ms in gevent, asyncio and libuv (measured).",
	  .fix =
		  "Make the pools large enough, and split them.",
	  .steps =
		  "Make the pool bigger (Node: UV_THREADPOOL_SIZE).\n"
		  "Give slow work a pool of its own.",
	  .source = "libuv threadpool.rst",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW3009",
	  .area = "sleep-locks-threads",
	  .title =
		  "The lock of a logging handler is lost between hubs",
	  .looks =
		  "No stall: a greenlet is parked for ever in Handler.acquire. No late turn shows it.",
	  .fix =
		  "Log through QueueHandler and QueueListener.",
	  .steps =
		  "Log through QueueHandler and QueueListener.",
	  .source = "dify PR 39365; gevent#890",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW3010",
	  .area = "sleep-locks-threads",
	  .title =
		  "concurrent.futures.ThreadPoolExecutor inside gevent",
	  .looks =
		  "A futex under Future.result().",
	  .fix =
		  "Use gevent.threadpool.ThreadPoolExecutor.",
	  .steps =
		  "Use gevent.threadpool.ThreadPoolExecutor.",
	  .source = "gevent#1251",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW3011",
	  .area = "sleep-locks-threads",
	  .title =
		  "Ping-pong with gevent.sleep(0)",
	  .looks =
		  "100 % CPU, no idle wait, timers come late; no single turn need be late.",
	  .fix =
		  "Back off while there is nothing to do.",
	  .steps =
		  "Sleep for longer than 0.\n"
		  "Use gevent.idle.",
	  .source = "gevent's own monitor",
	  .pool = GW_POOL_NO,
	  .matched = false },
	{ .id = "GW3012",
	  .area = "sleep-locks-threads",
	  .title =
		  "asyncio.run() or run_until_complete() inside gevent",
	  .looks =
		  "A wait on the epoll descriptor of a nested loop, under frames of asyncio.",
	  .fix =
		  "Run one loop per thread.",
	  .steps =
		  "Run one loop per thread.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW4001",
	  .area = "files-logs-processes",
	  .title =
		  "Reading or writing a regular file on the loop",
	  .looks =
		  "read() of 203 ms or write() of 888 ms for 300 MB on ext4 or overlay (measured). "
		  "FileObjectPosix does not help: files are always ready.",
	  .fix =
		  "Read and write in the thread pool.",
	  .steps =
		  "gevent: use FileObjectThread, or gevent.os.tp_read and tp_write.\n"
		  "asyncio: use asyncio.to_thread or aiofiles.",
	  .source = "gevent _fileobjectposix.py; Home Assistant docs, open",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4002",
	  .area = "files-logs-processes",
	  .title =
		  "fsync or fdatasync on the loop",
	  .looks =
		  "The call itself, or writes that wait because too much is dirty.",
	  .fix =
		  "Sync less often, and not on the loop.",
	  .steps =
		  "Collect several writes before each sync.\n"
		  "Do not open with O_DSYNC.\n"
		  "Sync in the thread pool.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4003",
	  .area = "files-logs-processes",
	  .title =
		  "A log written to a pipe that nobody drains",
	  .looks =
		  "write() on a pipe, 453 ms, under StreamHandler.emit (measured): Docker, journald or "
		  "\"| tee\" does not keep up.",
	  .fix =
		  "Fix the reader, and take logging off the loop.",
	  .steps =
		  "Fix the reader.\n"
		  "Use a log driver that does not block (mode=non-blocking).\n"
		  "Log through QueueHandler and QueueListener.",
	  .source = "Python logging cookbook, handlers that block; asyncio docs",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4004",
	  .area = "files-logs-processes",
	  .title =
		  "SysLogHandler to /dev/log",
	  .looks =
		  "sendto() on a unix datagram socket, 406 ms: the queue of the receiver (10) is full "
		  "(measured).",
	  .fix =
		  "Let nobody wait for the logger.",
	  .steps =
		  "Look at journald's rate limits.\n"
		  "Send over UDP.\n"
		  "Log through a QueueHandler.",
	  .source = "unix(7), max_dgram_qlen",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4005",
	  .area = "files-logs-processes",
	  .title =
		  "gunicorn's heartbeat file lies on a disk",
	  .looks =
		  "utimensat() or fchmod() on wgunicorn-*.",
	  .fix =
		  "Keep the file in memory: --worker-tmp-dir /dev/shm.",
	  .steps =
		  "Keep the file in memory: --worker-tmp-dir /dev/shm.",
	  .source = "gunicorn settings worker_tmp_dir and FAQ",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW4006",
	  .area = "files-logs-processes",
	  .title =
		  "os.system",
	  .looks =
		  "wait4() of 319 ms (measured). With gevent, the patched subprocess.run (19 ms) and "
		  "os.popen (14 ms) are fine (measured).",
	  .fix =
		  "Use subprocess instead: patched with gevent, asyncio's own with asyncio.",
	  .steps =
		  "Use subprocess instead: patched with gevent, asyncio's own with asyncio.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4007",
	  .area = "files-logs-processes",
	  .title =
		  "subprocess.run in asyncio",
	  .looks =
		  "wait4() of 308 ms (measured).",
	  .fix =
		  "Use asyncio.create_subprocess_exec, or a thread.",
	  .steps =
		  "await asyncio.to_thread(subprocess.run, ...).\n"
		  "Use asyncio.create_subprocess_exec.",
	  .source = "Home Assistant docs; blockbuster",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4008",
	  .area = "files-logs-processes",
	  .title =
		  "fork of a big process",
	  .looks =
		  "clone() of 36-38 ms at 1.5 GB of memory (measured): the page tables are copied.",
	  .fix =
		  "Do not copy the page tables.",
	  .steps =
		  "Let subprocess use vfork or posix_spawn (with close_fds from Python 3.10 on).\n"
		  "Start a small process early that starts the others.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW4009",
	  .area = "files-logs-processes",
	  .title =
		  "Directory walks, glob, storms of stat",
	  .looks =
		  "Thousands of newfstatat() and getdents64() calls: microseconds each, long in sum.",
	  .fix =
		  "Ask the file system less, or elsewhere.",
	  .steps =
		  "Cache what it said.\n"
		  "Walk in the executor.",
	  .source = "Home Assistant docs, listdir, walk, glob, stat",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW4010",
	  .area = "files-logs-processes",
	  .title =
		  "An import inside a request",
	  .looks =
		  "import boto3: 2783 newfstatat, 856 read, 752 openat, 0.8-2.4 s (measured), under "
		  "frames of importlib.",
	  .fix =
		  "Import at start.",
	  .steps =
		  "Move the import to the top of the module.\n"
		  "Send one warm-up request before the real ones.",
	  .source = "Home Assistant docs, asyncio_imports",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW4011",
	  .area = "files-logs-processes",
	  .title =
		  "Slow NFS, FUSE or network block device",
	  .looks =
		  "A file call that sleeps long on a network file system; kernel frames nfs_*, fuse_*, "
		  "io_schedule, jbd2.",
	  .fix =
		  "Keep it off the loop.",
	  .steps =
		  "Look at the mount options.\n"
		  "Make these calls in the thread pool.\n"
		  "Keep a local copy.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4012",
	  .area = "files-logs-processes",
	  .title =
		  "A slow terminal, or ssh",
	  .looks =
		  "write() on a terminal.",
	  .fix =
		  "Log to a file; in production send stderr to /dev/null.",
	  .steps =
		  "Log to a file; in production send stderr to /dev/null.",
	  .source = "Node docs: TTYs are synchronous on POSIX",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW4013",
	  .area = "files-logs-processes",
	  .title =
		  "Formatting tracebacks",
	  .looks =
		  "linecache opens source files, under logging.exception or traceback.",
	  .fix =
		  "Rate-limit what logs tracebacks.",
	  .steps =
		  "Rate-limit what logs tracebacks.",
	  .source = "seen in blockbuster's allow-list",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW4014",
	  .area = "files-logs-processes",
	  .title =
		  "Uploads spooled to disk",
	  .looks =
		  "write() to a file under tempfile or a multipart parser.",
	  .fix =
		  "Do not spool uploads on the loop.",
	  .steps =
		  "Put the temporary directory on tmpfs.\n"
		  "Stream the upload on.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW4015",
	  .area = "files-logs-processes",
	  .title =
		  "prometheus_client in multiprocess mode, or psutil",
	  .looks =
		  "Page faults of mapped files, and reads of /proc, during a scrape.",
	  .fix =
		  "Serve the scrape from another process or thread.",
	  .steps =
		  "Serve the scrape from another process or thread.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
};

const struct rule_texts texts_os = { rows, sizeof(rows) / sizeof(rows[0]) };
