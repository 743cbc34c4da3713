//! The registry of layers. A layer is one file here and one line in the list below.

mod activation;
mod attention;
mod bidirectional;
mod convolution;
mod dense;
mod dropout;
mod embedding;
mod ends;
mod gated;
mod geometry;
mod join;
mod mean_steps;
mod noise;
mod norm;
mod pooling;
mod position;
mod prelu;
mod recurrent;
mod shape;
mod window1d;

pub use super::definition::{LayerDefinition, LayerFix, LayerInfo, Links};
pub use super::task::Comparison;
pub use activation::ActivationSpec;
pub use attention::AttentionSpec;
pub use bidirectional::{BidirectionalSpec, Merge};
pub use convolution::Conv2dSpec;
pub use dense::DenseSpec;
pub use dropout::DropoutSpec;
pub use embedding::EmbeddingSpec;
pub(super) use ends::Source;
pub use ends::{ClassWeights, InputSpec, OutputSpec};
pub use gated::GatedSpec;
pub use geometry::Padding;
pub use join::{JoinKind, JoinSpec};
pub use mean_steps::MeanStepsSpec;
pub use noise::NoiseSpec;
pub use norm::{BatchNormSpec, GroupNormSpec, LayerNormSpec, NormOver};
pub use pooling::{GlobalPoolSpec, Pool2dSpec, PoolKind};
pub use position::PositionSpec;
pub use prelu::PreluSpec;
pub use recurrent::{Cell, RecurrentSpec};
pub use shape::{FlattenSpec, PermuteSpec, ReshapeSpec, UpsampleSpec};
pub use window1d::{Conv1dSpec, Padding1d, Pool1dSpec};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes the enum, the registry and the palette of one list. A line is: the name in presets, the variant with its
/// specification, and what of it stands in the palette at this place.
macro_rules! layers {
    ($($name:tt $kind:ident($spec:ident): [$($entry:expr),*];)*) => {
        /// What a layer computes.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub enum LayerKind {
            $(#[serde(rename = $name)] $kind($spec),)*
        }

        impl LayerKind {
            pub fn definition(&self) -> &dyn LayerDefinition {
                match self {
                    $(Self::$kind(spec) => spec,)*
                }
            }

            pub fn definition_mut(&mut self) -> &mut dyn LayerDefinition {
                match self {
                    $(Self::$kind(spec) => spec,)*
                }
            }

            /// The kind as presets write it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }
        }

        $(impl From<$spec> for LayerKind {
            fn from(spec: $spec) -> Self {
                Self::$kind(spec)
            }
        })*

        /// One of each layer that can be added, in the palette's order.
        pub fn palette() -> Vec<LayerKind> {
            vec![$($(LayerKind::from($entry),)*)*]
        }
    };
}

layers! {
    "dense" Dense(DenseSpec): [DenseSpec::default()];
    "gated" Gated(GatedSpec): [GatedSpec::default()];
    "activation" Activation(ActivationSpec): [ActivationSpec::default()];
    "prelu" Prelu(PreluSpec): [PreluSpec::default()];
    "dropout" Dropout(DropoutSpec): [DropoutSpec::default()];
    "noise" Noise(NoiseSpec): [NoiseSpec::default()];
    "conv2d" Conv2d(Conv2dSpec): [Conv2dSpec::default()];
    "conv1d" Conv1d(Conv1dSpec): [Conv1dSpec::default(), Conv2dSpec::doubling()];
    "upsample" Upsample(UpsampleSpec): [UpsampleSpec::default()];
    "pool2d" Pool2d(Pool2dSpec): [Pool2dSpec::default()];
    "pool1d" Pool1d(Pool1dSpec): [Pool1dSpec::default()];
    "global_pool" GlobalPool(GlobalPoolSpec): [GlobalPoolSpec::default()];
    "batch_norm" BatchNorm(BatchNormSpec): [BatchNormSpec::default()];
    "layer_norm" LayerNorm(LayerNormSpec): [LayerNormSpec::default()];
    "group_norm" GroupNorm(GroupNormSpec): [GroupNormSpec::default()];
    "embedding" Embedding(EmbeddingSpec): [EmbeddingSpec::default()];
    "recurrent" Recurrent(RecurrentSpec):
        [RecurrentSpec::of(Cell::Simple), RecurrentSpec::of(Cell::Lstm), RecurrentSpec::of(Cell::Gru)];
    "bidirectional" Bidirectional(BidirectionalSpec): [BidirectionalSpec::default()];
    "attention" Attention(AttentionSpec): [AttentionSpec::default(), AttentionSpec::plain()];
    "mean_steps" MeanSteps(MeanStepsSpec): [MeanStepsSpec::default()];
    "position" Position(PositionSpec): [PositionSpec::default()];
    "reshape" Reshape(ReshapeSpec): [ReshapeSpec::default()];
    "permute" Permute(PermuteSpec): [PermuteSpec::default()];
    "flatten" Flatten(FlattenSpec): [FlattenSpec::default()];
    "join" Join(JoinSpec): [JoinSpec::default()];
    "input" Input(InputSpec): [InputSpec::default()];
    "output" Output(OutputSpec): [OutputSpec::default()];
}

/// The two roles that the network as a whole knows: where data enter, and where they are compared with targets.
impl LayerKind {
    pub fn info(&self) -> &'static LayerInfo {
        self.definition().info()
    }

    /// Whether the features of the data enter here.
    pub fn is_input(&self) -> bool {
        self.input().is_some()
    }

    /// Whether it compares its input with a target.
    pub fn is_output(&self) -> bool {
        self.output().is_some()
    }

    pub fn input(&self) -> Option<&InputSpec> {
        if let Self::Input(input) = self { Some(input) } else { None }
    }

    pub fn input_mut(&mut self) -> Option<&mut InputSpec> {
        if let Self::Input(input) = self { Some(input) } else { None }
    }

    pub fn output(&self) -> Option<&OutputSpec> {
        if let Self::Output(output) = self { Some(output) } else { None }
    }

    pub fn output_mut(&mut self) -> Option<&mut OutputSpec> {
        if let Self::Output(output) = self { Some(output) } else { None }
    }
}
