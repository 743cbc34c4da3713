//! Values that a preset need not write down.

pub(super) fn yes() -> bool {
    true
}

pub(super) fn one() -> f32 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
pub(super) fn is_one(value: &f32) -> bool {
    *value == 1.0
}

pub(super) fn is_default<A: Default + PartialEq>(value: &A) -> bool {
    *value == A::default()
}
