//! A compiled network: parameters in one flat vector, and buffers that are allocated once.
//!
//! A training step is four calls — [`Network::forward`], [`Network::error`], [`Network::backward`] and
//! [`Network::update`] — and none of them allocates.

use super::compile::{Head, Plan};
use super::intermediate::Intermediate;
use super::kernels::{padded, update};
use super::layer_id::LayerId;
use super::losses::Weighing;
use super::operation::{Backward, GradInputs, Inputs, Operation, PassContext, build};
use super::optimizer::{OptimizerState, UpdateRule};
use super::parameter::Parameter;
use super::real::Real;
use chainrule_common::seed::{Purpose, Stream};
use ndarray::{ArrayView2, ShapeBuilder as _};

/// A network that can be run and trained in numbers of type `T`.
pub struct Network<T: Real> {
    plan: Plan,
    operations: Vec<Box<dyn Operation<T>>>,
    sizes: Vec<usize>,
    /// Whether a parameter lies at or upstream of each operation.
    learns: Vec<bool>,
    /// Output of each operation, `[units, stride]`.
    values: Vec<Vec<T>>,
    /// ∂L/∂output of each operation.
    grads: Vec<Vec<T>>,
    /// Whether the gradient buffer already holds a part from another reader.
    touched: Vec<bool>,
    /// For each head its targets `[outputs, stride]`, how much each sample counts `[stride]`, and its last loss.
    compared: Vec<Compared<T>>,
    /// Room for the gradient of a head that is not the first to reach its node.
    spare: Vec<T>,
    params: Vec<T>,
    grad_params: Vec<T>,
    capacity: usize,
    pass: PassContext,
    loss: f64,
}

/// What a head is compared with.
struct Compared<T> {
    target: Vec<T>,
    shares: Vec<T>,
    loss: f64,
}

impl<T: Real> Network<T> {
    /// Allocates for mini-batches of up to `capacity` samples and draws the initial parameters from `seed`.
    pub fn new(plan: Plan, capacity: usize, seed: u64, threads: usize) -> Self {
        let capacity = capacity.max(1);
        let columns = padded(capacity);
        let buffers = || plan.nodes.iter().map(|n| vec![T::ZERO; n.units * columns]).collect::<Vec<_>>();
        let mut network = Self {
            operations: plan.nodes.iter().map(|n| build(&*n.operation, n.units, capacity)).collect(),
            sizes: plan.nodes.iter().map(|n| n.units).collect(),
            learns: plan.nodes.iter().map(|n| n.learns).collect(),
            values: buffers(),
            grads: buffers(),
            touched: vec![false; plan.nodes.len()],
            compared: plan
                .heads
                .iter()
                .map(|head| Compared {
                    target: vec![T::ZERO; plan.nodes[head.node].units * columns],
                    shares: vec![T::ZERO; columns],
                    loss: 0.0,
                })
                .collect(),
            spare: vec![T::ZERO; if plan.heads.len() > 1 { widest(&plan) * columns } else { 0 }],
            params: vec![T::ZERO; plan.length],
            grad_params: vec![T::ZERO; plan.length],
            capacity,
            pass: PassContext { batch: capacity, threads, training: true, seed, step: 0 },
            loss: 0.0,
            plan,
        };
        network.initialise(seed);
        network
    }

    /// Draws the initial parameters anew; the same seed gives the same bits.
    pub fn initialise(&mut self, seed: u64) {
        self.pass.seed = seed;
        for (i, parameter) in self.plan.parameters.iter().enumerate() {
            let shape = &parameter.shape;
            // Its place among the parameters of its layer: a weight 0, its bias 1, and so on.
            let place = self.plan.parameters[..i].iter().filter(|p| p.layer == parameter.layer).count();
            let address = (u64::from(parameter.layer.0) << 8) | place as u64;
            let mut stream = Stream::new(seed, Purpose::Init, address);
            let values = &mut self.params[parameter.range.clone()];
            shape.initialiser.fill(values, shape.fan_in, shape.fan_out, &mut stream);
        }
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Samples in the current mini-batch.
    pub fn batch(&self) -> usize {
        self.pass.batch
    }

    /// Stored columns of each row of the current mini-batch.
    pub fn stride(&self) -> usize {
        self.pass.stride()
    }

    /// Addresses dropout, noise and whatever else is random in a pass.
    pub fn seed(&self) -> u64 {
        self.pass.seed
    }

    /// Another seed for the next passes; the parameters stay.
    pub fn set_seed(&mut self, seed: u64) {
        self.pass.seed = seed;
    }

    pub fn set_threads(&mut self, threads: usize) {
        self.pass.threads = threads.max(1);
    }

    /// The input that was loaded, `[features, stride]`.
    pub fn input_mut(&mut self) -> &mut [T] {
        let length = self.sizes[0] * self.pass.stride();
        &mut self.values[0][..length]
    }

    /// Chooses how many samples the next pass holds and returns the buffers to fill: features `[features, stride]` and
    /// targets of the first head `[outputs, stride]`; columns beyond the batch must be zero in the features. Every sample
    /// counts alike until [`Self::head`] says otherwise.
    ///
    /// # Panics
    /// If `batch` is 0 or larger than the capacity.
    pub fn load(&mut self, batch: usize) -> (&mut [T], &mut [T]) {
        assert!((1..=self.capacity).contains(&batch), "a mini-batch of {batch} in buffers for {}", self.capacity);
        self.pass.batch = batch;
        let stride = self.pass.stride();
        let share = T::from_f64(1.0 / batch as f64);
        for compared in &mut self.compared {
            compared.shares[..batch].fill(share);
            compared.shares[batch..stride].fill(T::ZERO);
        }
        let outputs = self.sizes[self.plan.heads[0].node] * stride;
        (&mut self.values[0][..self.sizes[0] * stride], &mut self.compared[0].target[..outputs])
    }

    /// A head of the network with its buffers for the loaded mini-batch: targets `[outputs, stride]`, and how much each
    /// sample counts, `[stride]`, which must add up to 1 and be 0 beyond the batch.
    pub fn head(&mut self, index: usize) -> (&Head, &mut [T], &mut [T]) {
        let stride = self.pass.stride();
        let head = &self.plan.heads[index];
        let compared = &mut self.compared[index];
        (head, &mut compared.target[..self.sizes[head.node] * stride], &mut compared.shares[..stride])
    }

    /// Forward pass: every layer's z and a, for the loaded mini-batch. `training` switches dropout on, whose random
    /// numbers are addressed by `step`.
    pub fn forward(&mut self, training: bool, step: u64) {
        self.pass.training = training;
        self.pass.step = step;
        self.fill_copies();
        let stride = self.pass.stride();
        for (i, operation) in self.operations.iter_mut().enumerate() {
            let (before, rest) = self.values.split_at_mut(i);
            let node = &self.plan.nodes[i];
            let inputs = Inputs { buffers: before, sizes: &self.sizes, nodes: &node.inputs, stride };
            operation.forward(&self.pass, &self.params, inputs, &mut rest[0][..node.units * stride]);
        }
    }

    /// Error: the mean loss of the mini-batch, weighted over all heads; also leaves its gradient at the outputs, where the
    /// backward pass starts.
    pub fn error(&mut self) -> f64 {
        let (batch, stride) = (self.pass.batch, self.pass.stride());
        self.touched.fill(false);
        self.loss = 0.0;
        for (head, compared) in self.plan.heads.iter().zip(&mut self.compared) {
            let used = self.sizes[head.node] * stride;
            let (output, target) = (&self.values[head.node][..used], &compared.target[..used]);
            let first = !std::mem::replace(&mut self.touched[head.node], true);
            let own = &mut self.grads[head.node][..used];
            let grad = if first { &mut *own } else { &mut self.spare[..used] };
            let weighing = Weighing { shares: &compared.shares, focus: T::from_f32(head.focus) };
            compared.loss = head.loss.evaluate(output, target, grad, weighing, (batch, stride));
            if head.weight != 1.0 {
                update::scale(grad, T::from_f32(head.weight));
            }
            if !first {
                self.grads[head.node][..used].iter_mut().zip(&self.spare).for_each(|(to, &g)| *to += g);
            }
            self.loss += f64::from(head.weight) * compared.loss;
        }
        self.loss
    }

    /// Loss of one head at the last call of [`Self::error`], without its weight.
    pub fn head_loss(&self, index: usize) -> f64 {
        self.compared[index].loss
    }

    /// Backward pass: ∂L/∂parameter for every parameter, by the chain rule from the output to the first layer.
    pub fn backward(&mut self) {
        let stride = self.pass.stride();
        for i in (0..self.plan.nodes.len()).rev() {
            let node = &self.plan.nodes[i];
            if !node.used || !node.learns {
                continue;
            }
            let (before, rest) = self.grads.split_at_mut(i);
            let used = node.units * stride;
            let (sizes, nodes) = (&self.sizes, &node.inputs);
            self.operations[i].backward(
                &self.pass,
                Backward {
                    params: &self.params,
                    inputs: Inputs { buffers: &self.values[..i], sizes, nodes, stride },
                    output: &self.values[i][..used],
                    grad_output: &rest[0][..used],
                    grad_inputs: GradInputs {
                        buffers: before,
                        sizes,
                        nodes,
                        learns: &self.learns,
                        touched: &mut self.touched,
                        stride,
                    },
                    grad_params: &mut self.grad_params,
                },
            );
        }
        for (original, copy) in &self.plan.copies {
            for (to, from) in original.clone().zip(copy.clone()) {
                let part = self.grad_params[from];
                self.grad_params[to] += part;
            }
        }
    }

    /// Update: one optimizer step along the gradient of the last backward pass.
    pub fn update(&mut self, rule: &UpdateRule, state: &mut OptimizerState<T>) {
        let learning = self.plan.learning;
        state.update(rule, &mut self.params[..learning], &mut self.grad_params[..learning], &self.plan.groups);
        self.update_running_statistics();
    }

    /// The part of an update that does not depend on gradients: running averages. Those of shared layers move once for each of
    /// the layers, in computing order; then every copy of a shared parameter is what its owner has.
    pub fn update_running_statistics(&mut self) {
        self.operations.iter_mut().for_each(|o| o.update_running_statistics(&mut self.params));
        self.fill_copies();
    }

    fn fill_copies(&mut self) {
        for (original, copy) in &self.plan.copies {
            self.params.copy_within(original.clone(), copy.start);
        }
    }

    /// Loss of the last call of [`Self::error`].
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// All parameters, in the order of [`Plan::parameters`].
    pub fn params(&self) -> &[T] {
        &self.params
    }

    pub fn params_mut(&mut self) -> &mut [T] {
        &mut self.params
    }

    /// ∂L/∂parameter of the last backward pass.
    pub fn grads(&self) -> &[T] {
        &self.grad_params
    }

    pub fn grads_mut(&mut self) -> &mut [T] {
        &mut self.grad_params
    }

    /// Weighted sums z and activations a of a layer for the loaded mini-batch, `[units, batch]`.
    pub fn layer_values(&self, layer: LayerId) -> Option<(ArrayView2<'_, T>, ArrayView2<'_, T>)> {
        let &(z, a) = self.plan.layer_nodes.get(&layer)?;
        Some((self.view(&self.values, z), self.view(&self.values, a)))
    }

    /// What a node of the plan put out for the loaded mini-batch, `[units, batch]`.
    pub fn node_values(&self, node: usize) -> ArrayView2<'_, T> {
        self.view(&self.values, node)
    }

    /// What a node has computed on the way to its output in the last forward pass.
    pub fn node_intermediates(&self, node: usize) -> Vec<Intermediate<T>> {
        self.operations[node].intermediates(&self.pass)
    }

    /// ∂L/∂output of a node in the last backward pass, `[units, batch]`; none where no gradient went.
    pub fn node_grads(&self, node: usize) -> Option<ArrayView2<'_, T>> {
        self.touched[node].then(|| self.view(&self.grads, node))
    }

    /// Predictions of a head for the loaded mini-batch, `[outputs, stride]`: probabilities for cross-entropies, else the
    /// output.
    ///
    /// # Panics
    /// If `prediction` is shorter than outputs × stride.
    pub fn predict(&self, index: usize, prediction: &mut [T]) {
        let head = &self.plan.heads[index];
        let used = self.outputs(index) * self.stride();
        head.loss.link().apply(&self.values[head.node][..used], &mut prediction[..used], self.stride());
    }

    /// Numbers that a head puts out a sample.
    pub fn outputs(&self, index: usize) -> usize {
        self.sizes[self.plan.heads[index].node]
    }

    /// Numbers that the widest head puts out a sample.
    pub fn widest(&self) -> usize {
        widest(&self.plan)
    }

    /// Norm of ∂L/∂parameters of one parameter tensor.
    pub fn gradient_norm(&self, parameter: &Parameter) -> f64 {
        update::square_sum(&self.grad_params[parameter.range.clone()]).sqrt()
    }

    /// The first layer, in computing order, whose values or parameters are not finite.
    pub fn first_exploded(&self) -> Option<LayerId> {
        let stride = self.stride();
        (0..self.plan.nodes.len())
            .find(|&i| {
                let values = &self.values[i][..self.sizes[i] * stride];
                values.chunks_exact(stride).any(|row| row[..self.pass.batch].iter().any(|v| !v.is_finite()))
            })
            .map(|i| self.plan.nodes[i].layer)
    }

    fn view<'a>(&self, buffers: &'a [Vec<T>], node: usize) -> ArrayView2<'a, T> {
        let (units, batch, stride) = (self.sizes[node], self.pass.batch, self.stride());
        ArrayView2::from_shape((units, batch).strides((stride, 1)), &buffers[node])
            .expect("the buffer holds units × stride numbers and batch ≤ stride")
    }
}

fn widest(plan: &Plan) -> usize {
    plan.heads.iter().map(|head| plan.nodes[head.node].units).max().unwrap_or(0)
}
