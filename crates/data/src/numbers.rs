//! The numbers of a column in the narrowest type that holds all of them exactly.

/// NaN stands for a missing number.
#[derive(Clone, Debug)]
pub enum Numbers {
    /// Whole numbers from 0 to 255, none missing.
    Bytes(Vec<u8>),
    /// Numbers that single precision holds exactly.
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

/// The narrowest type that holds a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Byte,
    Single,
    Double,
}

fn width(value: f64) -> Width {
    if f64::from(value as u8) == value && value.is_sign_positive() {
        Width::Byte
    } else if f64::from(value as f32) == value || value.is_nan() {
        Width::Single
    } else {
        Width::Double
    }
}

/// The index of the first value that fulfils a rare condition; chunks are tested without branches.
pub(super) fn first<A: Copy>(values: &[A], is: impl Fn(A) -> bool) -> Option<usize> {
    const MANY: usize = 1024;
    let any = |values: &[A]| values.iter().fold(false, |any, &v| any | is(v));
    let (k, chunk) = values.chunks(MANY).enumerate().find(|(_, chunk)| any(chunk))?;
    chunk.iter().position(|&v| is(v)).map(|place| k * MANY + place)
}

/// Whether a number has no decimals. Conversions are faster than rounding, which takes a call on some processors.
fn is_whole(value: f64) -> bool {
    // So large ones have none.
    value as i64 as f64 == value || value.abs() >= 9_007_199_254_740_992.0 && value.is_finite()
}

/// The smallest and the largest value, `low` and `high` where there is none. What compares with nothing is left out. Several are
/// looked at side by side.
fn ends<A: Copy + PartialOrd>(values: &[A], low: A, high: A) -> (A, A) {
    const SIDE_BY_SIDE: usize = 16;
    let smaller = |a: A, b: A| if a < b { a } else { b };
    let larger = |a: A, b: A| if a > b { a } else { b };
    let (mut lows, mut highs) = ([low; SIDE_BY_SIDE], [high; SIDE_BY_SIDE]);
    let chunks = values.chunks_exact(SIDE_BY_SIDE);
    let rest = chunks.remainder();
    for chunk in chunks {
        for k in 0..SIDE_BY_SIDE {
            lows[k] = smaller(chunk[k], lows[k]);
            highs[k] = larger(chunk[k], highs[k]);
        }
    }
    let low = lows.iter().chain(rest).fold(low, |low, &v| smaller(v, low));
    (low, highs.iter().chain(rest).fold(high, |high, &v| larger(v, high)))
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Numbers {
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(v) => v.len(),
            Self::Singles(v) => v.len(),
            Self::Doubles(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at index `k`.
    pub fn get(&self, k: usize) -> f64 {
        match self {
            Self::Bytes(v) => f64::from(v[k]),
            Self::Singles(v) => f64::from(v[k]),
            Self::Doubles(v) => v[k],
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator + '_ {
        (0..self.len()).map(|k| self.get(k))
    }

    /// How many are missing.
    pub fn missing(&self) -> usize {
        match self {
            Self::Bytes(_) => 0,
            Self::Singles(v) => v.iter().filter(|v| v.is_nan()).count(),
            Self::Doubles(v) => v.iter().filter(|v| v.is_nan()).count(),
        }
    }

    /// The smallest and the largest that is not missing; infinity and its negative where all are.
    pub fn range(&self) -> (f64, f64) {
        match self {
            Self::Bytes(v) if v.is_empty() => (f64::INFINITY, f64::NEG_INFINITY),
            Self::Bytes(v) => {
                let (low, high) = ends(v, u8::MAX, u8::MIN);
                (f64::from(low), f64::from(high))
            }
            Self::Singles(v) => {
                let (low, high) = ends(v, f32::INFINITY, f32::NEG_INFINITY);
                (f64::from(low), f64::from(high))
            }
            Self::Doubles(v) => ends(v, f64::INFINITY, f64::NEG_INFINITY),
        }
    }

    /// The smallest and the largest of the finite ones in the given rows; infinity and its negative where there is none.
    pub(super) fn finite_range(&self, rows: &[usize]) -> (f64, f64) {
        let mut few = [0.0; 256];
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for rows in rows.chunks(few.len()) {
            let few = &mut few[..rows.len()];
            self.pick(rows, few);
            for v in few.iter_mut() {
                *v = if v.is_finite() { *v } else { f64::NAN };
            }
            let (smallest, largest) = ends(few, low, high);
            (low, high) = (smallest, largest);
        }
        (low, high)
    }

    /// Whether none has decimals, and none is infinite.
    pub fn are_whole(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Singles(v) => first(v, |v| !v.is_nan() && !is_whole(f64::from(v))).is_none(),
            Self::Doubles(v) => first(v, |v| !v.is_nan() && !is_whole(v)).is_none(),
        }
    }

    /// The first that is infinite.
    pub fn first_infinite(&self) -> Option<usize> {
        match self {
            Self::Bytes(_) => None,
            Self::Singles(v) => first(v, f32::is_infinite),
            Self::Doubles(v) => first(v, f64::is_infinite),
        }
    }

    /// Bytes that the numbers take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes(v) => v.len(),
            Self::Singles(v) => 4 * v.len(),
            Self::Doubles(v) => 8 * v.len(),
        }
    }

    /// Appends one number.
    #[inline]
    pub fn push(&mut self, value: f64) {
        match self {
            Self::Bytes(v) if f64::from(value as u8) == value && value.is_sign_positive() => v.push(value as u8),
            Self::Singles(v) if f64::from(value as f32) == value || value.is_nan() => v.push(value as f32),
            Self::Doubles(v) => v.push(value),
            _ => self.widen_and_push(value),
        }
    }

    #[cold]
    fn widen_and_push(&mut self, value: f64) {
        self.widen(width(value));
        self.push(value);
    }

    fn width(&self) -> Width {
        match self {
            Self::Bytes(_) => Width::Byte,
            Self::Singles(_) => Width::Single,
            Self::Doubles(_) => Width::Double,
        }
    }

    fn widen(&mut self, to: Width) {
        if to <= self.width() {
            return;
        }
        *self = match to {
            Width::Single => Self::Singles(self.iter().map(|v| v as f32).collect()),
            _ => Self::Doubles(self.iter().collect()),
        };
    }

    /// Appends numbers.
    pub fn extend_from_slice(&mut self, values: &[f64]) {
        if !matches!(self, Self::Doubles(_)) {
            self.widen(values.iter().map(|&v| width(v)).max().unwrap_or(Width::Byte));
        }
        match self {
            Self::Bytes(v) => v.extend(values.iter().map(|&v| v as u8)),
            Self::Singles(v) => v.extend(values.iter().map(|&v| v as f32)),
            Self::Doubles(v) => v.extend_from_slice(values),
        }
    }

    /// Appends every `step`th number from index `start` on.
    pub(super) fn extend_with_every(&mut self, values: &[f64], start: usize, step: usize) {
        let mut few = [0.0; 64];
        let mut values = values.get(start..).unwrap_or(&[]).iter().step_by(step.max(1));
        while values.len() > 0 {
            let count = values.len().min(few.len());
            few.iter_mut().zip(values.by_ref()).for_each(|(place, v)| *place = *v);
            self.extend_from_slice(&few[..count]);
        }
    }

    /// Appends all numbers of `other`.
    pub fn append(&mut self, other: &Self) {
        self.widen(other.width());
        match (&mut *self, other) {
            (Self::Bytes(a), Self::Bytes(b)) => a.extend_from_slice(b),
            (Self::Singles(a), Self::Singles(b)) => a.extend_from_slice(b),
            (Self::Doubles(a), Self::Doubles(b)) => a.extend_from_slice(b),
            _ => other.iter().for_each(|v| self.push(v)),
        }
    }

    /// Removes all numbers and keeps the memory and the type.
    pub fn clear(&mut self) {
        match self {
            Self::Bytes(v) => v.clear(),
            Self::Singles(v) => v.clear(),
            Self::Doubles(v) => v.clear(),
        }
    }

    /// Asks for memory for `more` numbers of the present type.
    pub(super) fn reserve(&mut self, more: usize) {
        match self {
            Self::Bytes(v) => v.reserve_exact(more),
            Self::Singles(v) => v.reserve_exact(more),
            Self::Doubles(v) => v.reserve_exact(more),
        }
    }

    /// Frees memory that is not used.
    pub fn shrink(&mut self) {
        match self {
            Self::Bytes(v) => v.shrink_to_fit(),
            Self::Singles(v) => v.shrink_to_fit(),
            Self::Doubles(v) => v.shrink_to_fit(),
        }
    }

    /// Writes the numbers at the given indices to `out`.
    pub(super) fn pick(&self, places: &[usize], out: &mut [f64]) {
        match places {
            [first, ..] if places.windows(2).all(|pair| pair[1] == pair[0] + 1) => self.copy(*first, out),
            _ => self.gather(places, out),
        }
    }

    /// Writes the numbers from index `start` on to `out`.
    pub(super) fn copy(&self, start: usize, out: &mut [f64]) {
        fn widened<A: Copy + Into<f64>>(values: &[A], out: &mut [f64]) {
            out.iter_mut().zip(values).for_each(|(out, &v)| *out = v.into());
        }
        let places = start..start + out.len();
        match self {
            Self::Bytes(v) => widened(&v[places], out),
            Self::Singles(v) => widened(&v[places], out),
            Self::Doubles(v) => out.copy_from_slice(&v[places]),
        }
    }

    /// Writes the numbers at the given indices, in any order, to `out`.
    pub(super) fn gather(&self, places: &[usize], out: &mut [f64]) {
        fn picked<A: Copy + Into<f64>>(values: &[A], places: &[usize], out: &mut [f64]) {
            out.iter_mut().zip(places).for_each(|(out, &k)| *out = values[k].into());
        }
        match self {
            Self::Bytes(v) => picked(v, places, out),
            Self::Singles(v) => picked(v, places, out),
            Self::Doubles(v) => picked(v, places, out),
        }
    }

    /// The numbers at the given indices, in that order.
    pub fn select(&self, places: &[usize]) -> Self {
        match self {
            Self::Bytes(v) => Self::Bytes(places.iter().map(|&k| v[k]).collect()),
            Self::Singles(v) => Self::Singles(places.iter().map(|&k| v[k]).collect()),
            Self::Doubles(v) => Self::Doubles(places.iter().map(|&k| v[k]).collect()),
        }
    }
}

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        match values.iter().map(|&v| width(v)).max().unwrap_or(Width::Byte) {
            Width::Byte => Self::Bytes(values.into_iter().map(|v| v as u8).collect()),
            Width::Single => Self::Singles(values.into_iter().map(|v| v as f32).collect()),
            Width::Double => Self::Doubles(values),
        }
    }
}

impl FromIterator<f64> for Numbers {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut numbers = Self::default();
        values.into_iter().for_each(|v| numbers.push(v));
        numbers
    }
}

/// Compares values, not types; two missing numbers are equal.
impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;
    use proptest::prelude::{Strategy as _, any, prop, prop_assert_eq, prop_oneof, proptest};

    proptest! {
        #[test]
        fn nothing_is_lost_in_any_width(
            a in prop::collection::vec(prop_oneof![(0..=255_u8).prop_map(f64::from), any::<f32>().prop_map(f64::from), any::<f64>()], 0..20),
            b in prop::collection::vec(prop_oneof![(0..=255_u8).prop_map(f64::from), any::<f64>()], 0..20),
        ) {
            let bits = |n: &Numbers| n.iter().map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }).collect::<Vec<_>>();
            let whole: Vec<f64> = a.iter().chain(&b).copied().collect();
            let wanted: Vec<u64> = whole.iter().map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }).collect();
            let mut joined: Numbers = a.into_iter().collect();
            let mut part: Numbers = b.into_iter().collect();
            joined.append(&part);
            prop_assert_eq!(bits(&joined), wanted.clone());
            let before = bits(&part);
            part.clear();
            part.append(&joined);
            prop_assert_eq!(bits(&part), wanted.clone(), "{} numbers were taken out", before.len());
            part.extend_from_slice(&whole);
            prop_assert_eq!(bits(&part), [wanted.clone(), wanted.clone()].concat());
            prop_assert_eq!(part.bytes(), part.iter().collect::<Numbers>().bytes());
            for step in 1..4 {
                for start in 0..step {
                    let mut some = Numbers::default();
                    some.extend_with_every(&[whole.as_slice(), &whole, &whole, &whole].concat(), start, step);
                    let wanted: Vec<u64> = wanted.repeat(4).into_iter().skip(start).step_by(step).collect();
                    prop_assert_eq!(bits(&some), wanted);
                }
            }
            let (mut copied, mut gathered) = (vec![0.0; whole.len()], vec![0.0; whole.len()]);
            joined.copy(0, &mut copied);
            joined.gather(&(0..whole.len()).rev().collect::<Vec<_>>(), &mut gathered);
            gathered.reverse();
            prop_assert_eq!(bits(&Numbers::from(copied)), wanted.clone());
            prop_assert_eq!(bits(&Numbers::from(gathered)), wanted.clone());
            prop_assert_eq!(bits(&Numbers::from(whole)), wanted);
        }
    }

    #[test]
    fn the_range_is_found_wherever_its_ends_are() {
        for length in 1..70 {
            for place in 0..length {
                let mut values = vec![1.5; length];
                values[place] = -0.3;
                values[(place + 7) % length] = if length > 7 { 9.1 } else { -0.3 };
                assert_eq!(Numbers::from(values.clone()).range().0, -0.3);
                let bytes = Numbers::from(values.iter().map(|v| (v * 10.0 + 3.0).round()).collect::<Vec<_>>());
                assert!(bytes.bytes() == length && bytes.are_whole() && bytes.range().0 == 0.0);
                assert!(length < 8 || bytes.range().1 == 94.0 && Numbers::from(values).range().1 == 9.1);
            }
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_told(value in prop_oneof![any::<f64>(), any::<i64>().prop_map(|v| v as f64), (-999_i32..999).prop_map(|v| f64::from(v) / 2.0)]) {
            let wanted = value.is_nan() || value.fract() == 0.0;
            prop_assert_eq!(Numbers::Doubles(vec![f64::NAN, value]).are_whole(), wanted, "{}", value);
            let single = value as f32;
            prop_assert_eq!(Numbers::Singles(vec![single]).are_whole(), single.is_nan() || single.fract() == 0.0);
        }
    }

    #[test]
    fn the_finite_range_of_some_rows() {
        let mut values: Vec<f64> = (0..1000).map(|k| f64::from(k) / 3.0).collect();
        (values[500], values[501], values[502]) = (f64::INFINITY, f64::NEG_INFINITY, f64::NAN);
        let numbers = Numbers::from(values);
        let third = |k: u32| f64::from(k) / 3.0;
        assert_eq!(numbers.finite_range(&(0..1000).collect::<Vec<_>>()), (0.0, third(999)));
        assert_eq!(numbers.finite_range(&(7..720).step_by(2).collect::<Vec<_>>()), (third(7), third(719)));
        assert_eq!(numbers.finite_range(&[501, 700, 300, 500]), (third(300), third(700)));
        for none in [&[][..], &[500, 501, 502]] {
            assert_eq!(numbers.finite_range(none), (f64::INFINITY, f64::NEG_INFINITY));
        }
    }

    #[test]
    fn the_range_leaves_out_what_is_missing() {
        assert_eq!(Numbers::from(vec![3.0, 250.0]).range(), (3.0, 250.0));
        assert_eq!(Numbers::from(vec![f64::NAN, 0.5, -2.0]).range(), (-2.0, 0.5));
        assert_eq!(Numbers::from(vec![0.1, f64::NAN, 1e300]).range(), (0.1, 1e300));
        assert_eq!(Numbers::from(vec![f64::NAN]).range(), (f64::INFINITY, f64::NEG_INFINITY));
    }

    #[test]
    fn the_first_infinite_number_is_found_far_down() {
        let mut values = vec![0.1; 5000];
        assert_eq!(Numbers::from(values.clone()).first_infinite(), None);
        (values[3001], values[4000]) = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(Numbers::from(values).first_infinite(), Some(3001));
    }

    #[test]
    fn small_whole_numbers_take_a_byte_each() {
        assert_eq!(Numbers::from(vec![0.0, 255.0]).bytes(), 2);
        assert_eq!(Numbers::from(vec![0.0, 256.0]).bytes(), 8);
        assert_eq!(Numbers::from(vec![1.0, f64::NAN]).bytes(), 8);
        assert_eq!(Numbers::from(vec![0.1]).bytes(), 8);
    }
}
