// SPDX-License-Identifier: BSD-2-Clause
//! What stalls the workers of a tokio runtime, for the stall laboratory.
//!
//!     tokio_loop sleep|cpu|mutex|read|current|idle|busy|in_place [--stalls N] [--seed N] [--go]
//!
//! It says what lab.py describes; READY's thread is 0, because any worker may be the one that stalls. `mutex`, `read`
//! and `sleep` block a worker; `current` does so in a runtime of one thread. `idle`, `busy` and `in_place` are healthy.
//! It refuses to start stalls when stdin ends before a line was read.
use std::io::{BufRead, Read, Write};
use std::os::unix::io::FromRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

const CALM: Duration = Duration::from_millis(100);
const BEAT: Duration = Duration::from_millis(20);
const SHORTEST_MS: u64 = 62;
const LONGEST_MS: u64 = 400;
const WORKERS: usize = 4;

type Stall = Box<dyn Fn(Duration) + Send + Sync>;

struct Truth {
    begin: Mark,
    end: Mark,
}

struct Mark {
    ns: u64,
    cpu_ns: u64,
    runqueue_ns: u64,
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(clock, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

fn mark() -> Mark {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let number = |i| text.split_whitespace().nth(i).and_then(|w| w.parse().ok()).unwrap_or(0);
    Mark { runqueue_ns: number(1), cpu_ns: clock_ns(libc::CLOCK_THREAD_CPUTIME_ID), ns: clock_ns(libc::CLOCK_MONOTONIC) }
}

#[inline(never)]
fn stall_sleep(length: Duration) {
    std::thread::sleep(length);
    std::hint::black_box(length); // no tail call: this frame is looked for
}

#[inline(never)]
fn stall_spin(length: Duration) {
    let until = Instant::now() + length;
    let mut sum = 0u64;
    while Instant::now() < until {
        for i in 0..1000u64 {
            sum = std::hint::black_box(sum.wrapping_add(i));
        }
    }
}

#[inline(never)]
fn stall_mutex(lock: &Mutex<u64>) {
    *lock.lock().unwrap() += 1;
}

#[inline(never)]
fn stall_read(pipe: &mut std::fs::File) {
    let mut byte = [0];
    pipe.read_exact(&mut byte).unwrap();
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name(name.into()).spawn(run).unwrap();
}

#[inline(never)]
fn hold(lock: &Mutex<u64>, held: &Sender<()>, length: Duration) {
    let guard = lock.lock().unwrap();
    held.send(()).unwrap();
    std::thread::sleep(length);
    drop(guard);
}

/// Another thread holds the lock; the stall begins once it does.
fn mutex() -> Stall {
    let lock = Arc::new(Mutex::new(0u64));
    let (ask, asked) = channel::<Duration>();
    let (held, is_held) = channel();
    let theirs = lock.clone();
    thread("holder", move || asked.iter().for_each(|length| hold(&theirs, &held, length)));
    let way = Mutex::new((ask, is_held));
    Box::new(move |length| {
        let (ask, is_held): &(Sender<Duration>, Receiver<()>) = &way.lock().unwrap();
        ask.send(length).unwrap();
        while is_held.try_recv().is_err() {
            std::hint::spin_loop();
        }
        stall_mutex(&lock);
    })
}

/// Another thread writes to the pipe when it is time.
fn read() -> Stall {
    let mut ends = [0; 2];
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
    let (ours, mut theirs) = unsafe { (std::fs::File::from_raw_fd(ends[0]), std::fs::File::from_raw_fd(ends[1])) };
    let (ask, asked) = channel::<Duration>();
    thread("writer", move || {
        for length in asked {
            std::thread::sleep(length);
            theirs.write_all(b"x").unwrap();
        }
    });
    let way = Mutex::new((ask, ours));
    Box::new(move |length| {
        let (ask, ours) = &mut *way.lock().unwrap();
        ask.send(length).unwrap();
        stall_read(ours);
    })
}

fn stall_of(kind: &str) -> Option<(Stall, &'static str)> {
    Some(match kind {
        "sleep" | "current" => (Box::new(stall_sleep), "stall_sleep syscall call=clock_nanosleep rule=GW8501"),
        "cpu" => (Box::new(stall_spin), "stall_spin cpu rule=GW8502"),
        "mutex" => (mutex(), "stall_mutex lock also=syscall call=futex culprit=waker:holder rule=GW8503"),
        "read" => (read(), "stall_read syscall call=read peer=pipe rule=GW8501"),
        _ => return None,
    })
}

fn option(name: &str, value: u64) -> u64 {
    let at = std::env::args().position(|a| a == name);
    at.and_then(|i| std::env::args().nth(i + 1)).and_then(|v| v.parse().ok()).unwrap_or(value)
}

fn lengths() -> Vec<Duration> {
    let mut dice = option("--seed", 1);
    (0..option("--stalls", 20))
        .map(|_| {
            dice = (dice * 16807 + 12345) % 2147483647;
            Duration::from_millis(SHORTEST_MS + dice % (LONGEST_MS - SHORTEST_MS))
        })
        .collect()
}

async fn released() {
    static GO: AtomicBool = AtomicBool::new(false);
    println!("READY {} 0", std::process::id());
    if std::env::args().any(|a| a == "--go") {
        return;
    }
    thread("stdin", || {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).unwrap_or(0) == 0 {
            eprintln!("stdin ended before the line that starts the stalls (give --go to start at once)");
            std::process::exit(1);
        }
        GO.store(true, Ordering::Release);
    });
    while !GO.load(Ordering::Acquire) {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Each stall in a task of its own, so that any worker may take it.
async fn stalls(stall: Stall, told: &str) {
    let stall = Arc::new(stall);
    let mut truths = Vec::new();
    sleep(2 * CALM).await;
    for length in lengths() {
        let stall = stall.clone();
        let task = tokio::spawn(async move {
            let begin = mark();
            stall(length);
            std::hint::black_box(length);
            Truth { begin, end: mark() }
        });
        truths.push(task.await.unwrap());
        sleep(CALM).await;
    }
    sleep(CALM).await;
    for Truth { begin, end } in truths {
        let (cpu, queue) = (end.cpu_ns - begin.cpu_ns, end.runqueue_ns - begin.runqueue_ns);
        println!("STALL {} {} {told} cpu_ns={cpu} runqueue_ns={queue}", begin.ns, end.ns);
    }
}

fn beat(n: usize) {
    for _ in 0..n {
        tokio::spawn(async {
            loop {
                sleep(BEAT).await;
            }
        });
    }
}

/// Blocking work where it belongs, and a little work on the workers.
async fn busy(in_place: bool) {
    static DONE: AtomicU64 = AtomicU64::new(0);
    let until = Instant::now() + Duration::from_secs(4);
    for _ in 0..8 {
        tokio::spawn(async {
            loop {
                stall_spin(Duration::from_micros(200));
                sleep(Duration::from_millis(2)).await;
            }
        });
    }
    while Instant::now() < until {
        let length = Duration::from_millis(120);
        if in_place {
            tokio::spawn(async move { tokio::task::block_in_place(|| stall_sleep(length)) }).await.unwrap();
        } else {
            tokio::task::spawn_blocking(move || stall_sleep(length)).await.unwrap();
        }
        sleep(BEAT).await;
        DONE.fetch_add(1, Ordering::Relaxed);
    }
    assert!(DONE.load(Ordering::Relaxed) > 5, "the healthy twin hardly worked");
}

async fn drive(kind: &str) {
    released().await;
    match stall_of(kind) {
        Some((stall, told)) => stalls(stall, told).await,
        None if kind == "idle" => sleep(Duration::from_secs(4)).await,
        None => busy(kind == "in_place").await,
    }
    println!("DONE");
}

/// Without I/O nobody waits in epoll: all workers park in futexes.
fn runtime(kind: &str) -> Runtime {
    let mut builder = if kind == "current" { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_time().worker_threads(WORKERS);
    if !["cpu", "mutex"].contains(&kind) {
        builder.enable_io();
    }
    builder.build().unwrap()
}

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_default();
    if !["sleep", "cpu", "mutex", "read", "current", "idle", "busy", "in_place"].contains(&kind.as_str()) {
        eprintln!("usage: tokio_loop sleep|cpu|mutex|read|current|idle|busy|in_place [--stalls N] [--seed N] [--go]");
        std::process::exit(2);
    }
    let runtime = runtime(&kind);
    runtime.block_on(async move {
        beat(4);
        tokio::spawn(async move { drive(&kind).await }).await.unwrap();
    });
}
