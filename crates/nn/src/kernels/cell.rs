//! One step of a recurrent cell for a block of samples, forward and backward: simple, LSTM and GRU.

use super::dispatch;
use crate::real::Real;

/// The states of a cell before and after one step, and what the backward pass needs. All are `[units, width]`, but `gates` is
/// `[gates, units, width]`. What a cell does not have is empty.
pub(crate) struct CellStep<'a, T> {
    /// Weighted sums before the call, activated gates after it.
    pub gates: &'a mut [T],
    /// GRU: U h + c of the candidate.
    pub inner: &'a mut [T],
    pub hidden_before: &'a [T],
    pub cell_before: &'a [T],
    pub cell: &'a mut [T],
    pub hidden: &'a mut [T],
}

dispatch! {
    /// h = tanh(z)
    pub(crate) fn simple<T: Real>(step: CellStep<'_, T>) => simple_body
}

#[inline(always)]
fn simple_body<T: Real, const FMA: bool>(step: CellStep<'_, T>) {
    for (h, z) in step.hidden.iter_mut().zip(step.gates) {
        *h = z.tanh::<FMA>();
    }
}

dispatch! {
    /// i, f, o = σ(z), g = tanh(z); c ← f c + i g; h = o tanh c. Gates in the order i, f, g, o.
    pub(crate) fn lstm<T: Real>(step: CellStep<'_, T>) => lstm_body
}

#[inline(always)]
fn lstm_body<T: Real, const FMA: bool>(step: CellStep<'_, T>) {
    let n = step.hidden.len();
    let (input, rest) = step.gates.split_at_mut(n);
    let (forget, rest) = rest.split_at_mut(n);
    let (candidate, output) = rest.split_at_mut(n);
    let (output, before) = (&mut output[..n], &step.cell_before[..n]);
    let cell = &mut step.cell[..n];
    for l in 0..n {
        let [i, f] = gates::<T, FMA>([input[l], forget[l]]);
        let half = T::from_f64(0.5);
        let [g, o] = T::tanh_2::<FMA>([candidate[l], half * output[l]]);
        let o = T::fma::<FMA>(half, o, half);
        (input[l], forget[l], candidate[l], output[l]) = (i, f, g, o);
        let c = T::fma::<FMA>(f, before[l], i * g);
        cell[l] = c;
        step.hidden[l] = o * c.tanh::<FMA>();
    }
}

dispatch! {
    /// r, z = σ(…), n = tanh(x + r · inner); h = (1 − z) n + z h. Gates in the order r, z, n.
    pub(crate) fn gru<T: Real>(step: CellStep<'_, T>) => gru_body
}

#[inline(always)]
fn gru_body<T: Real, const FMA: bool>(step: CellStep<'_, T>) {
    let n = step.hidden.len();
    let (reset, rest) = step.gates.split_at_mut(n);
    let (update, candidate) = rest.split_at_mut(n);
    let (candidate, before, inner) = (&mut candidate[..n], &step.hidden_before[..n], &step.inner[..n]);
    for l in 0..n {
        let [r, z] = gates::<T, FMA>([reset[l], update[l]]);
        let c = T::fma::<FMA>(r, inner[l], candidate[l]).tanh::<FMA>();
        (reset[l], update[l], candidate[l]) = (r, z, c);
        step.hidden[l] = T::fma::<FMA>(z, before[l] - c, c);
    }
}

/// σ(z) = ½ + ½ tanh(z / 2) of two.
#[inline(always)]
fn gates<T: Real, const FMA: bool>(z: [T; 2]) -> [T; 2] {
    let half = T::from_f64(0.5);
    T::tanh_2::<FMA>(z.map(|z| half * z)).map(|t| T::fma::<FMA>(half, t, half))
}

/// The same for the backward pass. `grad_hidden` is ∂L/∂h of this step. `grad_cell` is ∂L/∂c (LSTM) and becomes that of the step
/// before. `gates` becomes ∂L/∂z, and `inner` ∂L/∂(U h + c) of the candidate (GRU). `grad_hidden_before` becomes the part of ∂L/∂h
/// of the step before that passes no weight (GRU).
pub(crate) struct CellBack<'a, T> {
    pub gates: &'a mut [T],
    pub inner: &'a mut [T],
    pub hidden_before: &'a [T],
    pub cell_before: &'a [T],
    pub cell: &'a [T],
    pub hidden: &'a [T],
    pub grad_hidden: &'a [T],
    pub grad_cell: &'a mut [T],
    pub grad_hidden_before: &'a mut [T],
}

dispatch! { pub(crate) fn simple_backward<T: Real>(at: CellBack<'_, T>) => simple_backward_body }

#[inline(always)]
fn simple_backward_body<T: Real, const FMA: bool>(at: CellBack<'_, T>) {
    for ((grad, &h), &g) in at.gates.iter_mut().zip(at.hidden).zip(at.grad_hidden) {
        *grad = g * (T::ONE - h * h);
    }
}

dispatch! { pub(crate) fn lstm_backward<T: Real>(at: CellBack<'_, T>) => lstm_backward_body }

#[inline(always)]
fn lstm_backward_body<T: Real, const FMA: bool>(at: CellBack<'_, T>) {
    let n = at.hidden.len();
    let (input, rest) = at.gates.split_at_mut(n);
    let (forget, rest) = rest.split_at_mut(n);
    let (candidate, output) = rest.split_at_mut(n);
    let output = &mut output[..n];
    let (cell, before) = (&at.cell[..n], &at.cell_before[..n]);
    let (grad_hidden, grad_cell) = (&at.grad_hidden[..n], &mut at.grad_cell[..n]);
    for l in 0..n {
        let (i, f, g, o) = (input[l], forget[l], candidate[l], output[l]);
        let (t, dh) = (cell[l].tanh::<FMA>(), grad_hidden[l]);
        let dc = T::fma::<FMA>(dh * o, T::ONE - t * t, grad_cell[l]);
        input[l] = dc * g * i * (T::ONE - i);
        forget[l] = dc * before[l] * f * (T::ONE - f);
        candidate[l] = dc * i * (T::ONE - g * g);
        output[l] = dh * t * o * (T::ONE - o);
        grad_cell[l] = dc * f;
    }
}

dispatch! { pub(crate) fn gru_backward<T: Real>(at: CellBack<'_, T>) => gru_backward_body }

#[inline(always)]
fn gru_backward_body<T: Real, const FMA: bool>(at: CellBack<'_, T>) {
    let n = at.hidden.len();
    let (reset, rest) = at.gates.split_at_mut(n);
    let (update, candidate) = rest.split_at_mut(n);
    let (candidate, inner) = (&mut candidate[..n], &mut at.inner[..n]);
    let (before, grad_hidden, grad_hidden_before) =
        (&at.hidden_before[..n], &at.grad_hidden[..n], &mut at.grad_hidden_before[..n]);
    for l in 0..n {
        let (r, z, c, dh) = (reset[l], update[l], candidate[l], grad_hidden[l]);
        let dn = dh * (T::ONE - z) * (T::ONE - c * c);
        candidate[l] = dn;
        reset[l] = dn * inner[l] * r * (T::ONE - r);
        inner[l] = dn * r;
        update[l] = dh * (before[l] - c) * z * (T::ONE - z);
        grad_hidden_before[l] = dh * z;
    }
}
