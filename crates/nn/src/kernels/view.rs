//! Strided views of buffers. A view is checked once, when it is made: every element of it lies within its buffer. Kernels
//! that take views need only compare counts before they read and write without bounds checks.

use crate::real::Real;
use std::ops::Range;

/// Where the elements `[i, j]` of a view lie: `width` neighbouring numbers each, from `i · strides[0] + j · strides[1]` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    counts: [usize; 2],
    strides: [usize; 2],
    width: usize,
}

impl Layout {
    /// How many numbers a buffer must hold for all elements to lie within it; `None` if that cannot be counted.
    #[inline(always)]
    fn extent(&self) -> Option<usize> {
        let [Some(rows), Some(columns)] = self.counts.map(|count| count.checked_sub(1)) else { return Some(0) };
        let (row, column) = (rows.checked_mul(self.strides[0])?, columns.checked_mul(self.strides[1])?);
        row.checked_add(column)?.checked_add(self.width)
    }

    #[inline(always)]
    fn check(&self, length: usize) {
        if self.extent().is_none_or(|extent| extent > length) {
            self.refuse(length);
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, length: usize) -> ! {
        let Self { counts, strides, width } = self;
        panic!("{counts:?} elements of {width}, {strides:?} apart, do not lie within {length} numbers");
    }
}

/// A view to read: elements `[i, j]` of `width` neighbouring numbers.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    values: &'a [T],
    layout: Layout,
}

impl<'a, T: Real> View<'a, T> {
    /// Elements `[counts[0], counts[1]]`, of which neighbours are `strides` apart.
    ///
    /// # Panics
    /// If an element does not lie within the values.
    #[inline(always)]
    pub(crate) fn new(values: &'a [T], counts: [usize; 2], strides: [usize; 2], width: usize) -> Self {
        let layout = Layout { counts, strides, width };
        layout.check(values.len());
        Self { values, layout }
    }

    /// A matrix of single numbers.
    #[inline(always)]
    pub(crate) fn matrix(values: &'a [T], counts: [usize; 2], strides: [usize; 2]) -> Self {
        Self::new(values, counts, strides, 1)
    }

    /// `count` rows of a block of samples, `[count, width]`.
    #[inline(always)]
    pub(crate) fn rows(values: &'a [T], count: usize, stride: usize, width: usize) -> Self {
        Self::new(values, [count, 1], [stride, 0], width)
    }

    /// `count` rows of a block of samples without anything between them.
    #[inline(always)]
    pub(crate) fn block(values: &'a [T], count: usize, width: usize) -> Self {
        Self::rows(values, count, width, width)
    }

    /// The part with only some of the columns.
    #[inline(always)]
    pub(crate) fn columns(self, range: Range<usize>) -> Self {
        let Layout { counts, strides, width } = self.layout;
        assert!(range.end <= counts[1], "a view has {} columns, not {}", counts[1], range.end);
        let count = range.len();
        // Where there are elements, the first lies within the values.
        let start = if count == 0 || counts[0] == 0 { 0 } else { range.start * strides[1] };
        Self::new(&self.values[start..], [counts[0], count], strides, width)
    }

    #[inline(always)]
    pub(super) fn counts(&self) -> [usize; 2] {
        self.layout.counts
    }

    #[inline(always)]
    pub(super) fn strides(&self) -> [usize; 2] {
        self.layout.strides
    }

    #[inline(always)]
    pub(super) fn width(&self) -> usize {
        self.layout.width
    }

    #[inline(always)]
    pub(super) fn values(&self) -> &'a [T] {
        self.values
    }

    /// The number at a place.
    ///
    /// # Safety
    /// The place must belong to an element.
    #[inline(always)]
    pub(super) unsafe fn number(&self, at: usize) -> T {
        // SAFETY: elements lie within the values.
        unsafe { *self.values.get_unchecked(at) }
    }

    /// `W` neighbouring numbers.
    ///
    /// # Safety
    /// The places from `at` to `at + W` must belong to an element.
    #[inline(always)]
    pub(super) unsafe fn lanes<const W: usize>(&self, at: usize) -> [T; W] {
        let mut lanes = [T::ZERO; W];
        // SAFETY: elements lie within the values.
        lanes.copy_from_slice(unsafe { self.values.get_unchecked(at..at + W) });
        lanes
    }
}

/// A view to write.
pub(crate) struct ViewMut<'a, T> {
    values: &'a mut [T],
    layout: Layout,
}

impl<'a, T: Real> ViewMut<'a, T> {
    /// As [`View::new`].
    ///
    /// # Panics
    /// If an element does not lie within the values.
    #[inline(always)]
    pub(crate) fn new(values: &'a mut [T], counts: [usize; 2], strides: [usize; 2], width: usize) -> Self {
        let layout = Layout { counts, strides, width };
        layout.check(values.len());
        Self { values, layout }
    }

    /// A matrix of single numbers, row by row.
    #[inline(always)]
    pub(crate) fn matrix(values: &'a mut [T], counts: [usize; 2], stride: usize) -> Self {
        Self::new(values, counts, [stride, 1], 1)
    }

    /// `count` rows of a block of samples, `[count, width]`.
    #[inline(always)]
    pub(crate) fn rows(values: &'a mut [T], count: usize, stride: usize, width: usize) -> Self {
        Self::new(values, [count, 1], [stride, 0], width)
    }

    /// `count` rows of a block of samples without anything between them.
    #[inline(always)]
    pub(crate) fn block(values: &'a mut [T], count: usize, width: usize) -> Self {
        Self::rows(values, count, width, width)
    }

    #[inline(always)]
    pub(super) fn counts(&self) -> [usize; 2] {
        self.layout.counts
    }

    #[inline(always)]
    pub(super) fn strides(&self) -> [usize; 2] {
        self.layout.strides
    }

    #[inline(always)]
    pub(super) fn width(&self) -> usize {
        self.layout.width
    }

    #[inline(always)]
    pub(super) fn values(&mut self) -> &mut [T] {
        self.values
    }

    /// `W` neighbouring numbers.
    ///
    /// # Safety
    /// The places from `at` to `at + W` must belong to an element, or to neighbouring ones.
    #[inline(always)]
    pub(super) unsafe fn lanes<const W: usize>(&mut self, at: usize) -> &mut [T] {
        // SAFETY: elements lie within the values.
        unsafe { self.values.get_unchecked_mut(at..at + W) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, View, ViewMut};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    const HUGE: [usize; 4] = [usize::MAX, usize::MAX / 2, 1 << 63, 1 << 32];

    #[test]
    fn extents_reach_to_the_last_element_or_overflow() {
        let extent = |counts, strides, width| Layout { counts, strides, width }.extent();
        assert_eq!(extent([3, 2], [10, 4], 2), Some(26));
        assert_eq!(extent([3, 1], [10, usize::MAX], 8), Some(28), "a stride that is not used does not matter");
        assert_eq!(extent([0, 5], [usize::MAX, 9], 8), Some(0));
        assert_eq!(extent([5, 0], [9, usize::MAX], 8), Some(0));
        assert_eq!(extent([2, 2], [usize::MAX, 1], 1), None);
        assert_eq!(extent([usize::MAX, 1], [2, 0], 1), None);
        assert_eq!(extent([2, 2], [usize::MAX / 2, usize::MAX / 2], 8), None, "only the sum overflows");
        assert_eq!(extent([1, 1], [0, 0], usize::MAX), Some(usize::MAX));
    }

    #[test]
    fn views_that_reach_beyond_their_values_are_refused() {
        let mut values = vec![0.0_f32; 64];
        let mut check = |counts: [usize; 2], strides: [usize; 2], width: usize, fits: bool| {
            let read = catch_unwind(|| View::new(&values[..], counts, strides, width)).is_ok();
            let write = catch_unwind(AssertUnwindSafe(|| {
                ViewMut::new(&mut values[..], counts, strides, width);
            }));
            assert_eq!((read, write.is_ok()), (fits, fits), "{counts:?} {strides:?} {width}");
        };
        check([8, 1], [8, 0], 8, true);
        check([4, 4], [16, 4], 4, true);
        check([0, 9], [99, 99], 99, true);
        check([8, 1], [8, 0], 9, false);
        check([9, 1], [8, 0], 8, false);
        check([4, 4], [16, 5], 4, false);
        for huge in HUGE {
            check([2, 1], [huge, 0], 8, false);
            check([1, 2], [0, huge], 8, false);
            check([3, 3], [huge, huge], 1, false);
            check([huge, 1], [1, 0], 8, false);
            check([1, huge], [0, 1 << 33], 8, false);
            check([1, 1], [0, 0], huge, false);
        }
    }

    #[test]
    fn a_part_has_the_columns_of_the_whole() {
        let values: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let whole = View::new(&values, [2, 3], [12, 4], 2);
        let part = whole.columns(1..3);
        assert_eq!((part.counts(), part.strides(), part.values()[0]), ([2, 2], [12, 4], 4.0));
        assert_eq!(whole.columns(3..3).counts(), [2, 0]);
        assert!(catch_unwind(|| whole.columns(2..4)).is_err());
    }
}
