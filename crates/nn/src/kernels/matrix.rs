//! Matrix products of a dense layer, batch last: z = Wᵀx + b, ∂L/∂x = W ∂L/∂z, ∂L/∂W = x (∂L/∂z)ᵀ.
//!
//! Small layers use register-blocked loops, which start faster; larger ones the `gemm` crates. Which one is used depends on
//! the shape only, and every output element is summed by one thread in one order: results do not depend on threads.

use super::affine::affine;
use super::outer::outer;
use super::view::{View, ViewMut};
use super::{LANES, blocks, dispatch, lane_sum};
use crate::real::Real;
use gemm_common::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder as _};

/// Products with fewer multiply-adds than this take the small path.
const SMALL: usize = 1 << 15;
/// Products with fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 1 << 24;

/// `dst = lhs · rhs`, plus what `dst` held if `accumulate`.
///
/// # Panics
/// If the shapes do not fit: the caller's bug.
#[allow(clippy::needless_pass_by_value)]
pub(crate) fn product<'a, T: Real>(
    mut dst: ArrayViewMut2<'_, T>,
    mut lhs: ArrayView2<'a, T>,
    mut rhs: ArrayView2<'a, T>,
    accumulate: bool,
    threads: usize,
) {
    let (m, k) = lhs.dim();
    let n = rhs.ncols();
    assert!(rhs.nrows() == k && dst.dim() == (m, n), "matrix shapes do not fit");
    let parallelism =
        if threads > 1 && m * n * k >= PARALLEL { Parallelism::Rayon(threads) } else { Parallelism::None };
    // The kernel wants columns of `dst` further apart than its rows: else the transposed product is taken.
    if dst.strides()[1].abs() < dst.strides()[0].abs() {
        (lhs, rhs) = (rhs.reversed_axes(), lhs.reversed_axes());
        dst = dst.reversed_axes();
    }
    let ((m, n), (&[dst_row, dst_column], &[lhs_row, lhs_column], &[rhs_row, rhs_column])) =
        (dst.dim(), (dst.strides(), lhs.strides(), rhs.strides()))
    else {
        return;
    };
    assert!(dst_row >= 0 && dst_column >= 0 && lhs_column >= 0, "matrices are stored forwards");
    // SAFETY: the three views are valid for their shapes and strides, which were just checked to fit, and `dst` is
    // borrowed mutably, so it overlaps neither operand.
    unsafe {
        T::gemm()(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            dst_column,
            dst_row,
            accumulate,
            lhs.as_ptr(),
            lhs_column,
            lhs_row,
            rhs.as_ptr(),
            rhs_column,
            rhs_row,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// A row-major matrix view over the front of `data`.
pub(crate) fn rows<T>(data: &[T], rows: usize, cols: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((rows, cols), &data[..rows * cols]).expect("the slice has exactly rows × cols elements")
}

/// A mutable row-major matrix view over the front of `data`.
pub(crate) fn rows_mut<T>(data: &mut [T], rows: usize, cols: usize) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, cols), &mut data[..rows * cols])
        .expect("the slice has exactly rows × cols elements")
}

/// The transpose of a row-major `[rows, cols]` matrix over the front of `data`.
fn transposed<T>(data: &[T], rows: usize, cols: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((cols, rows).strides((1, cols)), &data[..rows * cols])
        .expect("the slice has exactly rows × cols elements")
}

/// z = Wᵀx + b: `weight [inputs, outputs]`, `bias [outputs]` or empty, `x [inputs, stride]`, `z [outputs, stride]`.
pub(crate) fn forward<T: Real>(
    weight: &[T],
    bias: &[T],
    x: &[T],
    z: &mut [T],
    inputs: usize,
    outputs: usize,
    threads: usize,
) {
    let stride = z.len() / outputs;
    if inputs * outputs * stride <= SMALL {
        small_product(View::matrix(weight, [outputs, inputs], [1, outputs]), bias, x, z, stride, false);
        return;
    }
    for (row, z) in z.chunks_exact_mut(stride).enumerate() {
        z.fill(bias.get(row).copied().unwrap_or(T::ZERO));
    }
    product(rows_mut(z, outputs, stride), transposed(weight, inputs, outputs), rows(x, inputs, stride), true, threads);
}

/// ∂L/∂x = W ∂L/∂z, added to `grad_x` if `accumulate`.
pub(crate) fn backward_input<T: Real>(
    weight: &[T],
    grad_z: &[T],
    grad_x: &mut [T],
    inputs: usize,
    outputs: usize,
    accumulate: bool,
    threads: usize,
) {
    let stride = grad_z.len() / outputs;
    if inputs * outputs * stride <= SMALL {
        let matrix = View::matrix(weight, [inputs, outputs], [outputs, 1]);
        small_product(matrix, &[], grad_z, grad_x, stride, accumulate);
        return;
    }
    product(
        rows_mut(grad_x, inputs, stride),
        rows(weight, inputs, outputs),
        rows(grad_z, outputs, stride),
        accumulate,
        threads,
    );
}

/// ∂L/∂W = x (∂L/∂z)ᵀ and ∂L/∂b = Σ over the batch of ∂L/∂z; both overwrite.
pub(crate) fn backward_params<T: Real>(
    x: &[T],
    grad_z: &[T],
    grad_weight: &mut [T],
    grad_bias: &mut [T],
    inputs: usize,
    outputs: usize,
    threads: usize,
) {
    let stride = grad_z.len() / outputs;
    if inputs * outputs * stride <= SMALL {
        small_outer(x, grad_z, grad_weight, grad_bias, stride);
        return;
    }
    row_sums(grad_z, grad_bias, stride);
    product(
        rows_mut(grad_weight, inputs, outputs),
        rows(x, inputs, stride),
        transposed(grad_z, outputs, stride),
        false,
        threads,
    );
}

/// z = a x + bias, `x` and `z` with rows of `stride` columns, block by block.
fn small_product<T: Real>(a: View<'_, T>, bias: &[T], x: &[T], z: &mut [T], stride: usize, accumulate: bool) {
    let [rows, depth] = a.counts();
    for (at, width) in blocks::of(stride) {
        let x = View::rows(&x[at..], depth, stride, width);
        affine(a, bias, x, ViewMut::rows(&mut z[at..], rows, stride, width), accumulate);
    }
}

/// grad_weight[i, o] = Σ over the batch of x[i] · grad_z[o]; grad_bias[o] = Σ over the batch of grad_z[o].
fn small_outer<T: Real>(x: &[T], grad_z: &[T], grad_weight: &mut [T], grad_bias: &mut [T], stride: usize) {
    row_sums(grad_z, grad_bias, stride);
    if x.len() * (grad_z.len() / stride) < TINY {
        lane_outer(x, grad_z, grad_weight, stride);
    } else {
        let (inputs, outputs) = (x.len() / stride, grad_z.len() / stride);
        // One step.
        let of = |values, count| View::new(values, [1, count], [0, stride], stride);
        outer(of(x, inputs), of(grad_z, outputs), ViewMut::matrix(grad_weight, [inputs, outputs], outputs), false);
    }
}

/// Gradients of fewer multiply-adds are summed over the batch in lanes; larger ones have their outputs in the lanes.
const TINY: usize = 1 << 9;

dispatch! {
    fn lane_outer<T: Real>(x: &[T], grad_z: &[T], grad_weight: &mut [T], stride: usize) => lane_outer_body
}

#[inline(always)]
fn lane_outer_body<T: Real, const FMA: bool>(x: &[T], grad_z: &[T], grad_weight: &mut [T], stride: usize) {
    let outputs = grad_z.len() / stride;
    for (x, grads) in x.chunks_exact(stride).zip(grad_weight.chunks_exact_mut(outputs)) {
        for (grad, gz) in grads.iter_mut().zip(grad_z.chunks_exact(stride)) {
            let mut lanes = [T::ZERO; LANES];
            for (x, gz) in x.chunks_exact(LANES).zip(gz.chunks_exact(LANES)) {
                for lane in 0..LANES {
                    lanes[lane] = T::fma::<FMA>(x[lane], gz[lane], lanes[lane]);
                }
            }
            *grad = lane_sum(lanes);
        }
    }
}

dispatch! {
    /// sums[r] = Σ of row r; nothing when `sums` is empty (a layer without bias).
    pub(crate) fn row_sums<T: Real>(values: &[T], sums: &mut [T], stride: usize) => row_sums_body
}

#[inline(always)]
fn row_sums_body<T: Real, const FMA: bool>(values: &[T], sums: &mut [T], stride: usize) {
    for (sum, row) in sums.iter_mut().zip(values.chunks_exact(stride)) {
        // Four independent sums hide the latency of additions.
        let mut wide = [T::ZERO; 4 * LANES];
        let chunks = row.chunks_exact(4 * LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..4 * LANES {
                wide[lane] += chunk[lane];
            }
        }
        let mut lanes = [T::ZERO; LANES];
        for chunk in wide.chunks_exact(LANES).chain(rest.chunks_exact(LANES)) {
            for lane in 0..LANES {
                lanes[lane] += chunk[lane];
            }
        }
        *sum = lane_sum(lanes);
    }
}

#[cfg(test)]
mod tests {
    use super::{backward_input, backward_params, forward};
    use crate::kernels::padded;
    use crate::kernels::testing::at_every_level;
    use chainrule_common::seed::{Purpose, Stream};

    /// Straight sums in f64, batch last.
    fn reference(w: &[f64], b: &[f64], x: &[f64], i: usize, o: usize, s: usize) -> Vec<f64> {
        let mut z = vec![0.0; o * s];
        for r in 0..o {
            for c in 0..s {
                z[r * s + c] = b[r] + (0..i).map(|k| w[k * o + r] * x[k * s + c]).sum::<f64>();
            }
        }
        z
    }

    #[test]
    fn small_and_large_paths_equal_straight_sums_and_ignore_threads() {
        at_every_level(check);
    }

    fn check(level: &str) {
        for (inputs, outputs, batch) in [(2, 4, 10), (3, 1, 1), (13, 32, 16), (7, 5, 33), (130, 70, 64), (300, 90, 40)]
        {
            let stride = padded(batch);
            let mut rng = Stream::new(inputs as u64, Purpose::Data, outputs as u64);
            let mut draw = |n: usize| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>();
            let (w, b, x, gz) = (draw(inputs * outputs), draw(outputs), draw(inputs * stride), draw(outputs * stride));
            let mut z = vec![0.0; outputs * stride];
            forward(&w, &b, &x, &mut z, inputs, outputs, 1);
            for (got, want) in z.iter().zip(reference(&w, &b, &x, inputs, outputs, stride)) {
                assert!((got - want).abs() < 1e-11, "{level} {inputs}×{outputs}×{batch}: {got} {want}");
            }
            let (mut gw, mut gb, mut gx) = (vec![0.0; w.len()], vec![0.0; outputs], vec![0.0; x.len()]);
            backward_params(&x, &gz, &mut gw, &mut gb, inputs, outputs, 1);
            backward_input(&w, &gz, &mut gx, inputs, outputs, false, 1);
            for i in 0..inputs {
                for o in 0..outputs {
                    let want: f64 = (0..stride).map(|c| x[i * stride + c] * gz[o * stride + c]).sum();
                    assert!((gw[i * outputs + o] - want).abs() < 1e-11);
                }
                for c in 0..stride {
                    let want: f64 = (0..outputs).map(|o| w[i * outputs + o] * gz[o * stride + c]).sum();
                    assert!((gx[i * stride + c] - want).abs() < 1e-11);
                }
            }
            let single: Vec<f32> = w.iter().map(|&v| v as f32).collect();
            let xs: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let run = |threads| {
                let mut z = vec![0.0_f32; outputs * stride];
                forward(&single, &[], &xs, &mut z, inputs, outputs, threads);
                z
            };
            assert_eq!(run(1), run(2));
        }
    }
}
