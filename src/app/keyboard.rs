//! To whom a key belongs: the one rule for menus, films, tables and pages.
//!
//! A field in which somebody types gets every key that it can use, and none there changes the network or the run. A button or a slider that has the focus gets Space and Enter.
//! All other keys are free for what is on screen.

use egui::{Context, Key, KeyboardShortcut, Modifiers};

/// What a field of text does with Ctrl: select all, clipboard, undo, deleting, and moving by words and to the ends.
const EDITING: [Key; 19] = [
    Key::A,
    Key::C,
    Key::X,
    Key::V,
    Key::Z,
    Key::Y,
    Key::K,
    Key::U,
    Key::W,
    Key::H,
    Key::Delete,
    Key::Backspace,
    Key::Insert,
    Key::Home,
    Key::End,
    Key::ArrowLeft,
    Key::ArrowRight,
    Key::ArrowUp,
    Key::ArrowDown,
];

/// What changes network or run together with Ctrl. While somebody types it would be a slip of the finger.
const CHANGING: [Key; 2] = [Key::D, Key::R];

const FUNCTION: std::ops::RangeInclusive<Key> = Key::F1..=Key::F35;

/// Whether what has the focus leaves a key to the rest of the window.
pub fn is_free(ctx: &Context, modifiers: Modifiers, key: Key) -> bool {
    let command = modifiers.command || modifiers.ctrl;
    // Escape and Enter end typing or close a list first; by now the field has lost the focus to them.
    if matches!(key, Key::Escape | Key::Enter) && (was_typing(ctx) || egui::Popup::is_any_open(ctx)) {
        return false;
    }
    if ctx.text_edit_focused() {
        return FUNCTION.contains(&key) || (command && !EDITING.contains(&key) && !CHANGING.contains(&key));
    }
    let focused = ctx.memory(|m| m.focused().is_some());
    command || !(focused && matches!(key, Key::Space | Key::Enter))
}

/// Whether a free shortcut was pressed in this frame; it is used up then.
pub fn pressed(ctx: &Context, shortcut: KeyboardShortcut) -> bool {
    if !is_free(ctx, shortcut.modifiers, shortcut.logical_key) {
        return false;
    }
    ctx.input_mut(|i| {
        let pressed = i.consume_shortcut(&shortcut);
        if pressed && !shortcut.modifiers.command {
            // A field that takes the focus now does not get the character of the key.
            i.events.retain(|e| !matches!(e, egui::Event::Text(_)));
        }
        pressed
    })
}

/// How often a free key without modifiers was pressed in this frame; it is used up then.
pub fn count(ctx: &Context, key: Key) -> usize {
    count_with(ctx, Modifiers::NONE, key)
}

/// The same with modifiers. Ask for a key with Shift before the key alone, which takes both.
pub fn count_with(ctx: &Context, modifiers: Modifiers, key: Key) -> usize {
    if is_free(ctx, modifiers, key) { ctx.input_mut(|i| i.count_and_consume_key(modifiers, key)) } else { 0 }
}

/// Whether a free Escape was pressed in this frame; it is used up then.
pub fn escaped(ctx: &Context) -> bool {
    count(ctx, Key::Escape) > 0
}

const TYPING: &str = "typing";

fn was_typing(ctx: &Context) -> bool {
    ctx.data(|d| d.get_temp(egui::Id::unique(TYPING))).unwrap_or(false)
}

/// Notes at the end of a frame whether somebody types.
pub fn end_frame(ctx: &Context) {
    let typing = ctx.text_edit_focused();
    ctx.data_mut(|d| d.insert_temp(egui::Id::unique(TYPING), typing));
}

/// What the keys ask of a page or a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScrollKey {
    /// So many screens on.
    Pages(f64),
    Start,
    End,
}

/// What Page Up, Page Down, Home and End ask for in this frame.
pub fn scroll(ctx: &Context) -> Option<ScrollKey> {
    let pages = count(ctx, Key::PageDown) as f64 - count(ctx, Key::PageUp) as f64;
    let (start, end) = (count(ctx, Key::Home), count(ctx, Key::End));
    if start > 0 {
        Some(ScrollKey::Start)
    } else if end > 0 {
        Some(ScrollKey::End)
    } else {
        Some(ScrollKey::Pages(pages)).filter(|_| pages != 0.0)
    }
}
