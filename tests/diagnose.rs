//! The diagnosis: each issue is found in a training built to have it, its fix helps, and healthy ones are left alone.

use chainrule::data::{DataSource, Dataset, Generator, Preparation, Shape, Table, Treatment, prepare};
use chainrule::explain::{Course, Finding, Issue, ROWS, examine};
use chainrule::nn::layers::DenseSpec;
use chainrule::nn::{Activation, Initialiser, LayerKind, Optimizer};
use chainrule::project::{Document, builtin, builtins};
use chainrule::train::{Replica, Session};
use std::sync::Arc;

/// A document with its table, trained for some epochs, and what is found then.
struct Patient {
    document: Document,
    table: Table,
    plan: Preparation,
}

impl Patient {
    fn preset(name: &str) -> Self {
        let document = builtin(name).expect("is built in").preset().expect("can be read").document;
        let table = document.data.source.load().expect("can be read").table;
        let plan = document.data.preparation(&table);
        Self { document, table, plan }
    }

    fn data(&self) -> Arc<Dataset> {
        Arc::new(prepare(&self.table, &self.plan).expect("fits"))
    }

    /// What is found after so many epochs, and the last loss.
    fn examine(&self, epochs: u64) -> (Vec<Finding>, f64) {
        self.examine_after(&[epochs]).pop().expect("one for each number of epochs")
    }

    /// The same at several points of one training, in order.
    fn examine_after(&self, epochs: &[u64]) -> Vec<(Vec<Finding>, f64)> {
        let data = self.data();
        let training = &self.document.training;
        let mut session = Session::new(&self.document.network, Arc::clone(&data), training.clone(), 1).expect("fits");
        let train = data.part(chainrule::data::Part::Train);
        let rows = train.len().min(ROWS);
        let mut replica = Replica::new(&self.document.network, Arc::clone(&data), rows, 1, 1).expect("fits");
        let mut diverged = false;
        let mut examined = |until: &u64| {
            while session.epochs() < *until && !diverged && !session.has_stopped_early() {
                diverged = session.epoch().is_err();
            }
            let course = Course { training, history: session.history(), diverged };
            let found = examine(&mut replica, &session.training_state(), &course);
            (found.expect("fits"), f64::from(session.history().train_loss.latest().unwrap_or(f32::NAN)))
        };
        epochs.iter().map(&mut examined).collect()
    }

    /// Whether an issue is found, and after its fix no longer.
    fn has(&mut self, issue: Issue, epochs: u64) {
        let (found, _) = self.examine(epochs);
        let finding = found.iter().find(|f| f.issue == issue);
        let finding = finding.unwrap_or_else(|| panic!("{issue:?} is not found, but {found:?}"));
        assert!(finding.evidence.len() > 40, "{}", finding.evidence);
        let Some(fix) = &finding.fix else { return };
        assert!(!fix.label(&self.document.network).is_empty());
        fix.apply(&mut self.document.network, &mut self.document.training, &mut self.plan);
        let (left, _) = self.examine(epochs);
        assert!(!left.iter().any(|f| f.issue == issue), "{issue:?} is still there after {fix:?}: {left:?}");
    }

    fn dense(&mut self, change: impl Fn(&mut DenseSpec)) {
        for layer in &mut self.document.network.layers {
            if let LayerKind::Dense(dense) = &mut layer.kind {
                change(dense);
            }
        }
    }

    fn hidden(&mut self, change: impl Fn(&mut DenseSpec)) {
        let last = self.document.network.layers.len() - 2;
        for layer in &mut self.document.network.layers[..last] {
            if let LayerKind::Dense(dense) = &mut layer.kind {
                change(dense);
            }
        }
    }
}

#[test]
fn healthy_presets_are_left_alone() {
    for preset in builtins().iter().filter(|b| !matches!(b.name, "dead-relus" | "vanishing-gradients")) {
        let patient = Patient::preset(preset.name);
        let mut points = [0, 3, 12, 25, patient.document.training.epochs.unwrap_or(60)];
        points.sort_unstable();
        for (epochs, (found, _)) in points.iter().zip(patient.examine_after(&points)) {
            assert!(found.is_empty(), "{} after {epochs} epochs: {found:?}", preset.name);
        }
    }
}

#[test]
fn a_loss_that_explodes() {
    let mut patient = Patient::preset("diabetes");
    patient.hidden(|d| d.activation = Activation::Identity);
    patient.document.training.optimizer = Optimizer::Sgd {};
    patient.document.training.learning_rate = 10.0;
    let (found, _) = patient.examine(30);
    assert!(found.iter().any(|f| f.issue == Issue::Diverged), "{found:?}");
    // One fix after the other leads to a rate that trains.
    for _ in 0..4 {
        let (found, _) = patient.examine(30);
        let too_fast = |f: &&Finding| matches!(f.issue, Issue::Diverged | Issue::RateTooHigh);
        let Some(fix) = found.iter().find(too_fast).and_then(|f| f.fix.clone()) else { break };
        fix.apply(&mut patient.document.network, &mut patient.document.training, &mut patient.plan);
    }
    let (found, loss) = patient.examine(30);
    assert!(loss < 1.0 && !found.iter().any(|f| f.issue == Issue::Diverged), "{found:?}");
}

#[test]
fn a_learning_rate_that_is_too_high_or_too_low() {
    for (rate, issue) in [(3.0, Issue::RateTooHigh), (1e-7, Issue::RateTooLow)] {
        let mut patient = Patient::preset("circle");
        patient.document.training.learning_rate = rate;
        let (found, before) = patient.examine(15);
        let finding = found.iter().find(|f| f.issue == issue);
        let finding = finding.unwrap_or_else(|| panic!("{issue:?} is not found, but {found:?}"));
        let fix = finding.fix.clone().expect("there is a fix");
        fix.apply(&mut patient.document.network, &mut patient.document.training, &mut patient.plan);
        let (_, after) = patient.examine(15);
        assert!(after < before, "{issue:?}: {before} before, {after} after");
    }
}

#[test]
fn dead_and_saturated_units() {
    Patient::preset("dead-relus").has(Issue::DeadUnits, 5);
    let mut patient = Patient::preset("circle");
    let wide = Initialiser::Normal { std: 30.0 };
    patient.hidden(|d| d.initialiser = wide);
    patient.has(Issue::Saturated, 1);
}

#[test]
fn gradients_that_vanish_or_explode() {
    Patient::preset("vanishing-gradients").has(Issue::VanishingGradients, 2);
    let mut patient = Patient::preset("circle");
    patient.dense(|d| d.activation = Activation::Identity);
    let first = patient.document.network.layers[1].id;
    for k in 0..6 {
        let wide = Initialiser::Normal { std: 8.0 };
        let dense = DenseSpec { units: 6, activation: Activation::Identity, initialiser: wide, ..DenseSpec::default() };
        let layer = patient.document.network.add(format!("deep {k}"), LayerKind::Dense(dense));
        patient.document.network.insert_after(layer, first);
    }
    let (found, _) = patient.examine(0);
    assert!(found.iter().any(|f| f.issue == Issue::ExplodingGradients && f.fix.is_some()), "{found:?}");
}

#[test]
fn inputs_that_are_not_scaled() {
    let mut patient = Patient::preset("wine");
    patient
        .plan
        .columns
        .iter_mut()
        .filter(|c| c.treatment == Treatment::Standardise)
        .for_each(|c| c.treatment = Treatment::AsIs);
    patient.has(Issue::UnscaledInputs, 0);
}

#[test]
fn an_output_that_cannot_reach_its_targets() {
    let mut patient = Patient::preset("diabetes");
    patient.dense(|d| d.activation = Activation::Sigmoid);
    patient.has(Issue::WrongOutput, 1);
}

#[test]
fn classes_of_which_one_is_rare() {
    let mut patient = Patient::preset("moons");
    // All of one class, and every fifteenth row of the other.
    let class = patient.table.columns.last().expect("the class");
    let keep: Vec<usize> = (0..class.len()).filter(|&i| class.number(i) == 0.0 || i % 15 == 0).collect();
    for column in &mut patient.table.columns {
        *column = column.select(&keep);
    }
    patient.has(Issue::ImbalancedClasses, 0);
}

/// Few noisy rows and a large network.
fn overfitted() -> Patient {
    let mut patient = Patient::preset("moons");
    let source = DataSource::Generator(Generator { shape: Shape::Moons, samples: 60, noise: 0.6, seed: 3 });
    patient.table = source.load().expect("in range").table;
    patient.hidden(|d| (d.units, d.activation) = (64, Activation::Relu));
    patient.document.training.learning_rate = 0.01;
    patient
}

#[test]
fn rows_that_are_learned_by_heart() {
    overfitted().has(Issue::Overfitting, 300);
}

#[test]
fn labels_that_were_shuffled() {
    let mut patient = Patient::preset("iris");
    let species = patient.table.columns.last_mut().expect("the species");
    let mut rows: Vec<usize> = (0..species.len()).collect();
    chainrule::seed::Stream::new(5, chainrule::seed::Purpose::Data, 0).shuffle(&mut rows);
    *species = species.select(&rows);
    patient.hidden(|d| (d.units, d.activation) = (64, Activation::Relu));
    patient.document.training.learning_rate = 0.02;
    let (found, _) = patient.examine(300);
    assert!(found.iter().any(|f| f.issue == Issue::UnrelatedLabels), "{found:?}");
}

fn evidence(found: &[Finding], issue: Issue) -> &str {
    &found.iter().find(|f| f.issue == issue).unwrap_or_else(|| panic!("{issue:?} is not found, but {found:?}")).evidence
}

#[test]
fn dead_units_are_laid_to_the_learning_rate_and_not_to_the_labels() {
    let points = [2, 5, 20, 60, 200];
    for (epochs, (found, _)) in points.iter().zip(Patient::preset("dead-relus").examine_after(&points)) {
        for issue in [Issue::DeadUnits, Issue::RateTooHigh] {
            assert!(evidence(&found, issue).contains("η = 0.6"), "{issue:?} after {epochs} epochs: {found:?}");
        }
        let others: Vec<Issue> =
            found.iter().map(|f| f.issue).filter(|i| !matches!(i, Issue::DeadUnits | Issue::RateTooHigh)).collect();
        assert_eq!(others, [], "after {epochs} epochs");
    }
    // The fix of the cause lets the network learn.
    let mut patient = Patient::preset("dead-relus");
    let (found, before) = patient.examine(60);
    let fix = found.iter().find(|f| f.issue == Issue::RateTooHigh).and_then(|f| f.fix.clone()).expect("there is a fix");
    fix.apply(&mut patient.document.network, &mut patient.document.training, &mut patient.plan);
    let (found, after) = patient.examine(60);
    assert!(
        found.iter().all(|f| f.issue != Issue::RateTooHigh) && after < 0.3 * before,
        "{before}, then {after}: {found:?}"
    );
}

#[test]
fn units_that_were_dead_before_training_are_not_laid_to_the_learning_rate() {
    let mut patient = Patient::preset("dead-relus");
    // Inputs that are never negative, and no weight that is positive.
    patient.document.training.learning_rate = 0.01;
    let scaled = patient.plan.columns.iter_mut().filter(|c| c.treatment == Treatment::Standardise);
    scaled.for_each(|c| c.treatment = Treatment::MinMax);
    patient.hidden(|d| d.initialiser = Initialiser::Constant { value: -1.0 });
    let (found, _) = patient.examine(5);
    let text = evidence(&found, Issue::DeadUnits);
    assert!(text.contains("before training") && !text.contains('η'), "{text}");
}

#[test]
fn overfitting_is_called_overfitting_whatever_the_network() {
    let adam = Optimizer::ALL.into_iter().find(|o| o.label() == "Adam").expect("is one");
    for (samples, noise, activation, optimizer, rate, seed) in [
        (60, 0.8, Activation::Tanh, adam, 0.03, 3),
        (60, 0.8, Activation::Tanh, adam, 0.1, 3),
        (60, 0.8, Activation::Tanh, Optimizer::Sgd {}, 0.1, 3),
        (60, 0.5, Activation::Relu, Optimizer::Sgd {}, 0.1, 3),
        (60, 0.8, Activation::Relu, adam, 0.01, 3),
        (100, 0.8, Activation::Tanh, adam, 0.01, 5),
        (100, 0.8, Activation::Tanh, adam, 0.1, 3),
        (100, 0.8, Activation::Relu, adam, 0.03, 5),
        (200, 0.5, Activation::Tanh, adam, 0.1, 3),
        (200, 0.8, Activation::Tanh, adam, 0.03, 3),
    ] {
        let mut patient = Patient::preset("moons");
        let source = DataSource::Generator(Generator { shape: Shape::Moons, samples, noise, seed });
        patient.table = source.load().expect("in range").table;
        patient.hidden(|d| (d.units, d.activation) = (48, activation));
        let training = &mut patient.document.training;
        (training.optimizer, training.learning_rate, training.batch_size) = (optimizer, rate, 10);
        let (found, _) = patient.examine(400);
        let issues: Vec<Issue> = found.iter().map(|f| f.issue).collect();
        let what = format!("{samples} rows, noise {noise}, {activation:?}, {} at {rate}", optimizer.label());
        assert_eq!(issues, [Issue::Overfitting], "{what}: {found:?}");
    }
}

/// Zero, and what is next to it, as a person writes it.
#[test]
fn numbers_of_the_evidence_have_no_power_of_zero() {
    let mut patient = Patient::preset("vanishing-gradients");
    // So flat that nothing at all comes back.
    patient.hidden(|d| d.initialiser = Initialiser::Constant { value: 1000.0 });
    let (found, _) = patient.examine(0);
    let text = evidence(&found, Issue::VanishingGradients);
    assert!(text.starts_with("No gradient reaches"), "{text}");
    for (found, _) in Patient::preset("vanishing-gradients").examine_after(&[0, 5]) {
        let text = evidence(&found, Issue::VanishingGradients);
        assert!(!text.contains("e0") && !text.contains(" 0.0000 %"), "{text}");
    }
}
