//! A reading under way: how far it is, whether it was called off, and how much memory it may take.

use super::error::DataError;
use crate::format;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far a reading is; shared with whoever watches it.
#[derive(Debug, Default)]
pub struct ReadingProgress {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl ReadingProgress {
    /// Bytes (or files) that were read, and of how many; 0 where that is not known.
    pub fn done(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// The reading ends soon with [`DataError::Cancelled`].
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// What a reader keeps to.
#[derive(Clone, Debug)]
pub struct Reading {
    progress: Arc<ReadingProgress>,
    /// Most bytes of memory for the values.
    pub limit: usize,
    /// Only so many rows, to have a look.
    pub rows: Option<usize>,
}

impl Default for Reading {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Reading {
    /// Of everything, in at most half of the memory that is free.
    pub fn new(progress: Arc<ReadingProgress>) -> Self {
        Self { progress, limit: memory_limit(), rows: None }
    }

    /// Only the first rows, to have a look.
    pub fn preview(progress: Arc<ReadingProgress>, rows: usize) -> Self {
        Self { rows: Some(rows), ..Self::new(progress) }
    }

    pub(super) fn expect(&self, total: u64) {
        self.progress.total.store(total, Ordering::Relaxed);
        self.progress.done.store(0, Ordering::Relaxed);
    }

    /// So much more was read.
    ///
    /// # Errors
    /// When the reading was called off.
    pub(super) fn advance(&self, by: u64) -> Result<(), DataError> {
        self.progress.done.fetch_add(by, Ordering::Relaxed);
        if self.progress.cancelled.load(Ordering::Relaxed) { Err(DataError::Cancelled) } else { Ok(()) }
    }

    /// Whether values of so many bytes may be held.
    ///
    /// # Errors
    /// When they may not, with the limit.
    pub(super) fn allow(&self, name: &str, bytes: usize) -> Result<(), DataError> {
        if bytes <= self.limit {
            return Ok(());
        }
        Err(DataError::TooLarge { name: name.to_owned(), limit: format::bytes(self.limit as u64) })
    }

    /// Whether so many rows are enough.
    pub(super) fn is_enough(&self, rows: usize) -> bool {
        self.rows.is_some_and(|enough| rows >= enough)
    }
}

/// Half of the memory that is free.
pub(super) fn memory_limit() -> usize {
    let memory = sysinfo::MemoryRefreshKind::nothing().with_ram();
    let system = sysinfo::System::new_with_specifics(sysinfo::RefreshKind::nothing().with_memory(memory));
    // Where the system does not tell, a small machine is assumed.
    let free = system.ok().map(|s| s.available_memory()).filter(|&m| m > 0).unwrap_or(2 << 30);
    (free / 2) as usize
}
