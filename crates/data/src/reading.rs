//! A running read: its progress, whether it was cancelled, and how much memory it may use.

use super::error::DataError;
use chainrule_common::format;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Progress of a read or of other work on a thread, shared with whoever shows it.
#[derive(Debug, Default)]
pub struct ReadingProgress {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl ReadingProgress {
    /// Bytes (or files) read so far, and their total; 0 where it is not known.
    pub fn done(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Sets what is done, and of how much.
    pub fn set(&self, done: u64, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
    }

    /// Makes the read end soon with [`DataError::Cancelled`].
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// What a reader reports to and the limits it obeys.
#[derive(Clone, Debug)]
pub struct Reading {
    progress: Arc<ReadingProgress>,
    /// Largest number of bytes that the values may take.
    pub limit: usize,
    /// For a preview: only this many rows.
    pub rows: Option<usize>,
}

impl Default for Reading {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Reading {
    /// Reads everything, in at most half of the free memory.
    pub fn new(progress: Arc<ReadingProgress>) -> Self {
        Self { progress, limit: memory_limit(), rows: None }
    }

    /// Reads only some rows, for a preview.
    pub fn preview(progress: Arc<ReadingProgress>, rows: usize) -> Self {
        Self { rows: Some(rows), ..Self::new(progress) }
    }

    pub(super) fn expect(&self, total: u64) {
        self.progress.total.store(total, Ordering::Relaxed);
        self.progress.done.store(0, Ordering::Relaxed);
    }

    /// Adds to the progress.
    ///
    /// # Errors
    /// If the read was cancelled.
    pub(super) fn advance(&self, by: u64) -> Result<(), DataError> {
        self.progress.done.fetch_add(by, Ordering::Relaxed);
        if self.progress.cancelled.load(Ordering::Relaxed) { Err(DataError::Cancelled) } else { Ok(()) }
    }

    /// Checks that values may take this many bytes.
    ///
    /// # Errors
    /// If that is more than the limit.
    pub(super) fn allow(&self, name: &str, bytes: usize) -> Result<(), DataError> {
        if bytes <= self.limit {
            return Ok(());
        }
        Err(DataError::TooLarge { name: name.to_owned(), limit: format::bytes(self.limit as u64) })
    }

    /// Whether a preview needs no more than `rows` rows.
    pub(super) fn is_enough(&self, rows: usize) -> bool {
        self.rows.is_some_and(|enough| rows >= enough)
    }
}

/// Half of the free memory.
pub(super) fn memory_limit() -> usize {
    let memory = sysinfo::MemoryRefreshKind::nothing().with_ram();
    let system = sysinfo::System::new_with_specifics(sysinfo::RefreshKind::nothing().with_memory(memory));
    // Assume a small machine if the system does not say.
    let free = system.ok().map(|s| s.available_memory()).filter(|&m| m > 0).unwrap_or(2 << 30);
    (free / 2) as usize
}
