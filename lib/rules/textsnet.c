// SPDX-License-Identifier: BSD-2-Clause
/*
 * textsnet.c: texts of GW1xxx, GW2xxx.
 *
 * Made by tests/causes.py out of lib/causes.tsv.
 */
#include "rules/tables.h"

/* clang-format off */
static const struct gw_rule rows[] = {
	{ .id = "GW1001",
	  .area = "databases",
	  .title =
		  "psycopg2 without a wait callback (not green)",
	  .looks =
		  "One poll() on the database's socket, for as long as the query takes (301 ms "
		  "measured). The stack: libc poll, libpq.so.5 PQgetResult, _psycopg*.so, "
		  "Cursor.execute.",
	  .fix =
		  "Make psycopg2 green with psycogreen, or move to psycopg 3; with asyncio use an "
		  "async driver.",
	  .steps =
		  "Call psycogreen.gevent.patch_psycopg() right after monkey.patch_all(). No blocking "
		  "poll is left then: gap 11 ms (measured).\n"
		  "Put that call into a gevent plugin entry point, so that every program of yours has "
		  "it.\n"
		  "Move to psycopg 3.1.14 or newer.\n"
		  "asyncio: use asyncpg, or the AsyncConnection of psycopg 3.",
	  .source = "psycogreen README; gevent.monkey docs",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1002",
	  .area = "databases",
	  .title =
		  "psycopg2 connects to a slow or dead server",
	  .looks =
		  "poll() on the socket inside libpq while it connects, until connect_timeout ends it "
		  "(2.0 s measured).",
	  .fix =
		  "Bound the connecting with connect_timeout, and connect before requests come.",
	  .steps =
		  "Set connect_timeout.\n"
		  "Register psycogreen's wait callback (GW1001): it covers connecting too.\n"
		  "Open a connection pool at start.",
	  .source = "psycopg2 docs, set_wait_callback",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1003",
	  .area = "databases",
	  .title =
		  "psycopg 3 waits in a select that is not gevent's",
	  .looks =
		  "poll(), select() or epoll_wait() under psycopg/waiting.py. It is fine when select "
		  "is patched: gap 12 ms with psycopg 3.1.7 (measured).",
	  .fix =
		  "Patch before psycopg is imported, and use a version that supports gevent.",
	  .steps =
		  "Import psycopg after monkey.patch_all().\n"
		  "Use psycopg 3.1.14 or newer, which supports gevent officially.",
	  .source = "psycopg docs, advanced/async.rst",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1004",
	  .area = "databases",
	  .title =
		  "mysqlclient (MySQLdb) blocks in C",
	  .looks =
		  "poll() on the socket in libmariadb.so.3, called by _mysql*.so (measured).",
	  .fix =
		  "Use PyMySQL, or with asyncio aiomysql: mysqlclient cannot be made green, its waiter "
		  "option is gone.",
	  .steps =
		  "Install PyMySQL and call pymysql.install_as_MySQLdb(): gap 8 ms (measured).\n"
		  "asyncio: use aiomysql or asyncmy.",
	  .source = "carsonip.me 2019; mysqlclient HISTORY.rst:267; OpenStack PyMySQL evaluation",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1005",
	  .area = "databases",
	  .title =
		  "mysql-connector with its C extension",
	  .looks =
		  "As GW1004, but in _mysql_connector*.so.",
	  .fix =
		  "Switch the connector to its pure Python protocol with use_pure=True.",
	  .steps =
		  "Switch the connector to its pure Python protocol with use_pure=True.",
	  .source = "OpenStack wiki; general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1006",
	  .area = "databases",
	  .title =
		  "pymssql without a wait callback",
	  .looks =
		  "poll() in FreeTDS, libsybdb.so.",
	  .fix =
		  "Give pymssql a wait callback: pymssql.set_wait_callback(lambda fd: "
		  "gevent.socket.wait_read(fd)).",
	  .steps =
		  "Give pymssql a wait callback: pymssql.set_wait_callback(lambda fd: "
		  "gevent.socket.wait_read(fd)).",
	  .source = "pymssql docs, pymssql_examples.rst:214",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1007",
	  .area = "databases",
	  .title =
		  "pyodbc, cx_Oracle, oracledb in thick mode, ibm_db",
	  .looks =
		  "poll() or recv() in libodbc, libclntsh or libdb2.",
	  .fix =
		  "Call them in the thread pool; oracledb has a thin mode in pure Python.",
	  .steps =
		  "oracledb: use the thin mode.\n"
		  "Run the calls in the thread pool: these drivers release the GIL.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1008",
	  .area = "databases",
	  .title =
		  "SQLite: the database is locked by another connection",
	  .looks =
		  "A row of short sleeps of 1 to 72 ms, 315 ms in sum (measured): usleep() called by "
		  "libsqlite3.so.0.",
	  .fix =
		  "Hold locks for a shorter time, and wait for them outside the loop.",
	  .steps =
		  "Keep transactions short.\n"
		  "Switch to WAL mode.\n"
		  "Set timeout=0 and retry in a loop with gevent.sleep.\n"
		  "Run the statements in the thread pool.",
	  .source = "sqlite.org, busy handler",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1009",
	  .area = "databases",
	  .title =
		  "SQLite: many small commits",
	  .looks =
		  "Many fdatasync() calls, none of them long: 160 calls of at most 4 ms are 187-403 ms "
		  "for 40 commits (measured).",
	  .fix =
		  "Commit less often, and sync less at each commit.",
	  .steps =
		  "Put one transaction around the batch.\n"
		  "Set synchronous=NORMAL in WAL mode.\n"
		  "Leave the writing to a thread of its own.",
	  .source = "sqlite.org; blockbuster lists Connection.commit",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1010",
	  .area = "databases",
	  .title =
		  "pymongo was imported before patching",
	  .looks =
		  "recvfrom() on a blocking socket, under frames of pymongo.",
	  .fix =
		  "Patch before pymongo is imported, and make a new client after a fork.",
	  .steps =
		  "Call monkey.patch_all() before pymongo is imported.\n"
		  "Create the client after the fork.",
	  .source = "pymongo changelog and integrations page",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1011",
	  .area = "databases",
	  .title =
		  "redis-py on a socket that is not green",
	  .looks =
		  "recvfrom() on a blocking socket, under frames of redis. redis-py is green when "
		  "patched: a BLPOP of 1 s left a gap of 10 ms (measured). hiredis only parses.",
	  .fix =
		  "A socket was made before patching: see GW2001.",
	  .steps =
		  "Patch before redis is imported, as GW2001 says.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = false },
	{ .id = "GW1012",
	  .area = "databases",
	  .title =
		  "cassandra-driver waits for its own event thread",
	  .looks =
		  "A wait for a lock under frames of cassandra: the driver has an event thread of its "
		  "own, and Event.wait blocks when its reactor is not gevent's.",
	  .fix =
		  "Patch first: the driver then picks GeventConnection by itself.",
	  .steps =
		  "Patch first: the driver then picks GeventConnection by itself.",
	  .source = "cassandra/cluster.py:114-170",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1013",
	  .area = "databases",
	  .title =
		  "pylibmc, python-ldap and other clients written in C",
	  .looks =
		  "poll() or select() in libmemcached, libldap and the like.",
	  .fix =
		  "Use a pure Python client, or call it in the thread pool.",
	  .steps =
		  "Run the call in the thread pool.\n"
		  "Use pymemcache or ldap3 instead.",
	  .source = "locust docs: I/O done from compiled code cannot be patched by gevent",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW1014",
	  .area = "databases",
	  .title =
		  "Huge result sets",
	  .looks =
		  "On the CPU in _psycopg, or where the driver turns rows into Python objects.",
	  .fix =
		  "Fetch less at a time.",
	  .steps =
		  "Add a LIMIT.\n"
		  "Use yield_per.\n"
		  "Use a server-side cursor.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW2001",
	  .area = "sockets-rpc-dns",
	  .title =
		  "A socket made before or outside monkey patching",
	  .looks =
		  "recvfrom(), connect() or accept() on a descriptor without O_NONBLOCK (301 ms "
		  "measured).",
	  .fix =
		  "Patch before anything else is imported.",
	  .steps =
		  "Make monkey.patch_all() the first lines of the first module.\n"
		  "Or start with python -m gevent.monkey app.py.\n"
		  "gunicorn: no --preload, and import nothing in the configuration file.\n"
		  "uWSGI: set gevent-early-monkey-patch.",
	  .source = "gevent.monkey docs; gunicorn#2796",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2002",
	  .area = "sockets-rpc-dns",
	  .title =
		  "ssl was imported before patching",
	  .looks =
		  "No stall: a MonkeyPatchWarning, and HTTPS with requests then raises RecursionError "
		  "(Python 3.11, gevent 22.10, measured).",
	  .fix =
		  "Patch before ssl is imported, as in GW2001.",
	  .steps =
		  "Patch before ssl is imported, as in GW2001.",
	  .source = "gevent#1016; bookwyrm#2731; sentry#80677",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW2003",
	  .area = "sockets-rpc-dns",
	  .title =
		  "A blocking client (requests, sync httpx, urllib) inside async def",
	  .looks =
		  "recvfrom() on a blocking socket under frames of urllib3: 301 ms in asyncio and in "
		  "uvloop (measured).",
	  .fix =
		  "Use an async client, or call it in a thread.",
	  .steps =
		  "await asyncio.to_thread(...).\n"
		  "Use httpx.AsyncClient.\n"
		  "Use aiohttp.",
	  .source = "asyncio docs, Running Blocking Code",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2004",
	  .area = "sockets-rpc-dns",
	  .title =
		  "pycurl perform()",
	  .looks =
		  "poll() on a socket and a wakeup descriptor, in slices of 198 and 101 ms. The stack: "
		  "libcurl curl_multi_poll, curl_easy_perform, pycurl*.so (measured).",
	  .fix =
		  "Run it in the thread pool, or use a green client.",
	  .steps =
		  "Call perform() in the thread pool.\n"
		  "gevent: drive CurlMulti with gevent.select.\n"
		  "gevent: use requests or geventhttpclient.\n"
		  "asyncio: use aiohttp or httpx.AsyncClient.",
	  .source = "measured",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2005",
	  .area = "sockets-rpc-dns",
	  .title =
		  "grpcio without gevent support",
	  .looks =
		  "epoll_wait() on an epoll descriptor that is not the loop's, in slices of at most "
		  "200 ms, in cygrpc*.so.",
	  .fix =
		  "Switch grpc's gevent support on; with asyncio use grpc.aio.",
	  .steps =
		  "gevent: call grpc.experimental.gevent.init_gevent() right after monkey.patch_all().\n"
		  "Use grpcio 1.51.1 or newer.\n"
		  "asyncio: use grpc.aio.",
	  .source = "grpc#14561, #27340, #4629; gevent#786",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2006",
	  .area = "sockets-rpc-dns",
	  .title =
		  "grpc.aio under gevent: two loops in one thread",
	  .looks =
		  "The thread waits on two epoll descriptors in turn.",
	  .fix =
		  "Choose one loop per process.",
	  .steps =
		  "Choose one loop per process.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW2007",
	  .area = "sockets-rpc-dns",
	  .title =
		  "pyzmq without its green variant",
	  .looks =
		  "poll() on an eventfd, not on a socket (299 ms): libzmq.so.5 zmq_msg_recv (measured).",
	  .fix =
		  "Import the variant for the loop: zmq.green with gevent, zmq.asyncio with asyncio.",
	  .steps =
		  "gevent: import zmq.green as zmq.\n"
		  "asyncio: import zmq.asyncio.",
	  .source = "pyzmq docs, howto/eventloop.md",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2008",
	  .area = "sockets-rpc-dns",
	  .title =
		  "confluent-kafka: flush(), or poll() with a timeout",
	  .looks =
		  "A futex or condition variable in librdkafka.",
	  .fix =
		  "Never wait inside the client on the loop.",
	  .steps =
		  "Use produce() and call poll(0) from a greenlet.\n"
		  "Call flush() at exit only, or in the thread pool.",
	  .source = "confluent-kafka-python#612 (won't fix; 200 ms reported by Wayfair)",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2009",
	  .area = "sockets-rpc-dns",
	  .title =
		  "pika BlockingConnection",
	  .looks =
		  "epoll_wait() through a select.epoll object, under frames of pika.",
	  .fix =
		  "Keep pika from using epoll.",
	  .steps =
		  "del select.epoll after patching.\n"
		  "Use a gevent newer than 1.5a4.",
	  .source = "gevent#1577, #1570",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2010",
	  .area = "sockets-rpc-dns",
	  .title =
		  "A select or poll object taken before patching",
	  .looks =
		  "poll() with a timeout and no descriptors, or select() under selectors.py: poll([], "
		  "0, 300) (measured).",
	  .fix =
		  "Patch before the module that takes it is imported, as in GW2001.",
	  .steps =
		  "Patch before the module that takes it is imported, as in GW2001.",
	  .source = "gevent patch_select(aggressive)",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2011",
	  .area = "sockets-rpc-dns",
	  .title =
		  "DNS inside C libraries",
	  .looks =
		  "poll() of up to 5000 ms on a UDP socket to port 53, under getaddrinfo() of libc on "
		  "the loop's thread. libpq, curl and mysql resolve names themselves.",
	  .fix =
		  "Resolve less, and not on the loop.",
	  .steps =
		  "Give addresses instead of names (libpq: hostaddr=).\n"
		  "Set \"options timeout:1 attempts:2\" in resolv.conf.\n"
		  "Run a local DNS cache.",
	  .source = "resolv.conf(5)",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2012",
	  .area = "sockets-rpc-dns",
	  .title =
		  "DNS queued behind gevent's thread pool",
	  .looks =
		  "No stall: the loop is free (gap 21-61 ms), but look-ups wait 402 ms with 10 busy "
		  "pool threads (measured). That is a wait for the pool.",
	  .fix =
		  "Keep look-ups out of the crowd.",
	  .steps =
		  "Make the pool bigger.\n"
		  "Give slow work a pool of its own.\n"
		  "Set GEVENT_RESOLVER=ares or dnspython.",
	  .source = "gevent docs, dns.rst; resolver/thread.py; hub.py:399 (size 10)",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW2013",
	  .area = "sockets-rpc-dns",
	  .title =
		  "DNS queued behind asyncio's executor",
	  .looks =
		  "No stall: getaddrinfo waited 412 ms with 6 executor threads busy (2 CPUs, measured).",
	  .fix =
		  "Keep look-ups out of the crowd.",
	  .steps =
		  "Give slow jobs an executor of their own.\n"
		  "Use aiodns.",
	  .source = "measured",
	  .pool = GW_POOL_NONE,
	  .matched = false },
	{ .id = "GW2014",
	  .area = "sockets-rpc-dns",
	  .title =
		  "A boto3 or botocore client made per request",
	  .looks =
		  "The first ec2 client: 2227 newfstatat, 1388 getdents64, 700 openat, then JSON on "
		  "the CPU, 299 ms. A second client of the same boto3.Session takes 15 ms, a new "
		  "Session 226 ms (measured).",
	  .fix =
		  "Make one boto3.Session and one client at start, and share them.",
	  .steps =
		  "Make one boto3.Session and one client at start, and share them.",
	  .source = "boto3#3061; botocore#3222; aiobotocore#1023",
	  .pool = GW_POOL_LATENCY,
	  .matched = true },
	{ .id = "GW2015",
	  .area = "sockets-rpc-dns",
	  .title =
		  "A TLS context made per request",
	  .looks =
		  "44-87 ms on the CPU each: SSL_CTX_load_verify_locations, then "
		  "PEM_X509_INFO_read_bio in libcrypto (measured).",
	  .fix =
		  "Create one SSLContext at start.",
	  .steps =
		  "Create one SSLContext at start and share it.\n"
		  "asyncio: build it in the executor.",
	  .source = "Home Assistant docs, load_default_certs",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2016",
	  .area = "sockets-rpc-dns",
	  .title =
		  "TLS handshakes with RSA 4096",
	  .looks =
		  "On the CPU in the bn_* functions of libcrypto, under do_handshake.",
	  .fix =
		  "Make handshakes cheaper or fewer.",
	  .steps =
		  "Use TLS resumption and keep-alive.\n"
		  "Use an ECDSA key.\n"
		  "End TLS in a proxy.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
	{ .id = "GW2017",
	  .area = "sockets-rpc-dns",
	  .title =
		  "The lock of urllib3's connection pool",
	  .looks =
		  "A futex, or a parked greenlet, in urllib3.connectionpool.",
	  .fix =
		  "Use gevent 25.4 or newer, which patches queue.Queue.",
	  .steps =
		  "Use gevent 25.4 or newer, which patches queue.Queue.",
	  .source = "gevent PR 2097 (#1957)",
	  .pool = GW_POOL_NONE,
	  .matched = true },
	{ .id = "GW2018",
	  .area = "sockets-rpc-dns",
	  .title =
		  "statsd or syslog over UDP to a host name",
	  .looks =
		  "getaddrinfo() at every send.",
	  .fix =
		  "Resolve the name once.",
	  .steps =
		  "Resolve the name once and send to the address.",
	  .source = "general knowledge, not verified",
	  .pool = GW_POOL_YES,
	  .matched = true },
};

const struct rule_texts texts_net = { rows, sizeof(rows) / sizeof(rows[0]) };
