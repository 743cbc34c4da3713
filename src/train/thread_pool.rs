//! Threads that share the work of one training step.

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Makes the calling thread the first of `threads` that share large products, as long as the result lives.
///
/// Without it the calling thread would sleep while others work for it, and be woken after each product. Where it cannot
/// be had (the thread is in a pool already), products are shared all the same, only less quickly.
#[must_use]
pub fn thread_pool(threads: usize) -> Option<ThreadPool> {
    if threads < 2 {
        return None;
    }
    ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build().ok()
}
