//! The presets that come with the program.

use super::preset::{Preset, PresetError};

/// A built-in preset.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// What the command line calls it.
    pub name: &'static str,
    text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        [$(Builtin { name: $name, text: include_str!(concat!("../../presets/", $name, ".json")) }),*]
    };
}

const BUILTINS: [Builtin; 23] = presets!(
    "xor",
    "circle",
    "spiral",
    "moons",
    "sine",
    "iris",
    "wine",
    "penguins",
    "messages",
    "digits",
    "lenet",
    "glyphs",
    "residual",
    "two-outputs",
    "autoencoder",
    "diabetes",
    "visits",
    "wave",
    "co2",
    "adding",
    "sorting",
    "vanishing-gradients",
    "dead-relus",
);

/// All of them, in the order of the gallery.
pub fn builtins() -> &'static [Builtin] {
    &BUILTINS
}

/// The one of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|b| b.name == name)
}

impl Builtin {
    /// The preset itself.
    ///
    /// # Errors
    /// Never for the presets in this program: a test reads every one.
    pub fn preset(&self) -> Result<Preset, PresetError> {
        Preset::parse(self.name, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::builtins;
    use crate::project::Preset;
    use crate::train::Session;
    use std::sync::Arc;

    #[test]
    fn every_preset_is_in_the_layout_that_saving_gives_and_can_be_trained() {
        for b in builtins() {
            let preset = b.preset().expect(b.name);
            let text = preset.to_text(None);
            if std::env::var_os("REWRITE_PRESETS").is_some() {
                std::fs::write(format!("presets/{}.json", b.name), &text).expect("presets/ can be written");
            } else {
                assert_eq!(text, b.text, "{}: run the test once with REWRITE_PRESETS=1", b.name);
            }
            assert!(!preset.document.description.is_empty(), "{}", b.name);
            assert_eq!(Preset::parse(b.name, &text).expect(b.name), preset);
            let (_, data) = preset.document.data.load().expect(b.name);
            Session::new(&preset.document.network, Arc::new(data), preset.document.training, 1).expect(b.name);
        }
    }
}
