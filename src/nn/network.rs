//! A compiled network: parameters in one flat vector, and buffers that are allocated once.
//!
//! A training step is four calls — [`Network::forward`], [`Network::error`], [`Network::backward`] and
//! [`Network::update`] — and none of them allocates.

use super::compile::{Parameter, Plan};
use super::kernels::{padded, update};
use super::layers::{Backward, GradInputs, Inputs, Operation, Pass};
use super::optimizer::{OptimizerState, UpdateRule};
use super::real::Real;
use super::spec::LayerId;
use crate::seed::{Purpose, Stream};
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
    target: Vec<T>,
    params: Vec<T>,
    grad_params: Vec<T>,
    capacity: usize,
    pass: Pass,
    loss: f64,
}

impl<T: Real> Network<T> {
    /// Allocates for mini-batches of up to `capacity` samples and draws the initial parameters from `seed`.
    pub fn new(plan: Plan, capacity: usize, seed: u64, threads: usize) -> Self {
        let capacity = capacity.max(1);
        let columns = padded(capacity);
        let buffers = || plan.nodes.iter().map(|n| vec![T::ZERO; n.units * columns]).collect::<Vec<_>>();
        let mut network = Self {
            operations: plan.nodes.iter().map(|n| n.operation.build(n.units, capacity)).collect(),
            sizes: plan.nodes.iter().map(|n| n.units).collect(),
            learns: plan.nodes.iter().map(|n| n.learns).collect(),
            values: buffers(),
            grads: buffers(),
            touched: vec![false; plan.nodes.len()],
            target: vec![T::ZERO; plan.nodes[plan.head.node].units * columns],
            params: vec![T::ZERO; plan.length],
            grad_params: vec![T::ZERO; plan.length],
            capacity,
            pass: Pass { batch: capacity, threads, training: true, seed, step: 0 },
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

    pub fn set_threads(&mut self, threads: usize) {
        self.pass.threads = threads.max(1);
    }

    /// Chooses how many samples the next pass holds and returns the buffers to fill, `[features, stride]` and
    /// `[outputs, stride]`; columns beyond the batch must be zero in the features.
    ///
    /// # Panics
    /// If `batch` is 0 or larger than the capacity.
    pub fn load(&mut self, batch: usize) -> (&mut [T], &mut [T]) {
        assert!((1..=self.capacity).contains(&batch), "a mini-batch of {batch} in buffers for {}", self.capacity);
        self.pass.batch = batch;
        let stride = self.pass.stride();
        let outputs = self.sizes[self.plan.head.node] * stride;
        (&mut self.values[0][..self.sizes[0] * stride], &mut self.target[..outputs])
    }

    /// Forward pass: every layer's z and a, for the loaded mini-batch. `training` switches dropout on, whose random
    /// numbers are addressed by `step`.
    pub fn forward(&mut self, training: bool, step: u64) {
        self.pass.training = training;
        self.pass.step = step;
        let stride = self.pass.stride();
        for (i, operation) in self.operations.iter_mut().enumerate() {
            let (before, rest) = self.values.split_at_mut(i);
            let node = &self.plan.nodes[i];
            let inputs = Inputs { buffers: before, sizes: &self.sizes, nodes: &node.inputs, stride };
            operation.forward(&self.pass, &self.params, inputs, &mut rest[0][..node.units * stride]);
        }
    }

    /// Error: the mean loss of the mini-batch; also leaves its gradient at the output, where the backward pass starts.
    pub fn error(&mut self) -> f64 {
        let head = self.plan.head;
        let used = self.sizes[head.node] * self.pass.stride();
        let output = &self.values[head.node][..used];
        let grad = &mut self.grads[head.node][..used];
        self.loss = head.loss.evaluate(output, &self.target[..used], grad, self.pass.batch, self.pass.stride());
        self.loss
    }

    /// Backward pass: ∂L/∂parameter for every parameter, by the chain rule from the output to the first layer.
    pub fn backward(&mut self) {
        let stride = self.pass.stride();
        self.touched.fill(false);
        for i in (0..=self.plan.head.node).rev() {
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
    }

    /// Update: one optimizer step along the gradient of the last backward pass.
    pub fn update(&mut self, rule: &UpdateRule, state: &mut OptimizerState<T>) {
        state.update(rule, &mut self.params, &mut self.grad_params, self.plan.decayed);
        self.operations.iter_mut().for_each(|o| o.follow(&mut self.params));
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

    /// Weighted sums z and activations a of a layer for the loaded mini-batch, `[units, batch]`.
    pub fn layer_values(&self, layer: LayerId) -> Option<(ArrayView2<'_, T>, ArrayView2<'_, T>)> {
        let &(z, a) = self.plan.layer_nodes.get(&layer)?;
        Some((self.view(&self.values, z), self.view(&self.values, a)))
    }

    /// Predictions for the loaded mini-batch, `[outputs, stride]`: probabilities for cross-entropies, else the output.
    ///
    /// # Panics
    /// If `prediction` is shorter than outputs × stride.
    pub fn predict(&self, prediction: &mut [T]) {
        let head = self.plan.head;
        let used = self.outputs() * self.stride();
        head.loss.link().apply(&self.values[head.node][..used], &mut prediction[..used], self.stride());
    }

    /// Numbers that the network puts out a sample.
    pub fn outputs(&self) -> usize {
        self.sizes[self.plan.head.node]
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
