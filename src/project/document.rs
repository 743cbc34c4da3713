//! What a person works on.

use super::suggest::Suggestion;
use crate::data::{DataError, DataSource, Dataset, Generator, Preparation, Table, prepare};
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
}

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
        let table = self.source.load()?.table;
        let dataset = prepare(&table, &self.preparation(&table))?;
        Ok((table, dataset))
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
        }
    }
}

/// Applies mends until the network fits new data, as far as there are mends. Returns what was changed, in words.
pub fn adapt(network: &mut NetworkSpec, task: &Task, batch: usize) -> Vec<String> {
    const ROUNDS: usize = 8;
    let mut done = Vec::new();
    for _ in 0..ROUNDS {
        let Some(mend) = infer(network, task, batch).problems.into_iter().find_map(|p| p.mend) else { break };
        done.push(mend.label(network));
        mend.apply(network);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::adapt;
    use crate::nn::{Target, Task, infer};
    use crate::project::default_network;

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
