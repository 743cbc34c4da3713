//! Every analytic gradient against central differences in f64: (L(w + h) − L(w − h)) / 2h.

use super::layer_id::LayerId;
use super::network::Network;

/// The comparison for one parameter tensor.
#[derive(Clone, Debug)]
pub struct Checked {
    pub layer: LayerId,
    pub parameter: &'static str,
    /// How many of its values were compared.
    pub compared: usize,
    /// Largest |analytic − numeric| / max(|analytic|, |numeric|, floor).
    pub worst: f64,
    pub analytic: f64,
    pub numeric: f64,
}

/// Relative errors are taken against at least this, so that rounding in a gradient near zero does not count.
const FLOOR: f64 = 1e-3;
/// Addresses dropout's random numbers, so that every evaluation drops the same units.
const STEP: u64 = 1;

/// Compares up to `per_tensor` values of every parameter that learns, evenly spaced, for the mini-batch that is loaded.
///
/// Central differences are improved by Richardson extrapolation over two step sizes; where the two disagree widely the
/// point sits on a kink (ReLU at zero) and a smaller step is tried.
pub fn gradients(network: &mut Network<f64>, training: bool, per_tensor: usize) -> Vec<Checked> {
    network.forward(training, STEP);
    network.error();
    network.backward();
    let analytic = network.grads().to_vec();
    // What does not learn, and copies of what does, have no gradient of their own.
    let learning = network.plan().learning;
    let parameters: Vec<_> = network.plan().parameters.iter().filter(|p| p.range.end <= learning).cloned().collect();
    let mut params = Vec::new();
    for parameter in parameters {
        let count = parameter.range.len();
        let stride = count.div_ceil(per_tensor.max(1)).max(1);
        let mut result = Checked {
            layer: parameter.layer,
            parameter: parameter.shape.name,
            compared: 0,
            worst: 0.0,
            analytic: 0.0,
            numeric: 0.0,
        };
        for index in parameter.range.clone().step_by(stride) {
            let exact = analytic[index];
            let (mut best, mut numeric) = (f64::INFINITY, 0.0);
            for h in [1e-3, 1e-4, 1e-5, 1e-6] {
                let (wide, narrow) = (slope(network, training, index, h), slope(network, training, index, h / 2.0));
                let estimate = (4.0 * narrow - wide) / 3.0;
                let error = (exact - estimate).abs() / exact.abs().max(estimate.abs()).max(FLOOR);
                if error < best {
                    (best, numeric) = (error, estimate);
                }
                if best < 1e-8 {
                    break;
                }
            }
            result.compared += 1;
            if best >= result.worst {
                result = Checked { worst: best, analytic: exact, numeric, ..result };
            }
        }
        params.push(result);
    }
    params
}

/// (L(w + h) − L(w − h)) / 2h for one parameter, which is put back.
fn slope(network: &mut Network<f64>, training: bool, index: usize, h: f64) -> f64 {
    let at = network.params()[index];
    let mut loss = |value: f64| {
        network.params_mut()[index] = value;
        network.forward(training, STEP);
        network.error()
    };
    let slope = (loss(at + h) - loss(at - h)) / (2.0 * h);
    network.params_mut()[index] = at;
    slope
}
