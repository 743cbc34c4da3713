//! Work split between the threads of the pool. The order of a sum never depends on which thread computes it.

/// Runs `work` on every item, split between threads.
pub(crate) fn share<I: Send>(items: &mut [I], threads: usize, work: &(impl Fn(&mut I) + Sync)) {
    if threads < 2 || items.len() < 2 {
        items.iter_mut().for_each(work);
        return;
    }
    let (low, high) = items.split_at_mut(items.len().div_ceil(2));
    rayon::join(|| share(low, threads / 2, work), || share(high, threads - threads / 2, work));
}

/// Splits `values` between threads into runs of whole chunks of `length` numbers, and calls `work` with the index of the first
/// chunk of each run and the run. `first` is the index of the first chunk of all.
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

/// Threads for a pass of `work` multiply-adds: all, or one where starting them takes longer than the pass.
pub(crate) fn threads_for(work: usize, threads: usize) -> usize {
    if work >= PARALLEL { threads } else { 1 }
}
