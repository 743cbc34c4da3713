//! Work shared between the threads of the pool, split in halves. Nothing here depends on timing: who does what changes no sum.

/// Runs `work` on every item, shared between threads.
pub(crate) fn share<I: Send>(items: &mut [I], threads: usize, work: &(impl Fn(&mut I) + Sync)) {
    if threads < 2 || items.len() < 2 {
        items.iter_mut().for_each(work);
        return;
    }
    let (low, high) = items.split_at_mut(items.len().div_ceil(2));
    rayon::join(|| share(low, threads / 2, work), || share(high, threads - threads / 2, work));
}

/// Runs `work` on runs of whole chunks of `length` numbers and the index of the first, shared between threads.
pub(crate) fn share_chunks<T: Send>(
    values: &mut [T],
    length: usize,
    first: usize,
    threads: usize,
    work: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let chunks = values.len() / length.max(1);
    if threads < 2 || chunks < 2 {
        work(first, values);
        return;
    }
    let half = chunks.div_ceil(2);
    let (low, high) = values.split_at_mut(half * length);
    rayon::join(
        || share_chunks(low, length, first, threads / 2, work),
        || share_chunks(high, length, first + half, threads - threads / 2, work),
    );
}

/// Passes with fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 1 << 20;

/// How many of `threads` a pass of so many multiply-adds is worth.
pub(crate) fn threads_for(work: usize, threads: usize) -> usize {
    if work >= PARALLEL { threads } else { 1 }
}
