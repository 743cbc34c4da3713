//! When a task is done: comparisons of what can be measured, as in `test accuracy >= 0.95 and hidden units <= 6`.

use crate::nn::NetworkSpec;
use crate::nn::layers::LayerDefinition;
use crate::project::Document;
use crate::train::{EpochSeries, Metrics, Phase, Snapshot, Status};
use std::collections::BTreeSet;
use std::fmt;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Epochs,
    Updates,
    TrainingLoss,
    ValidationLoss,
    /// Validation loss less training loss.
    Gap,
    TestAccuracy,
    /// R² of the test rows.
    TestR2,
    HiddenUnits,
    HiddenLayers,
    Parameters,
    LearningRate,
    BatchSize,
    L2,
    Dropout,
    /// Norm of the gradient of the first layer with weights, as a share of that of the last.
    GradientRatio,
    /// 1 where the loss is no longer a number.
    Diverged,
    PhasesSeen,
    RightPredictions,
    RightSigns,
    RightNumbers,
    ChainsSeen,
    /// Slope of the loss where the slider of a nudged weight stands, as a share of the slope at its own value.
    NudgedSlope,
    Optimizer,
    Loss,
    /// Of every hidden layer.
    Activation,
    Initialiser,
    /// What the data are called.
    Data,
}

impl Measure {
    pub const ALL: [Self; 27] = [
        Self::Epochs,
        Self::Updates,
        Self::TrainingLoss,
        Self::ValidationLoss,
        Self::Gap,
        Self::TestAccuracy,
        Self::TestR2,
        Self::HiddenUnits,
        Self::HiddenLayers,
        Self::Parameters,
        Self::LearningRate,
        Self::BatchSize,
        Self::L2,
        Self::Dropout,
        Self::GradientRatio,
        Self::Diverged,
        Self::PhasesSeen,
        Self::RightPredictions,
        Self::RightSigns,
        Self::RightNumbers,
        Self::ChainsSeen,
        Self::NudgedSlope,
        Self::Optimizer,
        Self::Loss,
        Self::Activation,
        Self::Initialiser,
        Self::Data,
    ];

    /// What a lesson calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Epochs => "epochs",
            Self::Updates => "updates",
            Self::TrainingLoss => "training loss",
            Self::ValidationLoss => "validation loss",
            Self::Gap => "gap",
            Self::TestAccuracy => "test accuracy",
            Self::TestR2 => "test r2",
            Self::HiddenUnits => "hidden units",
            Self::HiddenLayers => "hidden layers",
            Self::Parameters => "parameters",
            Self::LearningRate => "learning rate",
            Self::BatchSize => "batch size",
            Self::L2 => "l2",
            Self::Dropout => "dropout",
            Self::GradientRatio => "gradient ratio",
            Self::Diverged => "diverged",
            Self::PhasesSeen => "phases seen",
            Self::RightPredictions => "right predictions",
            Self::RightSigns => "right signs",
            Self::RightNumbers => "right numbers",
            Self::ChainsSeen => "chains seen",
            Self::NudgedSlope => "slope here",
            Self::Optimizer => "optimizer",
            Self::Loss => "loss",
            Self::Activation => "activation",
            Self::Initialiser => "initialiser",
            Self::Data => "data",
        }
    }

    /// Whether the history of a run knows it for every epoch.
    fn is_recorded(self) -> bool {
        matches!(self, Self::Epochs | Self::TrainingLoss | Self::ValidationLoss | Self::Gap | Self::GradientRatio)
    }

    /// Whether it is done in the Explain workspace, by looking or answering.
    pub fn is_seen(self) -> bool {
        matches!(
            self,
            Self::PhasesSeen
                | Self::RightPredictions
                | Self::RightSigns
                | Self::RightNumbers
                | Self::ChainsSeen
                | Self::NudgedSlope
        )
    }
}

/// A measured number, or a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    Number(f64),
    Name(String),
}

/// What a goal compares with.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Number(f64),
    /// One of these names, in small letters.
    Names(Vec<String>),
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{}", crate::format::number(*n)),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    AtLeast,
    AtMost,
    Above,
    Below,
    Is,
}

const SIGNS: [(&str, Sign); 5] =
    [(" >= ", Sign::AtLeast), (" <= ", Sign::AtMost), (" > ", Sign::Above), (" < ", Sign::Below), (" is ", Sign::Is)];

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    measure: Measure,
    sign: Sign,
    than: Wanted,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal(Vec<Condition>);

impl Goal {
    /// Reads `MEASURE >= NUMBER and MEASURE is NAME or NAME and …`.
    ///
    /// # Errors
    /// What cannot be read, and what could stand there.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(" and ").map(|part| condition(part.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether all conditions hold, or held together at one epoch of the run since [`Facts::since`]. What is not known yet does not
    /// hold.
    pub fn is_reached(&self, facts: &Facts) -> bool {
        if !self.measures().any(Measure::is_recorded) {
            return self.0.iter().all(|c| c.holds(facts));
        }
        let of_now = |c: &&Condition| !c.measure.is_recorded();
        let recorded = |point| {
            let holds = |c: &Condition| c.is_met(facts.at(point, c.measure).map(Quantity::Number).as_ref());
            self.0.iter().filter(|c| c.measure.is_recorded()).all(holds)
        };
        self.0.iter().filter(of_now).all(|c| c.holds(facts)) && facts.points().any(recorded)
    }

    /// What is measured, how it stands, and whether it is as it should be.
    pub fn standing(&self, facts: &Facts) -> Vec<(Measure, Option<Quantity>, bool)> {
        self.0.iter().map(|c| (c.measure, facts.of(c.measure), c.holds(facts))).collect()
    }

    pub fn measures(&self) -> impl Iterator<Item = Measure> + '_ {
        self.0.iter().map(|c| c.measure)
    }
}

fn condition(text: &str) -> Result<Condition, String> {
    let found = SIGNS.iter().find_map(|(mark, sign)| text.split_once(mark).map(|(left, right)| (left, *sign, right)));
    let Some((left, sign, right)) = found else {
        return Err(format!("“{text}” compares nothing: write a measure, one of >= <= > < is, and a value"));
    };
    let measure = Measure::ALL.into_iter().find(|m| m.label() == left.trim()).ok_or_else(|| {
        let all: Vec<_> = Measure::ALL.iter().map(|m| m.label()).collect();
        format!("“{}” cannot be measured; what can: {}", left.trim(), all.join(", "))
    })?;
    let right = right.trim();
    let than = match (sign, right.parse()) {
        (Sign::Is, _) => Wanted::Names(right.split(" or ").map(|name| name.trim().to_lowercase()).collect()),
        (_, Ok(number)) => Wanted::Number(number),
        (_, Err(_)) => return Err(format!("“{right}” is not a number")),
    };
    Ok(Condition { measure, sign, than })
}

impl Condition {
    fn holds(&self, facts: &Facts) -> bool {
        self.is_met(facts.of(self.measure).as_ref())
    }

    fn is_met(&self, by: Option<&Quantity>) -> bool {
        match (by, &self.than) {
            (Some(Quantity::Number(own)), Wanted::Number(than)) => match self.sign {
                Sign::AtLeast => own >= than,
                Sign::AtMost => own <= than,
                Sign::Above => own > than,
                Sign::Below => own < than,
                Sign::Is => false,
            },
            (Some(Quantity::Name(own)), Wanted::Names(names)) => names.contains(&own.to_lowercase()),
            _ => false,
        }
    }
}

/// What somebody has looked at and answered in the Explain workspace since the task began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    phases: BTreeSet<&'static str>,
    pub right_signs: u32,
    pub right_sizes: u32,
    pub right_numbers: u32,
    chains: BTreeSet<usize>,
    pub nudged_slope: Option<f64>,
}

/// One thing that was looked at or answered in Explain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sight {
    Phase(Phase),
    /// The chain of a weight, by its place in the flat vector.
    Chain(usize),
    /// A sign, a size or a number that was predicted correctly.
    RightSign,
    RightSize,
    RightNumber,
    /// The slope where a weight was nudged to, as a share of that at its own value.
    NudgedSlope(f64),
}

impl Seen {
    /// Whether it would change nothing.
    pub fn has(&self, sight: Sight) -> bool {
        match sight {
            Sight::Phase(phase) => self.phases.contains(phase.label()),
            Sight::Chain(weight) => self.chains.contains(&weight),
            Sight::RightSign | Sight::RightSize | Sight::RightNumber => false,
            Sight::NudgedSlope(slope) => self.nudged_slope.is_some_and(|s| s.total_cmp(&slope).is_eq()),
        }
    }

    pub fn take(&mut self, sight: Sight) {
        match sight {
            Sight::Phase(phase) => {
                self.phases.insert(phase.label());
            }
            Sight::Chain(weight) => {
                self.chains.insert(weight);
            }
            Sight::RightSign => self.right_signs += 1,
            Sight::RightSize => self.right_sizes += 1,
            Sight::RightNumber => self.right_numbers += 1,
            Sight::NudgedSlope(slope) => self.nudged_slope = Some(slope),
        }
    }
}

/// How things stand.
pub struct Facts<'a> {
    pub document: &'a Document,
    /// None while the trainer is busy with another network.
    pub snapshot: Option<&'a Snapshot>,
    pub seen: &'a Seen,
    /// The epoch of the run after which it counts: when the task began, or network or settings were changed.
    pub since: u64,
}

impl Facts<'_> {
    /// The measured value; none where it is not known.
    pub fn of(&self, measure: Measure) -> Option<Quantity> {
        let name = |text: &str| Some(Quantity::Name(text.to_owned()));
        match measure {
            Measure::Optimizer => return name(self.document.training.optimizer.label()),
            Measure::Loss => return name(self.document.network.outputs().next()?.1.loss.label()),
            Measure::Activation => {
                return name(same(hidden(&self.document.network).filter_map(|d| Some(d.activation()?.label())))?);
            }
            Measure::Initialiser => {
                return name(same(hidden(&self.document.network).filter_map(|d| Some(d.initialiser()?.label())))?);
            }
            Measure::Data => return name(&self.document.data.source.label()),
            _ => {}
        }
        self.number(measure).map(Quantity::Number)
    }

    fn known(&self) -> Option<&Snapshot> {
        self.snapshot.filter(|s| !matches!(s.status, Status::Empty | Status::Failed(_)))
    }

    /// The points of the run's history that count.
    fn points(&self) -> std::ops::Range<usize> {
        let Some(history) = self.known().map(|s| &s.history) else { return 0..0 };
        history.epochs.partition_point(|&epoch| epoch <= self.since)..history.epochs.len()
    }

    /// What was recorded at a point of the run's history.
    fn at(&self, point: usize, measure: Measure) -> Option<f64> {
        let history = &self.known()?.history;
        let of = |series: &EpochSeries| series.last.get(point).copied().map(f64::from);
        match measure {
            Measure::Epochs => history.epochs.get(point).map(|&epoch| epoch as f64),
            Measure::TrainingLoss => of(&history.train_loss),
            Measure::ValidationLoss => of(&history.val_loss),
            Measure::Gap => Some(of(&history.val_loss)? - of(&history.train_loss)?),
            Measure::GradientRatio => {
                let (first, last) = (of(history.gradient_norms.first()?)?, of(history.gradient_norms.last()?)?);
                (last > 0.0).then(|| first / last)
            }
            _ => None,
        }
    }

    fn number(&self, measure: Measure) -> Option<f64> {
        let (network, training) = (&self.document.network, &self.document.training);
        let units = || hidden(network).filter_map(LayerDefinition::units).sum::<usize>() as f64;
        let snapshot = || self.known();
        let losses = || self.known().map(Snapshot::losses);
        let fresh = || self.known().filter(|s| s.test.epoch > self.since || self.since == 0);
        let test = || fresh()?.test.heads.first().map(|t| t.evaluation.metrics);
        Some(match measure {
            Measure::Epochs => snapshot()?.epoch as f64,
            Measure::Updates => snapshot()?.step as f64,
            Measure::TrainingLoss => losses()?.0?,
            Measure::ValidationLoss => losses()?.1?,
            Measure::Gap => losses()?.1? - losses()?.0?,
            Measure::TestAccuracy => match test()? {
                Metrics::Classes { accuracy } => accuracy,
                Metrics::Values { .. } => return None,
            },
            Measure::TestR2 => match test()? {
                Metrics::Values { r2, .. } => r2,
                Metrics::Classes { .. } => return None,
            },
            Measure::HiddenUnits => units(),
            Measure::HiddenLayers => hidden(network).count() as f64,
            Measure::Parameters => snapshot()?.params.len() as f64,
            Measure::LearningRate => f64::from(training.learning_rate),
            Measure::BatchSize => training.batch_size as f64,
            Measure::L2 => f64::from(training.l2),
            Measure::Dropout => network
                .layers
                .iter()
                .filter_map(|l| l.kind.definition().dropout_rate().map(f64::from))
                .fold(0.0, f64::max),
            Measure::GradientRatio => {
                let norms = &snapshot().filter(|s| s.step > 0)?.gradient_norms;
                let (first, last) = (norms.first()?.1, norms.last()?.1);
                (last > 0.0).then(|| f64::from(first / last))?
            }
            Measure::Diverged => f64::from(matches!(snapshot()?.status, Status::Diverged(_))),
            Measure::PhasesSeen => self.seen.phases.len() as f64,
            Measure::RightPredictions => {
                f64::from(self.seen.right_signs + self.seen.right_sizes + self.seen.right_numbers)
            }
            Measure::RightSigns => f64::from(self.seen.right_signs),
            Measure::RightNumbers => f64::from(self.seen.right_numbers),
            Measure::ChainsSeen => self.seen.chains.len() as f64,
            Measure::NudgedSlope => self.seen.nudged_slope?,
            Measure::Optimizer | Measure::Loss | Measure::Activation | Measure::Initialiser | Measure::Data => {
                return None;
            }
        })
    }
}

/// The one value that all have.
fn same<'a>(mut all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Layers of neurons whose output is not judged.
pub(super) fn hidden(network: &NetworkSpec) -> impl Iterator<Item = &dyn LayerDefinition> {
    let own = network.layers.iter().filter(|l| !network.is_prediction(l.id)).map(|l| l.kind.definition());
    own.filter(|definition| definition.units().is_some())
}

#[cfg(test)]
mod tests {
    use super::{Facts, Goal, Seen, Sight};
    use crate::project::builtin;
    use crate::train::{EpochSeries, History, Phase, Snapshot, Status};

    #[test]
    fn goals_are_judged_from_the_history_of_the_run() {
        let document = builtin("xor").expect("built in").preset().expect("it is read").document;
        let series =
            |values: &[f32]| EpochSeries { low: values.to_vec(), high: values.to_vec(), last: values.to_vec() };
        let history = History {
            epochs: vec![1, 2, 3, 4],
            train_loss: series(&[0.9, 0.1, 0.3, 0.5]),
            val_loss: series(&[0.9, 0.5, 0.4, 0.6]),
            ..History::default()
        };
        let snapshot =
            Snapshot { status: Status::Paused, epoch: 4, step: 40, history: history.into(), ..Snapshot::default() };
        let seen = Seen::default();
        let reached = |text: &str, since| {
            let facts = Facts { document: &document, snapshot: Some(&snapshot), seen: &seen, since };
            Goal::parse(text).expect(text).is_reached(&facts)
        };
        // It went past the goal before anybody looked.
        assert!(reached("training loss < 0.15 and epochs <= 2", 0));
        assert!(!reached("training loss < 0.15 and epochs <= 1", 0), "not at the same epoch");
        assert!(!reached("training loss < 0.15 and epochs <= 2", 2), "before the task began");
        assert!(reached("gap >= 0.39 and hidden units >= 1", 0) && !reached("gap >= 0.39 and hidden units >= 9", 0));
        assert!(!reached("epochs >= 1", 4) && reached("epochs >= 4", 3));
    }

    #[test]
    fn goals_compare_what_is_measured() {
        let mut document = builtin("xor").expect("built in").preset().expect("it is read").document;
        let mut seen = Seen::default();
        let reached = |document: &_, seen: &_, text: &str| {
            Goal::parse(text).expect(text).is_reached(&Facts { document, snapshot: None, seen, since: 0 })
        };
        assert!(reached(&document, &seen, "hidden units <= 2 and hidden layers >= 1 and activation is tanh"));
        assert!(!reached(&document, &seen, "hidden units > 2"));
        // Nothing is known of a run that has not begun.
        assert!(!reached(&document, &seen, "test accuracy >= 0") && !reached(&document, &seen, "test accuracy < 2"));
        assert!(
            reached(&document, &seen, "activation is sigmoid or tanh")
                && !reached(&document, &seen, "activation is ReLU or sigmoid")
        );
        document.training.learning_rate = 0.5;
        assert!(reached(&document, &seen, "learning rate >= 0.5 and optimizer is adam and loss is mean squared error"));
        seen.take(Sight::Phase(Phase::Forward));
        seen.take(Sight::Phase(Phase::Forward));
        assert!(!reached(&document, &seen, "phases seen >= 2"));
        seen.take(Sight::Phase(Phase::Update));
        assert!(reached(&document, &seen, "phases seen >= 2"));
        for (bad, told) in
            [("beauty > 3", "what can: epochs"), ("epochs > many", "not a number"), ("epochs", "compares nothing")]
        {
            let problem = Goal::parse(bad).expect_err(bad);
            assert!(problem.contains(told), "{problem}");
        }
    }
}
