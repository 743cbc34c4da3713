//! What a person works on.

use super::suggest::Suggestion;
use crate::data::{DataError, DataSource, Dataset, Generator, Preparation, Reading, Table, prepare};
use crate::explain::Fix;
use crate::nn::{NetworkSpec, Task, infer};
use crate::train::TrainConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Network, data and training configuration: everything that undo covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub name: String,
    pub description: String,
    pub data: DataSection,
    pub network: NetworkSpec,
    pub training: TrainConfig,
    /// How many steps a second are shown while the window trains, so that learning is watched; none is full speed.
    pub pace: Option<f32>,
    /// Whether a run is saved with the document.
    pub include_run: bool,
}

/// Steps a second for a new document whose data lie in the plane.
pub const WATCHED: f32 = 100.0;

/// Where the data come from and what is done with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    pub source: DataSource,
    /// Guessed from the table when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
}

impl DataSection {
    /// The preparation that was chosen, or the guess for `table`.
    pub fn preparation(&self, table: &Table) -> Preparation {
        self.preparation.clone().unwrap_or_else(|| Preparation::guess(table))
    }

    /// Reads the source and prepares it.
    ///
    /// # Errors
    /// Whatever is wrong with the data.
    pub fn load(&self) -> Result<(Table, Dataset), DataError> {
        self.load_as(&Reading::default())
    }

    /// The same within the limits of `reading`, which reports progress.
    ///
    /// # Errors
    /// Whatever is wrong with the data.
    pub fn load_as(&self, reading: &Reading) -> Result<(Table, Dataset), DataError> {
        let table = self.source.load_as(reading)?.table;
        let dataset = prepare(&table, &self.preparation(&table))?;
        Ok((table, dataset))
    }
}

impl Document {
    /// Makes the change that a quick fix stands for. The preparation becomes the document's own where it changes; until then
    /// it is the `guess`.
    pub fn apply(&mut self, fix: &Fix, guess: impl FnOnce() -> Preparation) {
        let preparation = match fix {
            Fix::Preparation(_) => self.data.preparation.get_or_insert_with(guess),
            Fix::Network(_) | Fix::Training(_) => &mut Preparation::default(),
        };
        fix.apply(&mut self.network, &mut self.training, preparation);
    }
}

impl Default for Document {
    fn default() -> Self {
        let Suggestion { network, training, .. } = Suggestion::default();
        Self {
            name: "Untitled".to_owned(),
            description: String::new(),
            data: DataSection { source: DataSource::Generator(Generator::default()), preparation: None },
            network,
            training,
            pace: Some(WATCHED),
            include_run: true,
        }
    }
}

/// Applies fixes until the network fits new data, as far as there are fixes. Returns what was changed, in words.
pub fn adapt(network: &mut NetworkSpec, task: &Task, batch: usize) -> Vec<String> {
    const ROUNDS: usize = 8;
    let mut done = Vec::new();
    for _ in 0..ROUNDS {
        let Some(fix) = infer(network, task, batch).problems.into_iter().find_map(|p| p.fix) else { break };
        done.push(fix.label(network));
        fix.apply(network);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::{Document, adapt};
    use crate::data::{ColumnPlan, Missing, Preparation, PreparationFix, Role, Treatment};
    use crate::explain::Fix;
    use crate::nn::NetworkFix;
    use crate::nn::layers::ClassWeights;
    use crate::nn::{Target, Task, infer};
    use crate::project::default_network;
    use crate::train::TrainingFix;

    #[test]
    fn a_fix_changes_the_part_of_the_document_that_it_is_about() {
        let whole = Document::default();
        let column = ColumnPlan {
            name: "x".to_owned(),
            role: Role::Feature,
            treatment: Treatment::MinMax,
            missing: Missing::default(),
            read_as: None,
        };
        let guess = || Preparation { columns: vec![column.clone()], ..Preparation::default() };
        let after = |fix: Fix| {
            let mut document = whole.clone();
            assert!(!fix.label(&document.network).is_empty());
            document.apply(&fix, guess);
            document
        };
        let output = whole.network.outputs().next().expect("has an output").0;
        let fixed = after(NetworkFix::BalanceClasses { layer: output }.into());
        assert_eq!(fixed.network.outputs().next().expect("has one").1.class_weights, ClassWeights::Balanced);
        assert_eq!(Document { network: whole.network.clone(), ..fixed }, whole);

        let fixed = after(TrainingFix::LearningRate(0.25).into());
        assert_eq!(fixed.training.learning_rate, 0.25);
        assert_eq!(Document { training: whole.training.clone(), ..fixed }, whole);

        let fixed = after(PreparationFix::Robust("x".to_owned()).into());
        let own = fixed.data.preparation.clone().expect("becomes the document's own");
        assert_eq!((own.columns.len(), own.columns[0].treatment), (1, Treatment::Robust));
        assert_eq!(Document { data: whole.data.clone(), ..fixed }, whole);
    }

    #[test]
    fn a_network_follows_its_data_from_task_to_task() {
        let task = |input, target| Task::new(vec![input], target);
        let tasks = [
            task(2, Target::Classes(2)),
            task(4, Target::Classes(3)),
            task(10, Target::Values(1)),
            task(64, Target::Classes(10)),
            task(3, Target::Values(2)),
            task(2, Target::Classes(2)),
        ];
        for first in &tasks {
            let mut network = default_network(first);
            assert!(infer(&network, first, 16).fits(), "{first:?}");
            for next in &tasks {
                adapt(&mut network, next, 16);
                assert_eq!(infer(&network, next, 16).problems, [], "{first:?} to {next:?}");
            }
        }
    }
}
