//! Loss and metrics of one part of the data, a bounded number of rows at a time.

use super::metrics::{Evaluation, FullEvaluation, Tally};
use super::replica::Replica;
use crate::data::Part;
use crate::nn::LANES;
use crate::nn::Plan;
use std::sync::Arc;

/// Multiplications (about) that [`rows_at_once`] allows: some milliseconds on one core.
pub(super) const WORK_AT_ONCE: usize = 8_000_000;

/// Samples that are sorted at once for the areas under curves: some milliseconds as well.
const SORTED_AT_ONCE: usize = 80_000;

/// An evaluation that may be under way. It holds no parameters: they must stay the same until it is complete.
pub struct PartEvaluation {
    part: Part,
    done: usize,
    /// One for each head.
    tallies: Vec<Tally>,
    /// For the predictions of the widest head, `[outputs, stride]`.
    prediction: Vec<f32>,
}

impl PartEvaluation {
    /// At its beginning; `fully` where every metric will be asked for, not only the one that training watches.
    pub(super) fn new(replica: &Replica<f32>, part: Part, fully: bool) -> Self {
        let heads = replica.plan().heads.iter().zip(replica.head_targets());
        let tallies = heads.map(|(head, targets)| Tally::new(targets, head.encoding, head.loss.link(), fully));
        Self { part, done: 0, tallies: tallies.collect(), prediction: Vec::new() }
    }

    /// Rows that are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Evaluates `rows` further rows, as they are: without augmentation, dropout, noise or label smoothing. Rows and classes
    /// count in the loss as in training, and all alike in the metrics. True once the part is
    /// complete. With every metric asked for, this may take further calls after the last row.
    pub(super) fn advance(&mut self, replica: &mut Replica<f32>, rows: usize) -> bool {
        let data = Arc::clone(replica.data());
        let all = data.part(self.part);
        let capacity = replica.network().capacity();
        let end = all.len().min(self.done.saturating_add(rows.max(1)));
        while self.done < end {
            let chunk = &all[self.done..end.min(self.done + capacity)];
            self.evaluate(replica, chunk);
            self.done += chunk.len();
        }
        self.done == all.len() && self.tallies.iter_mut().all(|tally| tally.rank(SORTED_AT_ONCE))
    }

    /// Runs a chunk and adds it to the tallies.
    fn evaluate(&mut self, replica: &mut Replica<f32>, rows: &[u32]) {
        replica.load(rows, false);
        let network = replica.network_mut();
        network.forward(false, 0);
        network.error();
        let stride = network.stride();
        self.prediction.resize(self.prediction.len().max(network.widest() * stride), 0.0);
        let network = replica.network();
        for (index, (targets, tally)) in replica.head_targets().iter().zip(&mut self.tallies).enumerate() {
            let used = &mut self.prediction[..network.outputs(index) * stride];
            network.predict(index, used);
            let weight = targets.total_weight(replica.data(), rows);
            tally.add(targets, rows, used, stride, (network.head_loss(index), weight));
        }
    }

    /// Loss of all heads and metrics of the first; none of an empty part, or where no row of it counts.
    pub(super) fn first(&self, replica: &Replica<f32>) -> Option<Evaluation> {
        let first = self.heads(replica).next()?;
        let weighted = self.heads(replica).zip(&replica.plan().heads).map(|(e, head)| f64::from(head.weight) * e.loss);
        Some(Evaluation { loss: weighted.sum(), ..first }).filter(|e| self.done > 0 && !e.loss.is_nan())
    }

    /// Each head with its own loss.
    pub(super) fn heads<'a>(&'a self, replica: &'a Replica<f32>) -> impl Iterator<Item = Evaluation> + 'a {
        self.tallies.iter().zip(replica.head_targets()).map(|(tally, targets)| tally.finish(targets))
    }

    /// Every metric of each head; none of an empty part.
    pub(super) fn full(self, replica: &Replica<f32>) -> Option<Vec<FullEvaluation>> {
        let heads = replica.plan().heads.iter().zip(replica.head_targets()).zip(self.tallies);
        let full = heads.map(|((head, targets), tally)| FullEvaluation {
            layer: head.layer,
            evaluation: tally.finish(targets),
            scores: tally.scores(targets),
            confusion: tally.confusion(),
        });
        (self.done > 0).then(|| full.collect())
    }
}

/// Rows that are evaluated between two looks at commands: whole passes of the network's `capacity` where they are short, a
/// part of one where they are long.
pub(super) fn rows_at_once(plan: &Plan, capacity: usize) -> usize {
    let rows = (WORK_AT_ONCE / work(plan)).max(LANES);
    if rows < capacity { rows } else { rows - rows % capacity }
}

/// Multiplications that a forward pass takes per sample, about: of convolutions and recurrent layers, whose weights act in
/// many places, the larger of two estimates.
pub(super) fn work(plan: &Plan) -> usize {
    let units = |node: usize| plan.nodes[node].units;
    let values: usize = plan.nodes.iter().map(|node| node.units).sum();
    let weights = plan.parameters.iter().map(|p| {
        let fan_in = p.shape.fan_in.max(1);
        let Some(&(z, _)) = plan.layer_nodes.get(&p.layer) else { return p.range.len() };
        let inputs: usize = plan.nodes[z].inputs.iter().map(|&input| units(input)).sum();
        let by_outputs = fan_in.saturating_mul(units(z));
        let by_inputs = p.range.len().saturating_mul(inputs) / fan_in;
        if p.shape.decayed { by_outputs.max(by_inputs) } else { p.range.len() }
    });
    weights.fold(values, usize::saturating_add).max(1)
}
