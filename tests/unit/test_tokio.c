// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_tokio.c: what is read off the frames of a tokio program, as two manglings name them.
 */
#include <criterion/criterion.h>
#include "runtime/native.h"
#include "runtime/tokio.h"

#define RUN "tokio::runtime::scheduler::multi_thread::worker::Context::run"

static struct tokio_reading reading(const char *const *names)
{
	struct tokio_reading r = { 0 };

	for (unsigned int i = 0; names[i]; i++)
		tokio_read(&r, names[i][0] ? names[i] : NULL, i);
	return r;
}

#define READ(...) reading((const char *const[]){ __VA_ARGS__, NULL })

Test(tokio, a_worker_parks_where_the_scheduler_itself_has_called_the_futex)
{
	struct tokio_reading r =
		READ("", "std::sys::pal::unix::futex::futex_wait",
		     "tokio::runtime::scheduler::multi_thread::park::Inner::park_condvar", RUN);

	cr_assert(r.parks);
	cr_assert_eq(r.at, 2);
	cr_assert(READ("", "parking_lot::condvar::Condvar::wait_until_internal", RUN).parks);
	cr_assert(READ("", "<std::sys::sync::condvar::futex::Condvar>::wait_optional_timeout",
		       "<tokio::runtime::park::Inner>::park_timeout",
		       "<tokio::runtime::time::Driver>::park_internal",
		       "<tokio::runtime::scheduler::multi_thread::worker::Context>::park_internal")
			  .parks);
	cr_assert(READ("", "std::sys::sync::condvar::futex::Condvar::wait",
		       "tokio::runtime::park::Inner::park",
		       "tokio::runtime::scheduler::current_thread::Context::park")
			  .parks);
}

Test(tokio, a_task_that_waits_for_a_lock_does_not_park)
{
	cr_assert_not(READ("", "std::sys::sync::mutex::futex::Mutex::lock_contended", "app::f",
			   "tokio::runtime::task::raw::poll", RUN)
			      .parks);
	/* all of the task inlined into the function that polls it */
	cr_assert_not(
		READ("", "<std::sys::sync::mutex::futex::Mutex>::lock_contended",
		     "<tokio::runtime::task::harness::Harness<app::f::{closure#0}, "
		     "alloc::sync::Arc<tokio::runtime::scheduler::multi_thread::handle::Handle>>>"
		     "::poll",
		     RUN)
			.parks);
}

Test(tokio, threads_outside_the_scheduler_do_not_park)
{
	cr_assert_not(READ("", "std::sys::sync::condvar::futex::Condvar::wait_timeout",
			   "tokio::runtime::blocking::pool::Inner::run")
			      .parks);
	cr_assert_not(READ("", "std::sys::sync::condvar::futex::Condvar::wait",
			   "tokio::runtime::park::CachedParkThread::block_on",
			   "tokio::runtime::scheduler::multi_thread::MultiThread::block_on")
			      .parks);
	cr_assert_not(READ("", "").parks);
}

Test(tokio, a_worker_that_blocks_in_place_has_left_its_loop)
{
	cr_assert(READ("", "std::thread::sleep", "app::f", "tokio::task::blocking::block_in_place",
		       "app::g", RUN)
			  .left);
	cr_assert_not(READ("", "std::thread::sleep", "app::block_in_place", RUN).left);
}

Test(tokio, what_is_linked_in_is_not_the_application)
{
	cr_assert(native_library("std::thread::sleep"));
	cr_assert(native_library(
		"<tokio::time::sleep::Sleep as core::future::future::Future>::poll"));
	cr_assert(native_library("<&mut tokio::runtime::Runtime as app::Trait>::f"));
	cr_assert(native_library("__rust_begin_short_backtrace"));
	cr_assert_not(native_library("app::handler::{{closure}}"));
	cr_assert_not(native_library("<app::Handler as tokio::io::AsyncRead>::poll_read"));
	cr_assert_not(native_library("regex_match")); /* of a C program */
}
