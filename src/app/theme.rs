//! Colours, type and spacing by meaning, for the dark and the light theme.

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, Style, TextStyle, Theme,
    Visuals, vec2,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The colours of one theme.
#[derive(Debug)]
pub struct Tokens {
    pub background: Color32,
    pub panel: Color32,
    pub raised: Color32,
    pub line: Color32,
    pub text: Color32,
    pub label: Color32,
    pub hint: Color32,
    pub positive: Color32,
    pub negative: Color32,
    pub zero: Color32,
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    pub ok: Color32,
    pub problem: Color32,
    /// Tells classes and layers apart where there are more than two.
    pub series: [Color32; 10],
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Tokens = Tokens {
    background: rgb(0x0015_171c),
    panel: rgb(0x001b_1e25),
    raised: rgb(0x0024_2832),
    line: rgb(0x0031_3745),
    text: rgb(0x00e8_ebf1),
    label: rgb(0x009a_a3b5),
    hint: rgb(0x007d_869a),
    positive: rgb(0x004c_9be8),
    negative: rgb(0x00f2_913d),
    zero: rgb(0x0026_2a34),
    accent: rgb(0x00a7_8bfa),
    on_accent: rgb(0x0015_171c),
    ok: rgb(0x003f_b68b),
    problem: rgb(0x00ef_5f6b),
    series: [
        rgb(0x00f2_913d),
        rgb(0x004c_9be8),
        rgb(0x003f_b68b),
        rgb(0x00e0_7ab8),
        rgb(0x00e5_c94b),
        rgb(0x0056_c5d8),
        rgb(0x00b0_8d6a),
        rgb(0x009a_a3b5),
        rgb(0x00a7_d14f),
        rgb(0x00e8_7f7f),
    ],
};

const LIGHT: Tokens = Tokens {
    background: rgb(0x00f6_f7f9),
    panel: rgb(0x00ff_ffff),
    raised: rgb(0x00ee_f0f4),
    line: rgb(0x00d5_d9e2),
    text: rgb(0x001a_1d24),
    label: rgb(0x0056_6076),
    hint: rgb(0x0071_7b8f),
    positive: rgb(0x002f_7fd0),
    negative: rgb(0x00d9_731a),
    zero: rgb(0x00f0_f2f5),
    accent: rgb(0x007c_5ce0),
    on_accent: rgb(0x00ff_ffff),
    ok: rgb(0x001f_9368),
    problem: rgb(0x00d2_3f4d),
    series: [
        rgb(0x00d9_731a),
        rgb(0x002f_7fd0),
        rgb(0x001f_9368),
        rgb(0x00c2_4f95),
        rgb(0x00a8_8500),
        rgb(0x001b_8fa6),
        rgb(0x008a_633c),
        rgb(0x0056_6076),
        rgb(0x0069_8f12),
        rgb(0x00c4_5555),
    ],
};

/// The same for a projector in a bright room: black or white background, strong colours.
const STRONG_DARK: Tokens = Tokens {
    background: rgb(0x0000_0000),
    panel: rgb(0x000a_0c10),
    raised: rgb(0x0018_1c24),
    line: rgb(0x0068_7288),
    text: rgb(0x00ff_ffff),
    label: rgb(0x00d5_dbe6),
    hint: rgb(0x00b8_c1d0),
    positive: rgb(0x006c_b5ff),
    negative: rgb(0x00ff_a856),
    accent: rgb(0x00c3_b0ff),
    on_accent: rgb(0x0000_0000),
    ok: rgb(0x0055_dba8),
    problem: rgb(0x00ff_8089),
    ..DARK
};

const STRONG_LIGHT: Tokens = Tokens {
    background: rgb(0x00ff_ffff),
    raised: rgb(0x00ec_eef2),
    line: rgb(0x007a_8496),
    text: rgb(0x0000_0000),
    label: rgb(0x002b_3240),
    hint: rgb(0x0042_4b5c),
    positive: rgb(0x0009_5cb0),
    negative: rgb(0x00b0_4c00),
    accent: rgb(0x0057_35c4),
    ok: rgb(0x0000_6b46),
    problem: rgb(0x00b0_1f2e),
    ..LIGHT
};

/// Black on white, for paper.
pub const PRINT: Tokens = Tokens { text: rgb(0x0000_0000), label: rgb(0x0055_5c69), accent: rgb(0x0057_35c4), ..LIGHT };

/// The colours in force.
pub fn tokens(ui: &egui::Ui) -> &'static Tokens {
    of(ui.visuals().dark_mode, contrast(ui.ctx()))
}

/// The same without a `Ui`.
pub fn tokens_of(ctx: &Context) -> &'static Tokens {
    of(ctx.theme() == Theme::Dark, contrast(ctx))
}

fn contrast(ctx: &Context) -> bool {
    ctx.data(|d| d.get_temp(egui::Id::unique("contrast"))).unwrap_or(false)
}

/// High contrast, or as usual.
pub fn set_contrast(ctx: &Context, on: bool) {
    ctx.data_mut(|d| d.insert_temp(egui::Id::unique("contrast"), on));
    styles(ctx, on);
}

const fn of(dark: bool, strong: bool) -> &'static Tokens {
    match (dark, strong) {
        (true, false) => &DARK,
        (false, false) => &LIGHT,
        (true, true) => &STRONG_DARK,
        (false, true) => &STRONG_LIGHT,
    }
}

impl Tokens {
    /// Blue for positive, orange for negative; strength is the distance from zero. `value` in −1..1, not finite is hint grey.
    pub fn signed(&self, value: f32) -> Color32 {
        if !value.is_finite() {
            return self.hint;
        }
        mix(self.zero, self.sign(value), value.abs().min(1.0))
    }

    /// Blue for a value that is not negative, orange for a negative one.
    pub fn sign(&self, value: f32) -> Color32 {
        if value >= 0.0 { self.positive } else { self.negative }
    }

    pub fn class(&self, k: usize) -> Color32 {
        self.series[k % self.series.len()]
    }
}

/// Dark or light text, whichever has more contrast on a fill.
pub fn ink_on(fill: Color32) -> Color32 {
    let light = (u32::from(fill.r()) * 3 + u32::from(fill.g()) * 6 + u32::from(fill.b())) / 10;
    Color32::from_gray(if light > 120 { 20 } else { 240 })
}

/// Linear interpolation between two colours.
pub fn mix(from: Color32, to: Color32, t: f32) -> Color32 {
    let part = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * t).round() as u8;
    Color32::from_rgb(part(from.r(), to.r()), part(from.g(), to.g()), part(from.b(), to.b()))
}

pub const SPACE: f32 = 8.0;
pub const RADIUS_FIELD: u8 = 5;
pub const RADIUS_CARD: u8 = 8;
pub const RADIUS_LAYER: u8 = 12;
pub const HEADING: f32 = 20.0;
pub const TITLE: f32 = 15.0;
pub const BODY: f32 = 13.5;
pub const LABEL: f32 = 12.5;
pub const HINT: f32 = 11.0;

const SEMIBOLD: &str = "semibold";
const MATH: &str = "mathematics";
const MATH_ALONE: &str = "mathematics alone";

pub const INTER: &[u8] = include_bytes!("../../assets/fonts/InterTabular-Regular.ttf");
pub const INTER_SEMIBOLD: &[u8] = include_bytes!("../../assets/fonts/InterTabular-SemiBold.ttf");
pub const CHAINRULE_MATH: &[u8] = include_bytes!("../../assets/fonts/ChainruleMath.ttf");

pub fn semibold(size: f32) -> FontId {
    FontId::new(drawn_size(size), FontFamily::Name(SEMIBOLD.into()))
}

/// Letters are kept for every size that was ever drawn, so text that zooms takes half points only.
fn drawn_size(size: f32) -> f32 {
    (size * 2.0).round() / 2.0
}

/// For formulas.
pub fn math_font(size: f32) -> FontId {
    FontId::new(drawn_size(size), FontFamily::Name(MATH.into()))
}

/// The same without fallback fonts.
pub fn math_alone(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(MATH_ALONE.into()))
}

pub fn regular(size: f32) -> FontId {
    FontId::proportional(drawn_size(size))
}

/// Installs fonts and both themes.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    styles(ctx, false);
}

fn styles(ctx: &Context, strong: bool) {
    for theme in [Theme::Dark, Theme::Light] {
        ctx.set_style_of(theme, style(of(theme == Theme::Dark, strong), theme == Theme::Dark));
    }
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let files: [(&str, &[u8]); 4] = [
        ("inter", INTER),
        ("inter-semibold", INTER_SEMIBOLD),
        ("math", CHAINRULE_MATH),
        ("icons", include_bytes!("../../assets/fonts/PhosphorSubset.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let fallback = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let family = |first: &str| {
        let own = [first.to_owned(), "icons".to_owned()];
        own.into_iter().chain(fallback.iter().cloned()).collect::<Vec<_>>()
    };
    fonts.families.insert(FontFamily::Proportional, family("inter"));
    fonts.families.insert(FontFamily::Monospace, family("inter"));
    fonts.families.insert(FontFamily::Name(SEMIBOLD.into()), family("inter-semibold"));
    let math = std::iter::once("math".to_owned()).chain(family("inter")).collect();
    fonts.families.insert(FontFamily::Name(MATH.into()), math);
    fonts.families.insert(FontFamily::Name(MATH_ALONE.into()), vec!["math".to_owned()]);
    fonts
}

fn style(t: &Tokens, dark: bool) -> Style {
    let text_styles = BTreeMap::from([
        (TextStyle::Small, regular(HINT)),
        (TextStyle::Body, regular(BODY)),
        (TextStyle::Button, regular(BODY)),
        (TextStyle::Monospace, regular(LABEL)),
        (TextStyle::Heading, semibold(TITLE)),
    ]);
    let mut style = Style { text_styles, visuals: visuals(t, dark), ..Style::default() };
    let s = &mut style.spacing;
    s.item_spacing = vec2(SPACE, 6.0);
    s.button_padding = vec2(10.0, 5.0);
    s.interact_size = vec2(28.0, 28.0);
    s.combo_width = 96.0;
    s.slider_width = 110.0;
    s.menu_margin = egui::Margin::same(6);
    s.window_margin = egui::Margin::same(16);
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style
}

fn visuals(t: &Tokens, dark: bool) -> Visuals {
    let mut v = if dark { Visuals::dark() } else { Visuals::light() };
    v.panel_fill = t.panel;
    v.window_fill = t.panel;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(RADIUS_CARD);
    v.menu_corner_radius = CornerRadius::same(RADIUS_CARD);
    v.extreme_bg_color = t.background;
    v.faint_bg_color = t.raised;
    v.code_bg_color = t.raised;
    v.hyperlink_color = t.accent;
    v.error_fg_color = t.problem;
    v.warn_fg_color = t.negative;
    v.weak_text_color = Some(t.label);
    v.selection.bg_fill = mix(t.panel, t.accent, 0.35);
    v.selection.stroke = Stroke::new(1.0, t.text);
    let w = &mut v.widgets;
    for (state, fill, stroke) in [
        (&mut w.noninteractive, t.panel, t.line),
        (&mut w.inactive, t.raised, t.line),
        (&mut w.hovered, mix(t.raised, t.text, 0.08), t.hint),
        (&mut w.active, mix(t.raised, t.accent, 0.3), t.accent),
        (&mut w.open, t.raised, t.accent),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, stroke);
        state.fg_stroke = Stroke::new(1.0, t.text);
        state.corner_radius = CornerRadius::same(RADIUS_FIELD);
        state.expansion = 0.0;
    }
    v
}

#[cfg(test)]
mod tests {
    use super::{DARK, LIGHT, STRONG_DARK, STRONG_LIGHT, Tokens};
    use egui::Color32;

    /// Contrast of two colours after WCAG 2.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let luminance = |c: Color32| {
            let part = |v: u8| {
                let v = f64::from(v) / 255.0;
                if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(c.r()) + 0.7152 * part(c.g()) + 0.0722 * part(c.b())
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        (a / b).max(b / a)
    }

    #[test]
    fn text_can_be_read_on_every_ground() {
        for Tokens { background, panel, raised, text, label, hint, accent, on_accent, .. } in [DARK, LIGHT] {
            for ground in [background, panel, raised] {
                assert!(contrast(text, ground) > 10.0);
                assert!(contrast(label, ground) > 4.5);
                assert!(contrast(hint, ground) > 3.5, "{}", contrast(hint, ground));
            }
            assert!(contrast(accent, on_accent) > 4.5);
        }
        for Tokens { background, panel, raised, text, label, hint, line, .. } in [STRONG_DARK, STRONG_LIGHT] {
            for ground in [background, panel, raised] {
                assert!(contrast(text, ground) > 15.0);
                assert!(contrast(label, ground) > 10.0);
                assert!(contrast(hint, ground) > 7.0);
                assert!(contrast(line, ground) > 3.0);
            }
        }
    }
}
