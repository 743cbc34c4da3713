//! One step of a recurrent cell for a block of samples, forward and backward; the formulas are those of `layers/recurrent.rs`.

use super::dispatch;
use crate::nn::real::Real;

/// The state of a cell before and after one step, and what the backward pass needs of it. All are `[units, width]` but the
/// gates, which lie one behind the other.
pub(crate) struct CellStep<'a, T> {
    /// Weighted sums on entry, activated gates on return.
    pub gates: &'a mut [T],
    /// GRU: U h + c of the new state.
    pub inner: &'a mut [T],
    pub before: &'a [T],
    pub memory_before: &'a [T],
    pub memory: &'a mut [T],
    pub after: &'a mut [T],
}

dispatch! {
    /// h = tanh(z)
    pub(crate) fn simple_cell<T: Real>(step: CellStep<'_, T>) => simple_cell_body
}

#[inline(always)]
fn simple_cell_body<T: Real, const FMA: bool>(step: CellStep<'_, T>) {
    for (h, z) in step.after.iter_mut().zip(step.gates) {
        *h = z.tanh::<FMA>();
    }
}

dispatch! {
    /// i, f, o = σ(z), g = tanh(z); c ← f c + i g; h = o tanh c. Gates in the order i, f, g, o.
    pub(crate) fn long_cell<T: Real>(step: CellStep<'_, T>) => long_cell_body
}

#[inline(always)]
fn long_cell_body<T: Real, const FMA: bool>(step: CellStep<'_, T>) {
    let n = step.after.len();
    let (input, rest) = step.gates.split_at_mut(n);
    let (forget, rest) = rest.split_at_mut(n);
    let (new, output) = rest.split_at_mut(n);
    let (output, before) = (&mut output[..n], &step.memory_before[..n]);
    let memory = &mut step.memory[..n];
    for l in 0..n {
        let [i, f] = gates::<T, FMA>([input[l], forget[l]]);
        let half = T::from_f64(0.5);
        let [g, o] = T::tanh_2::<FMA>([new[l], half * output[l]]);
        let o = T::fma::<FMA>(half, o, half);
        (input[l], forget[l], new[l], output[l]) = (i, f, g, o);
        let c = T::fma::<FMA>(f, before[l], i * g);
        memory[l] = c;
        step.after[l] = o * c.tanh::<FMA>();
    }
}

dispatch! {
    /// r, z = σ(…), n = tanh(x + r · inner); h = (1 − z) n + z h. Gates in the order r, z, n.
    pub(crate) fn gated_cell<T: Real>(step: CellStep<'_, T>) => gated_cell_body
}

#[inline(always)]
fn gated_cell_body<T: Real, const FMA: bool>(step: CellStep<'_, T>) {
    let n = step.after.len();
    let (reset, rest) = step.gates.split_at_mut(n);
    let (update, new) = rest.split_at_mut(n);
    let (new, before, inner) = (&mut new[..n], &step.before[..n], &step.inner[..n]);
    for l in 0..n {
        let [r, z] = gates::<T, FMA>([reset[l], update[l]]);
        let candidate = T::fma::<FMA>(r, inner[l], new[l]).tanh::<FMA>();
        (reset[l], update[l], new[l]) = (r, z, candidate);
        step.after[l] = T::fma::<FMA>(z, before[l] - candidate, candidate);
    }
}

/// σ(z) = ½ + ½ tanh(z / 2) of two.
#[inline(always)]
fn gates<T: Real, const FMA: bool>(z: [T; 2]) -> [T; 2] {
    let half = T::from_f64(0.5);
    T::tanh_2::<FMA>(z.map(|z| half * z)).map(|t| T::fma::<FMA>(half, t, half))
}

/// The same backward: `grad_after` is ∂L/∂h of this step, `grad_memory` ∂L/∂c (LSTM), which becomes that of the step before.
/// The gates give way to ∂L/∂z, `inner` to ∂L/∂(U h + c) of the new state (GRU); `grad_before` receives the part of ∂L/∂h of
/// the step before that does not pass a weight (GRU).
pub(crate) struct CellBack<'a, T> {
    pub gates: &'a mut [T],
    pub inner: &'a mut [T],
    pub before: &'a [T],
    pub memory_before: &'a [T],
    pub memory: &'a [T],
    pub after: &'a [T],
    pub grad_after: &'a [T],
    pub grad_memory: &'a mut [T],
    pub grad_before: &'a mut [T],
}

dispatch! { pub(crate) fn simple_cell_backward<T: Real>(at: CellBack<'_, T>) => simple_cell_backward_body }

#[inline(always)]
fn simple_cell_backward_body<T: Real, const FMA: bool>(at: CellBack<'_, T>) {
    for ((grad, &h), &g) in at.gates.iter_mut().zip(at.after).zip(at.grad_after) {
        *grad = g * (T::ONE - h * h);
    }
}

dispatch! { pub(crate) fn long_cell_backward<T: Real>(at: CellBack<'_, T>) => long_cell_backward_body }

#[inline(always)]
fn long_cell_backward_body<T: Real, const FMA: bool>(at: CellBack<'_, T>) {
    let n = at.after.len();
    let (input, rest) = at.gates.split_at_mut(n);
    let (forget, rest) = rest.split_at_mut(n);
    let (new, output) = rest.split_at_mut(n);
    let output = &mut output[..n];
    let (memory, before) = (&at.memory[..n], &at.memory_before[..n]);
    let (grad_after, grad_memory) = (&at.grad_after[..n], &mut at.grad_memory[..n]);
    for l in 0..n {
        let (i, f, g, o) = (input[l], forget[l], new[l], output[l]);
        let (t, dh) = (memory[l].tanh::<FMA>(), grad_after[l]);
        let dc = T::fma::<FMA>(dh * o, T::ONE - t * t, grad_memory[l]);
        input[l] = dc * g * i * (T::ONE - i);
        forget[l] = dc * before[l] * f * (T::ONE - f);
        new[l] = dc * i * (T::ONE - g * g);
        output[l] = dh * t * o * (T::ONE - o);
        grad_memory[l] = dc * f;
    }
}

dispatch! { pub(crate) fn gated_cell_backward<T: Real>(at: CellBack<'_, T>) => gated_cell_backward_body }

#[inline(always)]
fn gated_cell_backward_body<T: Real, const FMA: bool>(at: CellBack<'_, T>) {
    let n = at.after.len();
    let (reset, rest) = at.gates.split_at_mut(n);
    let (update, new) = rest.split_at_mut(n);
    let (new, inner) = (&mut new[..n], &mut at.inner[..n]);
    let (before, grad_after, grad_before) = (&at.before[..n], &at.grad_after[..n], &mut at.grad_before[..n]);
    for l in 0..n {
        let (r, z, c, dh) = (reset[l], update[l], new[l], grad_after[l]);
        let dn = dh * (T::ONE - z) * (T::ONE - c * c);
        new[l] = dn;
        reset[l] = dn * inner[l] * r * (T::ONE - r);
        inner[l] = dn * r;
        update[l] = dh * (before[l] - c) * z * (T::ONE - z);
        grad_before[l] = dh * z;
    }
}
