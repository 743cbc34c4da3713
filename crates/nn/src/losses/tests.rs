//! Every loss of the list: values by hand, gradients, targets and words.

use super::{Compared, Loss, Weighing};
use crate::{Activation, Encoding};
use chainrule_common::seed::{Purpose, Stream};

#[test]
fn losses_equal_hand_calculation() {
    // Two samples of two outputs, padded to eight columns.
    let column = |a: f64, b: f64| [a, b, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let y = [column(1.0, -2.0), column(0.5, 3.0)].concat();
    let t = [column(0.0, 1.0), column(1.0, 0.0)].concat();
    let mut grad = vec![9.0; 16];
    let shares = column(0.5, 0.5);
    let lse = |a: f64, b: f64| (a.exp() + b.exp()).ln();
    let focal = |log: f64| -(1.0 - log.exp()).powi(2) * log;
    let bce = |z: f64, t: f64| (1.0 + z.exp()).ln() - t * z;
    for (loss, want) in [
        (Loss::MeanSquaredError, (1.0 + 9.0 + 0.25 + 9.0) / 4.0),
        (Loss::MeanAbsoluteError, (1.0 + 3.0 + 0.5 + 3.0) / 4.0),
        (Loss::Huber, (0.5 + 2.5 + 0.125 + 2.5) / 4.0),
        (Loss::BinaryCrossEntropy, (bce(1.0, 0.0) + bce(-2.0, 1.0) + bce(0.5, 1.0) + bce(3.0, 0.0)) / 4.0),
        (Loss::CategoricalCrossEntropy, (lse(1.0, 0.5) - 0.5 + lse(-2.0, 3.0) + 2.0) / 2.0),
        (Loss::KullbackLeibler, (lse(1.0, 0.5) - 0.5 + lse(-2.0, 3.0) + 2.0) / 2.0),
        (Loss::Hinge, (1.0 + 3.0 + 0.5 + 1.0) / 4.0),
        (Loss::Cosine, 1.0 - 0.25 / 1.25_f64.sqrt() + 1.0 / 13.0_f64.sqrt()),
        (Loss::Focal, 0.5 * focal(0.5 - lse(1.0, 0.5)) + 0.5 * focal(-2.0 - lse(-2.0, 3.0))),
    ] {
        let got = loss.evaluate(&y, &t, &mut grad, Weighing { shares: &shares, focus: 2.0 }, (2, 8));
        assert!((got - want).abs() < 1e-12, "{loss:?}: {got} {want}");
        assert!(grad.chunks(8).all(|row| row[2..].iter().all(|&g| g == 0.0)), "padding must carry no gradient");
    }
}

#[test]
fn losses_of_logits_survive_huge_ones() {
    let mut grad = vec![0.0_f32; 16];
    let z = [[1e4_f32; 8], [-1e4_f32; 8]].concat();
    let t = [[0.0_f32; 8], [1.0_f32; 8]].concat();
    for loss in [Loss::CategoricalCrossEntropy, Loss::KullbackLeibler, Loss::Focal] {
        let weighing = Weighing { shares: &[0.125; 8], focus: 2.0 };
        let value = loss.evaluate(&z, &t, &mut grad, weighing, (8, 8));
        assert!((value - 2e4).abs() < 1.0, "{loss:?}: {value}");
        assert!(grad.iter().all(|g| g.is_finite()));
    }
}

const SAMPLES: usize = 5;
const STRIDE: usize = 8;

/// Buffers `[units, STRIDE]` for a loss: outputs away from kinks, targets in that encoding.
fn mini_batch(units: usize, encoding: Encoding) -> (Vec<f64>, Vec<f64>) {
    let mut stream = Stream::new(11, Purpose::Data, 0);
    let (mut output, mut target) = (vec![0.0; units * STRIDE], vec![0.0; units * STRIDE]);
    for unit in 0..units {
        for sample in 0..SAMPLES {
            let at = unit * STRIDE + sample;
            let hit = if units == 1 { sample % 2 == 0 } else { sample % units == unit };
            output[at] = 1.5 * stream.normal();
            target[at] = match encoding {
                Encoding::OneHot | Encoding::ZeroOne => f64::from(hit),
                Encoding::SignedOneHot | Encoding::Signed => f64::from(hit) * 2.0 - 1.0,
                Encoding::Values => (0.2 + f64::from(hit)) / (1.0 + 0.2 * units as f64),
            };
        }
    }
    (output, target)
}

/// Every loss with every encoding that it takes, and the number of units.
fn cases() -> impl Iterator<Item = (Loss, Encoding, usize)> {
    Loss::ALL.into_iter().flat_map(|loss| {
        let definition = loss.definition();
        let single = [Activation::Identity, Activation::Sigmoid].map(|a| definition.single_unit(a));
        let single = single.into_iter().flatten().map(move |e| (loss, e, 1));
        let values = definition.takes_values().then_some((loss, Encoding::Values, 3));
        std::iter::once((loss, definition.unit_per_class(), 3)).chain(single).chain(values)
    })
}

const SHARES: [f64; STRIDE] = [0.1, 0.3, 0.0, 0.4, 0.2, 0.0, 0.0, 0.0];

#[test]
fn every_gradient_equals_central_differences() {
    for (loss, encoding, units) in cases() {
        let (mut output, target) = mini_batch(units, encoding);
        let weighing = Weighing { shares: &SHARES[..], focus: 2.0 };
        let mut grad = vec![f64::NAN; output.len()];
        let value = loss.evaluate(&output, &target, &mut grad, weighing, (SAMPLES, STRIDE));
        assert!(value.is_finite() && value > -1e-12, "{loss:?} with {encoding:?}: {value}");
        let (mut unused, mut moved) = (grad.clone(), 0);
        for unit in 0..units {
            for sample in 0..STRIDE {
                let at = unit * STRIDE + sample;
                if sample >= SAMPLES {
                    assert_eq!(grad[at], 0.0, "{loss:?}: padding must carry no gradient");
                    continue;
                }
                let here = output[at];
                let mut at_distance = |h: f64| {
                    output[at] = here + h;
                    loss.evaluate(&output, &target, &mut unused, weighing, (SAMPLES, STRIDE))
                };
                let numeric = (at_distance(1e-5) - at_distance(-1e-5)) / 2e-5;
                output[at] = here;
                let exact = grad[at];
                assert!((exact - numeric).abs() < 1e-8, "{loss:?} with {encoding:?}: {exact} against {numeric}");
                moved += usize::from(exact != 0.0);
            }
        }
        assert!(moved > units, "{loss:?} with {encoding:?}: no gradient");
    }
}

#[test]
fn every_loss_has_its_words() {
    let mut labels: Vec<&str> = Loss::ALL.iter().map(|l| l.label()).collect();
    for loss in Loss::ALL {
        let formula = loss.formula();
        assert!(formula.strip_prefix("L = ").is_some_and(|rest| rest.len() > 5), "{loss:?}: {formula}");
        assert_eq!(serde_json::from_value::<Loss>(serde_json::to_value(loss).expect("has a name")).ok(), Some(loss));
        assert!(Loss::ALL.iter().filter(|l| l.formula() == formula).count() == 1);
    }
    labels.sort_unstable();
    labels.dedup();
    assert!(labels.len() == Loss::ALL.len() && labels.iter().all(|l| !l.is_empty()));
}

#[test]
fn what_is_explained_is_what_is_evaluated() {
    let names = ["rose", "tulip", "lily"].map(str::to_owned);
    for (loss, encoding, units) in cases() {
        let (output, target) = mini_batch(units, encoding);
        let mut prediction = output.clone();
        loss.link().apply(&output, &mut prediction, STRIDE);
        for sample in 0..SAMPLES {
            let mut shares = [0.0; STRIDE];
            shares[sample] = 1.0;
            let mut grad = vec![0.0; output.len()];
            let weighing = Weighing { shares: &shares, focus: 2.0 };
            let value = loss.evaluate(&output, &target, &mut grad, weighing, (SAMPLES, STRIDE));
            let column = |of: &[f64]| of.chunks(STRIDE).map(|row| row[sample]).collect::<Vec<_>>();
            let mut mean = 0.0;
            for unit in 0..units {
                let slope = grad[unit * STRIDE + sample];
                let at = Compared {
                    outputs: column(&output),
                    targets: column(&target),
                    predictions: column(&prediction),
                    unit,
                    place: None,
                    names: &names,
                    focus: 2.0,
                    share: 1.0,
                    slope,
                };
                let (told, sloped) = (loss.definition().explain_value(&at), loss.definition().explain_slope(&at));
                mean += told.result / units as f64;
                assert_eq!(sloped.result, slope);
                assert!(told.symbols.plain().starts_with("ℓ = "), "{loss:?}: {}", told.symbols.plain());
                for formula in [told, sloped] {
                    assert!(!formula.symbols.plain().is_empty() && formula.words.len() > 20, "{loss:?}");
                    assert!(formula.numbers.plain().contains(|c: char| c.is_ascii_digit()), "{loss:?}");
                }
            }
            assert!((mean - value).abs() < 1e-9, "{loss:?} with {encoding:?}: {mean} is explained, not {value}");
        }
    }
}
