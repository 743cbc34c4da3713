//! Every analytic gradient equals central differences in f64: every layer × activation × loss.

use chainrule::nn::check::gradients;
use chainrule::nn::layers::{ActivationSpec, DenseSpec, DropoutSpec, InputSpec, OutputSpec};
use chainrule::nn::{
    Activation, Encoding, Initialiser, LayerKind, Link, Loss, Network, NetworkSpec, Target, Task, compile,
};
use chainrule::seed::{Purpose, Stream};

const FEATURES: usize = 3;
const SAMPLES: usize = 5;

/// input → dense → activation → (dropout) → a layer without bias → dense → output.
fn network(hidden: Activation, loss: Loss, outputs: usize, last: Activation, dropout: bool) -> Network<f64> {
    let dense = |units, activation, bias| {
        let initialiser = Initialiser::Normal { std: 0.8 };
        LayerKind::Dense(DenseSpec { units, activation, bias, initialiser, ..DenseSpec::default() })
    };
    let mut layers = vec![
        ("in", LayerKind::Input(InputSpec::default())),
        ("dense", dense(6, hidden, true)),
        ("activation", LayerKind::Activation(ActivationSpec { function: hidden })),
    ];
    if dropout {
        layers.push(("dropout", LayerKind::Dropout(DropoutSpec { rate: 0.4 })));
    }
    layers.extend([
        ("no bias", dense(4, hidden, false)),
        ("last", dense(outputs, last, true)),
        ("out", LayerKind::Output(OutputSpec { loss, ..OutputSpec::default() })),
    ]);
    let spec = NetworkSpec::chain(layers.into_iter().map(|(name, kind)| (name.to_owned(), kind)));
    let classes = !loss.definition().takes_values();
    let target = if classes { Target::Classes(outputs.max(2)) } else { Target::Values(outputs) };
    let plan = compile(&spec, &Task::new(vec![FEATURES], target), SAMPLES)
        .unwrap_or_else(|problems| panic!("{hidden:?} {loss:?} {last:?}: {problems:?}"));
    let mut network = Network::new(plan, SAMPLES, 7, 1);
    let mut stream = Stream::new(3, Purpose::Data, 0);
    // Biases start at zero; a gradient must also be right elsewhere.
    for value in network.params_mut() {
        *value += 0.1 * stream.normal();
    }
    let (stride, encoding) = (network.stride(), network.plan().heads[0].encoding);
    let (x, t) = network.load(SAMPLES);
    for row in x.chunks_exact_mut(stride) {
        row[..SAMPLES].iter_mut().for_each(|v| *v = stream.normal());
    }
    for (unit, row) in t.chunks_exact_mut(stride).enumerate() {
        for (sample, v) in row[..SAMPLES].iter_mut().enumerate() {
            let hit = if outputs == 1 { sample % 2 == 0 } else { sample % outputs == unit };
            *v = match encoding {
                Encoding::OneHot | Encoding::ZeroOne => f64::from(hit),
                Encoding::SignedOneHot | Encoding::Signed => f64::from(hit) * 2.0 - 1.0,
                // Probabilities that add up to 1.
                Encoding::Values if loss.link() == Link::Softmax => {
                    (0.2 + f64::from(hit)) / (1.0 + 0.2 * outputs as f64)
                }
                Encoding::Values => stream.normal(),
            };
        }
    }
    // Samples that do not count alike.
    let (_, _, shares) = network.head(0);
    shares[..SAMPLES].copy_from_slice(&[0.1, 0.3, 0.0, 0.4, 0.2]);
    network
}

#[test]
fn every_layer_activation_and_loss_equals_central_differences() {
    let mut compared = 0;
    for hidden in Activation::ALL {
        for (loss, outputs, lasts) in [
            (Loss::MeanSquaredError, 2, &[Activation::Identity, Activation::Tanh, Activation::Sigmoid][..]),
            (Loss::MeanAbsoluteError, 2, &[Activation::Identity]),
            (Loss::Huber, 2, &[Activation::Identity]),
            (Loss::BinaryCrossEntropy, 1, &[Activation::Identity, Activation::Sigmoid]),
            (Loss::BinaryCrossEntropy, 3, &[Activation::Sigmoid]),
            (Loss::CategoricalCrossEntropy, 3, &[Activation::Identity, Activation::Softmax]),
            (Loss::Hinge, 1, &[Activation::Identity]),
            (Loss::Hinge, 3, &[Activation::Tanh]),
            (Loss::Focal, 3, &[Activation::Identity, Activation::Softmax]),
            (Loss::KullbackLeibler, 3, &[Activation::Identity]),
            (Loss::Cosine, 2, &[Activation::Identity]),
        ] {
            for &last in lasts {
                for dropout in [false, true] {
                    let mut network = network(hidden, loss, outputs, last, dropout);
                    for checked in gradients(&mut network, true, usize::MAX) {
                        compared += checked.compared;
                        assert!(
                            checked.worst <= 1e-6,
                            "{} of layer {} with {hidden:?} {loss:?} {last:?}, dropout {dropout}: {} against {}",
                            checked.parameter,
                            checked.layer.0,
                            checked.analytic,
                            checked.numeric
                        );
                    }
                }
            }
        }
    }
    let parameters = |outputs: usize| FEATURES * 6 + 6 + 6 * 4 + 4 * outputs + outputs;
    let once = 6 * parameters(2) + 3 * parameters(1) + 7 * parameters(3);
    assert_eq!(compared, 2 * Activation::ALL.len() * once, "every parameter is compared");
}
