//! The two number types a network computes in: `f32` trains, `f64` checks gradients.
//!
//! The scalar functions are branch-free for `f32`, so that loops over them vectorise; `FMA` says whether the
//! caller runs on a processor with fused multiply-add (without it `mul_add` would be a slow library call).

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// A type for each type of numbers, for [`Real::choose`].
pub trait NumberFamily {
    type Of<T: Real>;
}

/// dst = α dst + β lhs rhs, as `gemm_common` declares it: sizes m, n, k; each matrix with its distances between columns and
/// between rows, `dst` with whether it is read; α, β; three conjugations of complex numbers; how many threads.
pub type Gemm<T> = unsafe fn(
    usize,
    usize,
    usize,
    *mut T,
    isize,
    isize,
    bool,
    *const T,
    isize,
    isize,
    *const T,
    isize,
    isize,
    T,
    T,
    bool,
    bool,
    bool,
    gemm_common::Parallelism,
);

/// A floating-point type that networks can compute in.
pub trait Real:
    Copy
    + Default
    + Debug
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
{
    const ZERO: Self;
    const ONE: Self;

    /// One of two values, by the type of numbers.
    fn choose<F: NumberFamily>(single: impl FnOnce() -> F::Of<f32>, double: impl FnOnce() -> F::Of<f64>)
    -> F::Of<Self>;

    /// The kernel for products of large matrices that fits this processor.
    fn gemm() -> Gemm<Self>;
    fn from_f64(value: f64) -> Self;
    fn from_f32(value: f32) -> Self;
    fn to_f64(self) -> f64;
    fn is_finite(self) -> bool;
    fn sqrt(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    /// `a * b + c`, fused where `FMA`.
    fn fma<const FMA: bool>(a: Self, b: Self, c: Self) -> Self;
    /// sum[l] += w[l] · x[l], each fused where `FMA`, in one register: loops over several sums might be vectorised the wrong way.
    ///
    /// # Safety
    /// `FMA` must be as [`super::kernels`] dispatches it, and `W` may be 16 only where registers are that wide.
    #[inline(always)]
    unsafe fn fma_lanes<const FMA: bool, const W: usize>(w: &[Self; W], x: &[Self; W], sum: &mut [Self; W]) {
        for l in 0..W {
            sum[l] = Self::fma::<FMA>(w[l], x[l], sum[l]);
        }
    }
    /// to[c][r] = from[r][c] for 8 by 8 numbers, with rows that far apart.
    ///
    /// # Safety
    /// The slices must hold seven strides and 8 numbers; `FMA` must be as [`super::kernels`] dispatches it.
    #[inline(always)]
    unsafe fn transpose_8<const FMA: bool>(from: &[Self], from_stride: usize, to: &mut [Self], to_stride: usize) {
        for r in 0..8 {
            for c in 0..8 {
                to[c * to_stride + r] = from[r * from_stride + c];
            }
        }
    }
    fn exp<const FMA: bool>(self) -> Self;
    fn exp_m1<const FMA: bool>(self) -> Self;
    fn tanh<const FMA: bool>(self) -> Self;
    /// The hyperbolic tangents of two numbers, with one division between them where that is what they cost.
    #[inline(always)]
    fn tanh_2<const FMA: bool>(of: [Self; 2]) -> [Self; 2] {
        of.map(Self::tanh::<FMA>)
    }
    /// Complementary error function.
    fn erfc<const FMA: bool>(self) -> Self;

    #[inline(always)]
    fn abs(self) -> Self {
        if self < Self::ZERO { -self } else { self }
    }

    /// The number, or 0 where it is a single and its magnitude below `least`; NaN stays NaN.
    #[inline(always)]
    fn or_zero_below(self, _least: f32) -> Self {
        self
    }

    /// −1, 0 or 1; NaN stays NaN.
    #[inline(always)]
    fn sign(self) -> Self {
        if self > Self::ZERO {
            Self::ONE
        } else if self < Self::ZERO {
            -Self::ONE
        } else {
            self
        }
    }

    /// The larger of two; `self` where either is not a number.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// 1 / (1 + e⁻ˣ)
    #[inline(always)]
    fn sigmoid<const FMA: bool>(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp::<FMA>())
    }

    /// ln(1 + eˣ), stable for large |x|.
    #[inline(always)]
    fn softplus<const FMA: bool>(self) -> Self {
        self.max(Self::ZERO) + (-self.abs()).exp::<FMA>().ln_1p()
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn choose<F: NumberFamily>(single: impl FnOnce() -> F::Of<f32>, _: impl FnOnce() -> F::Of<f64>) -> F::Of<Self> {
        single()
    }

    fn gemm() -> Gemm<Self> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    #[inline(always)]
    fn sin(self) -> Self {
        self.sin()
    }

    #[inline(always)]
    fn cos(self) -> Self {
        self.cos()
    }

    #[inline(always)]
    fn or_zero_below(self, least: f32) -> Self {
        if self.abs() < least { 0.0 } else { self }
    }

    #[inline(always)]
    fn fma<const FMA: bool>(a: Self, b: Self, c: Self) -> Self {
        if FMA { a.mul_add(b, c) } else { a * b + c }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn fma_lanes<const FMA: bool, const W: usize>(w: &[Self; W], x: &[Self; W], sum: &mut [Self; W]) {
        use std::arch::x86_64::{
            _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_storeu_ps,
        };
        let (w_at, from, to) = (w.as_ptr(), x.as_ptr(), sum.as_mut_ptr());
        match (FMA, W) {
            // SAFETY: the arrays hold 16 numbers, and the caller says that registers do.
            (true, 16) => unsafe {
                _mm512_storeu_ps(
                    to,
                    _mm512_fmadd_ps(_mm512_loadu_ps(w_at), _mm512_loadu_ps(from), _mm512_loadu_ps(to)),
                );
            },
            // SAFETY: the arrays hold 8 numbers; fused multiply-add is dispatched together with AVX2.
            (true, 8) => unsafe {
                _mm256_storeu_ps(
                    to,
                    _mm256_fmadd_ps(_mm256_loadu_ps(w_at), _mm256_loadu_ps(from), _mm256_loadu_ps(to)),
                );
            },
            _ => (0..W).for_each(|l| sum[l] = Self::fma::<FMA>(w[l], x[l], sum[l])),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn transpose_8<const FMA: bool>(from: &[Self], from_stride: usize, to: &mut [Self], to_stride: usize) {
        use std::arch::x86_64::{
            _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
            _mm256_unpacklo_ps,
        };
        if !FMA {
            for r in 0..8 {
                (0..8).for_each(|c| to[c * to_stride + r] = from[r * from_stride + c]);
            }
            return;
        }
        // SAFETY: the caller says that the rows are there, and that registers hold 8 numbers where `FMA`.
        unsafe {
            let row = |r: usize| _mm256_loadu_ps(from.as_ptr().add(r * from_stride));
            // Pairs of neighbouring rows, then fours, then the halves of registers.
            let low: [_; 4] = std::array::from_fn(|p| _mm256_unpacklo_ps(row(2 * p), row(2 * p + 1)));
            let high: [_; 4] = std::array::from_fn(|p| _mm256_unpackhi_ps(row(2 * p), row(2 * p + 1)));
            let first = [_mm256_shuffle_ps::<0x44>(low[0], low[1]), _mm256_shuffle_ps::<0x44>(low[2], low[3])];
            let second = [_mm256_shuffle_ps::<0xee>(low[0], low[1]), _mm256_shuffle_ps::<0xee>(low[2], low[3])];
            let third = [_mm256_shuffle_ps::<0x44>(high[0], high[1]), _mm256_shuffle_ps::<0x44>(high[2], high[3])];
            let fourth = [_mm256_shuffle_ps::<0xee>(high[0], high[1]), _mm256_shuffle_ps::<0xee>(high[2], high[3])];
            for (c, [above, below]) in [first, second, third, fourth].into_iter().enumerate() {
                let at = to.as_mut_ptr().add(c * to_stride);
                _mm256_storeu_ps(at, _mm256_permute2f128_ps::<0x20>(above, below));
                _mm256_storeu_ps(at.add(4 * to_stride), _mm256_permute2f128_ps::<0x31>(above, below));
            }
        }
    }

    /// Range reduction by powers of two and a degree-6 polynomial (Cephes `expf`), about 1 ulp.
    #[inline(always)]
    fn exp<const FMA: bool>(self) -> Self {
        // Written with comparisons rather than `clamp` so that NaN stays NaN and both sides become a vector select.
        let x = if self > 88.7 { 88.7 } else { self };
        let x = if x < -87.3 { -87.3 } else { x };
        // Adding 1.5·2²³ rounds to the nearest integer without a library call.
        const ROUND: f32 = 12_582_912.0;
        let rounded = Self::fma::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
        let n = rounded - ROUND;
        let r = Self::fma::<FMA>(n, -0.693_359_4, x);
        let r = Self::fma::<FMA>(n, 2.121_944_4e-4, r);
        let y = Self::fma::<FMA>(exp_tail::<FMA>(r), r * r, r) + 1.0;
        // 2ⁿ in two halves, so that n = 128 does not overflow the exponent field. The integer stands in the low bits of the
        // rounded number: a conversion would ask for NaN, one number at a time.
        let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
        let half = n >> 1;
        let pow2 = |k: i32| Self::from_bits((k.wrapping_add(127) << 23) as u32);
        let y = y * pow2(half) * pow2(n.wrapping_sub(half));
        if self > 88.722_84 { Self::INFINITY } else { y }
    }

    #[inline(always)]
    fn exp_m1<const FMA: bool>(self) -> Self {
        let near = Self::fma::<FMA>(exp_tail::<FMA>(self), self * self, self);
        let far = Real::exp::<FMA>(self) - 1.0;
        if self.abs() < 0.34 { near } else { far }
    }

    #[inline(always)]
    fn tanh<const FMA: bool>(self) -> Self {
        let [above, below] = tanh_fraction::<FMA>(self);
        above / below
    }

    #[inline(always)]
    fn tanh_2<const FMA: bool>([a, b]: [Self; 2]) -> [Self; 2] {
        let ([a, under_a], [b, under_b]) = (tanh_fraction::<FMA>(a), tanh_fraction::<FMA>(b));
        // Neither is below 0.004 or above 1.
        let share = 1.0 / (under_a * under_b);
        [a * (under_b * share), b * (under_a * share)]
    }

    /// Chebyshev fit with relative error below 1.2·10⁻⁷ everywhere (Press et al., Numerical Recipes §6.2).
    #[inline(always)]
    fn erfc<const FMA: bool>(self) -> Self {
        let z = self.abs();
        let t = 1.0 / Self::fma::<FMA>(z, 0.5, 1.0);
        let mut p = 0.170_872_77;
        for c in [
            -0.822_152_2,
            1.488_515_9,
            -1.135_203_9,
            0.278_868_07,
            -0.186_288_06,
            0.096_784_18,
            0.374_091_96,
            1.000_023_7,
            -1.265_512_2,
        ] {
            p = Self::fma::<FMA>(p, t, c);
        }
        let y = t * Real::exp::<FMA>(Self::fma::<FMA>(-z, z, p));
        if self < 0.0 { 2.0 - y } else { y }
    }
}

/// tanh x as a fraction: an odd rational approximation of degree 13 over 6 (the minimax fit used by Eigen), a few ulp.
#[inline(always)]
fn tanh_fraction<const FMA: bool>(x: f32) -> [f32; 2] {
    const LIMIT: f32 = 7.905_311;
    // Written with comparisons so that NaN stays NaN.
    let x = if x > LIMIT { LIMIT } else { x };
    let x = if x < -LIMIT { -LIMIT } else { x };
    let s = x * x;
    let mut p = -2.760_768_5e-16;
    for c in [2.000_187_9e-13, -8.604_671_5e-11, 5.122_297_1e-8, 1.485_722_4e-5, 6.372_619_3e-4, 4.893_524_6e-3] {
        p = <f32 as Real>::fma::<FMA>(p, s, c);
    }
    let mut q = 1.198_258_4e-6;
    for c in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        q = <f32 as Real>::fma::<FMA>(q, s, c);
    }
    [x * p, q]
}

/// (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2 (Cephes `expf`).
#[inline(always)]
fn exp_tail<const FMA: bool>(r: f32) -> f32 {
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_1e-1] {
        p = <f32 as Real>::fma::<FMA>(p, r, c);
    }
    p
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn choose<F: NumberFamily>(_: impl FnOnce() -> F::Of<f32>, double: impl FnOnce() -> F::Of<f64>) -> F::Of<Self> {
        double()
    }

    fn gemm() -> Gemm<Self> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    #[inline(always)]
    fn sin(self) -> Self {
        self.sin()
    }

    #[inline(always)]
    fn cos(self) -> Self {
        self.cos()
    }

    #[inline(always)]
    fn fma<const FMA: bool>(a: Self, b: Self, c: Self) -> Self {
        if FMA { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn exp<const FMA: bool>(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn exp_m1<const FMA: bool>(self) -> Self {
        self.exp_m1()
    }

    #[inline(always)]
    fn tanh<const FMA: bool>(self) -> Self {
        self.tanh()
    }

    #[inline(always)]
    fn erfc<const FMA: bool>(self) -> Self {
        libm::erfc(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Real;

    /// Largest relative error of `f` against its f64 reference over a dense grid.
    fn worst(range: std::ops::Range<f64>, f: impl Fn(f32) -> f32, reference: impl Fn(f64) -> f64) -> f64 {
        (0..200_000)
            .map(|i| (range.start + (range.end - range.start) * f64::from(i) / 200_000.0) as f32)
            .map(|x| {
                let exact = reference(f64::from(x));
                (f64::from(f(x)) - exact).abs() / exact.abs().max(1e-30)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn fast_functions_agree_with_the_standard_library() {
        assert!(worst(-87.0..88.0, Real::exp::<true>, f64::exp) < 2.5e-7);
        assert!(worst(-87.0..88.0, Real::exp::<false>, f64::exp) < 2.5e-7);
        assert!(worst(-20.0..5.0, Real::exp_m1::<true>, f64::exp_m1) < 4e-7);
        assert!(worst(-12.0..12.0, Real::tanh::<true>, f64::tanh) < 5e-7);
        assert!(worst(-12.0..12.0, Real::tanh::<false>, f64::tanh) < 5e-7);
        assert!(worst(-12.0..12.0, |x| Real::tanh_2::<true>([x, 1.0 - x])[0], f64::tanh) < 6e-7);
        assert!(worst(-12.0..12.0, |x| Real::tanh_2::<true>([3.0 * x, x])[1], f64::tanh) < 6e-7);
        assert!(worst(-3.0..4.0, Real::erfc::<true>, libm::erfc) < 2e-6);
        assert!(worst(-60.0..30.0, Real::sigmoid::<true>, |x| 1.0 / (1.0 + (-x).exp())) < 3e-7);
    }

    #[test]
    fn special_values_pass_through() {
        assert!(Real::exp::<true>(f32::NAN).is_nan());
        assert!(Real::tanh::<true>(f32::NAN).is_nan());
        assert_eq!(Real::exp::<true>(200.0_f32), f32::INFINITY);
        assert!(Real::exp::<true>(-200.0_f32) < 1.3e-38);
        assert!((Real::tanh::<true>(50.0_f32) - 1.0).abs() < 1e-6);
    }
}
