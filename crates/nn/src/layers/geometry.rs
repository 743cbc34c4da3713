//! A window that slides over an image: its kernel, stride, dilation and padding, and how many places it has.

use crate::kernels::window::{MOST_TAPS, Side};
use crate::settings::{SettingsPanel, choose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Padding {
    /// Nothing: the window stays inside
    #[default]
    Valid,
    /// As many zeros as make the output ⌈input / stride⌉ long; an odd one comes behind
    Same,
    /// So many rows above and below, columns left and right
    Explicit { vertical: usize, horizontal: usize },
}

impl Padding {
    pub const ALL: [Self; 3] = [Self::Valid, Self::Same, Self::Explicit { vertical: 1, horizontal: 1 }];

    pub fn label(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Same => "same",
            Self::Explicit { .. } => "explicit",
        }
    }
}

/// The window along both sides.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: Padding,
}

impl Geometry {
    pub fn side(&self, axis: usize, input: usize) -> Result<Side, String> {
        let (kernel, stride, dilation) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        let wide = (kernel - 1) * dilation + 1;
        let (output, padding) = match self.padding {
            Padding::Same => {
                let output = input.div_ceil(stride);
                (output, ((output.max(1) - 1) * stride + wide).saturating_sub(input) / 2)
            }
            Padding::Valid | Padding::Explicit { .. } => {
                let padding = match self.padding {
                    Padding::Explicit { vertical, horizontal } => [vertical, horizontal][axis],
                    _ => 0,
                };
                let room = (input + 2 * padding).checked_sub(wide).ok_or_else(|| {
                    format!(
                        "a window of {wide} is larger than the input of {input}{}; make the kernel smaller or use padding",
                        if padding > 0 { format!(" with {padding} on each side") } else { String::new() }
                    )
                })?;
                (room / stride + 1, padding)
            }
        };
        Ok(Side { input, output, kernel, stride, dilation, padding })
    }

    /// The side of the convolution whose output has the length `small`, and whose input is the result.
    pub fn transposed(&self, axis: usize, small: usize) -> Result<Side, String> {
        let (kernel, stride, dilation) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        let wide = (kernel - 1) * dilation + 1;
        let whole = (small.max(1) - 1).saturating_mul(stride).saturating_add(wide);
        let (input, padding) = match self.padding {
            Padding::Valid => (whole, 0),
            Padding::Same => (small.saturating_mul(stride), wide.saturating_sub(stride) / 2),
            Padding::Explicit { vertical, horizontal } => {
                let padding = [vertical, horizontal][axis];
                let input = whole.checked_sub(2 * padding).filter(|&n| n > 0);
                (
                    input.ok_or_else(|| format!("padding of {padding} leaves nothing of {whole}; make it smaller"))?,
                    padding,
                )
            }
        };
        Ok(Side { input, output: small, kernel, stride, dilation, padding })
    }

    pub fn invalid(&self) -> Option<String> {
        if self.kernel.iter().any(|k| !(1..=MOST_TAPS).contains(k)) {
            return Some(format!("the kernel must be between 1 and {MOST_TAPS} on each side"));
        }
        if self.stride.iter().chain(&self.dilation).any(|s| !(1..=1024).contains(s)) {
            return Some("stride and dilation must be between 1 and 1024".to_owned());
        }
        match self.padding {
            Padding::Explicit { vertical, horizontal } if vertical.max(horizontal) > 1024 => {
                Some("padding must be at most 1024".to_owned())
            }
            _ => None,
        }
    }
}

pub(super) fn one() -> [usize; 2] {
    [1, 1]
}

pub(super) fn single() -> usize {
    1
}

pub(super) fn padding_setting(panel: &mut dyn SettingsPanel, value: &mut Padding) {
    let hover = "What stands around the image: nothing, as much as keeps its size, or so many rows and columns";
    choose(panel, "Padding", hover, value, Padding::ALL, Padding::label);
    if let Padding::Explicit { vertical, horizontal } = *value {
        let mut sides = [vertical, horizontal];
        panel.pair("Zeros", "Rows above and below, columns left and right", &mut sides, 0..=64);
        *value = Padding::Explicit { vertical: sides[0], horizontal: sides[1] };
    }
}
