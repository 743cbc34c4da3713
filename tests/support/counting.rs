//! An allocator that counts: what this thread asks for and holds, and what the whole process holds.
#![allow(dead_code)] // Each test reads other counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Requests of this thread.
    pub static REQUESTS: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread has asked for less those it gave back.
    pub static LIVE: Cell<i64> = const { Cell::new(0) };
    /// The largest value of [`LIVE`].
    pub static PEAK: Cell<i64> = const { Cell::new(0) };
    /// The largest single request of this thread in bytes.
    pub static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that all threads hold.
pub static PROCESS_LIVE: AtomicUsize = AtomicUsize::new(0);
/// The largest value of [`PROCESS_LIVE`].
pub static PROCESS_PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.with(|c| c.set(c.get() + 1));
        let live = LIVE.with(|c| {
            c.set(c.get() + layout.size() as i64);
            c.get()
        });
        PEAK.with(|c| c.set(c.get().max(live)));
        LARGEST.with(|c| c.set(c.get().max(layout.size())));
        let live = PROCESS_LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PROCESS_PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.with(|c| c.set(c.get() - layout.size() as i64));
        PROCESS_LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
