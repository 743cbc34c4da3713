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
fn first<A: Copy>(values: &[A], is: impl Fn(A) -> bool) -> Option<usize> {
    const MANY: usize = 1024;
    let any = |values: &[A]| values.iter().fold(false, |any, &v| any | is(v));
    let (k, chunk) = values.chunks(MANY).enumerate().find(|(_, chunk)| any(chunk))?;
    chunk.iter().position(|&v| is(v)).map(|place| k * MANY + place)
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
            Self::Bytes(v) => {
                let ends = v.iter().min().zip(v.iter().max());
                ends.map_or((f64::INFINITY, f64::NEG_INFINITY), |(low, high)| (f64::from(*low), f64::from(*high)))
            }
            Self::Singles(v) => {
                let (low, high) =
                    v.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
                (f64::from(low), f64::from(high))
            }
            Self::Doubles(v) => {
                v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
            }
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

    /// Frees memory that is not used.
    pub fn shrink(&mut self) {
        match self {
            Self::Bytes(v) => v.shrink_to_fit(),
            Self::Singles(v) => v.shrink_to_fit(),
            Self::Doubles(v) => v.shrink_to_fit(),
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
            prop_assert_eq!(bits(&Numbers::from(whole)), wanted);
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
