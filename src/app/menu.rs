//! Everything that menus and keys can do, in one list: the menu, the shortcuts window and the keyboard all read it.

use super::keyboard;
use egui::{Key, KeyboardShortcut, Modifiers};

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MenuItem {
    New,
    OpenPreset,
    Gallery,
    Save,
    SaveAs,
    OpenData,
    Quit,
    Undo,
    Redo,
    Delete,
    Duplicate,
    SelectAll,
    Play,
    FullSpeed,
    Step,
    Rewind,
    NewSeed,
    Data,
    Build,
    Train,
    Explain,
    Learn,
    Fit,
    Search,
    Theme,
    Projector,
    Panels,
    Annotate,
    Fullscreen,
    Shortcuts,
}

impl MenuItem {
    /// By group: name of the group, and its items.
    pub const GROUPS: [(&str, &[Self]); 5] = [
        ("File", &[Self::New, Self::OpenPreset, Self::Gallery, Self::Save, Self::SaveAs, Self::OpenData, Self::Quit]),
        ("Edit", &[Self::Undo, Self::Redo, Self::Duplicate, Self::Delete, Self::SelectAll]),
        ("Training", &[Self::Play, Self::FullSpeed, Self::Step, Self::Rewind, Self::NewSeed]),
        (
            "View",
            &[
                Self::Data,
                Self::Build,
                Self::Train,
                Self::Explain,
                Self::Learn,
                Self::Fit,
                Self::Search,
                Self::Theme,
                Self::Projector,
                Self::Panels,
                Self::Annotate,
                Self::Fullscreen,
            ],
        ),
        ("Help", &[Self::Shortcuts]),
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::OpenPreset => "Open preset…",
            Self::Gallery => "Preset gallery",
            Self::Save => "Save",
            Self::SaveAs => "Save as…",
            Self::OpenData => "Open data…",
            Self::Quit => "Quit",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::Delete => "Delete layers",
            Self::Duplicate => "Duplicate layers",
            Self::SelectAll => "Select all layers",
            Self::Play => "Play or pause",
            Self::FullSpeed => "Full speed or watched",
            Self::Step => "Step",
            Self::Rewind => "Rewind",
            Self::NewSeed => "New seed",
            Self::Data => "Data",
            Self::Build => "Build",
            Self::Train => "Train",
            Self::Explain => "Explain",
            Self::Learn => "Learn",
            Self::Fit => "Fit network to view",
            Self::Search => "Search layers",
            Self::Theme => "Light or dark",
            Self::Projector => "Projector mode",
            Self::Panels => "Hide or show side panels",
            Self::Annotate => "Draw on the window",
            Self::Fullscreen => "Full screen",
            Self::Shortcuts => "Keyboard shortcuts",
        }
    }

    /// The keys as people read them.
    pub fn keys(self, ctx: &egui::Context) -> String {
        ctx.format_shortcut(&self.shortcut()).replace(Key::Slash.name(), "/").replace(Key::Period.name(), ".")
    }

    pub fn shortcut(self) -> KeyboardShortcut {
        let (modifiers, key) = match self {
            Self::New => (Modifiers::COMMAND, Key::N),
            Self::OpenPreset => (Modifiers::COMMAND, Key::O),
            Self::Gallery => (Modifiers::COMMAND, Key::G),
            Self::Save => (Modifiers::COMMAND, Key::S),
            Self::SaveAs => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::S),
            Self::OpenData => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::O),
            Self::Quit => (Modifiers::COMMAND, Key::Q),
            Self::Undo => (Modifiers::COMMAND, Key::Z),
            Self::Redo => (Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z),
            Self::Delete => (Modifiers::NONE, Key::Delete),
            Self::Duplicate => (Modifiers::COMMAND, Key::D),
            Self::SelectAll => (Modifiers::COMMAND, Key::A),
            Self::Play => (Modifiers::NONE, Key::Space),
            Self::Step => (Modifiers::NONE, Key::Period),
            Self::FullSpeed => (Modifiers::SHIFT, Key::Space),
            Self::Rewind => (Modifiers::COMMAND, Key::Home),
            Self::NewSeed => (Modifiers::COMMAND, Key::R),
            Self::Data => (Modifiers::COMMAND, Key::Num1),
            Self::Build => (Modifiers::COMMAND, Key::Num2),
            Self::Train => (Modifiers::COMMAND, Key::Num3),
            Self::Explain => (Modifiers::COMMAND, Key::Num4),
            Self::Learn => (Modifiers::COMMAND, Key::Num5),
            Self::Fit => (Modifiers::NONE, Key::F),
            Self::Search => (Modifiers::NONE, Key::Slash),
            Self::Theme => (Modifiers::COMMAND, Key::L),
            Self::Projector => (Modifiers::NONE, Key::F9),
            Self::Panels => (Modifiers::NONE, Key::F8),
            Self::Annotate => (Modifiers::NONE, Key::F7),
            Self::Fullscreen => (Modifiers::NONE, Key::F11),
            Self::Shortcuts => (Modifiers::NONE, Key::F1),
        };
        KeyboardShortcut::new(modifiers, key)
    }

    /// The item whose keys were pressed in this frame, unless they belong to what has the focus.
    pub fn pressed(ctx: &egui::Context) -> Option<Self> {
        let mut all: Vec<Self> = Self::GROUPS.iter().flat_map(|(_, actions)| actions.iter().copied()).collect();
        // The longest combination first, so that Ctrl+Shift+Z is not taken for Ctrl+Z.
        all.sort_by_key(|a| std::cmp::Reverse(a.shortcut().modifiers.shift));
        all.into_iter().find(|action| keyboard::pressed(ctx, action.shortcut()))
    }
}

#[cfg(test)]
mod tests {
    use super::MenuItem;

    #[test]
    fn no_two_items_share_their_keys() {
        let all: Vec<MenuItem> = MenuItem::GROUPS.iter().flat_map(|(_, a)| a.iter().copied()).collect();
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                assert_ne!(a.shortcut(), b.shortcut(), "{} and {}", a.label(), b.label());
            }
        }
    }
}
