//! Pages of marks as PDF. Of each font only the signs that occur are embedded, and text can be selected and searched.

use super::super::math::Mark;
use super::super::theme;
use super::print_fonts::{Face, runs};
use egui::{Color32, Pos2, Ui, Vec2};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, LineCapStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};
use std::collections::BTreeMap;
use std::io::Write as _;
use subsetter::{GlyphRemapper, subset};

const SYSTEM: SystemInfo<'_> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
const CATALOG: Ref = Ref::new(1);
const TREE: Ref = Ref::new(2);
/// Where the numbers of a font's parts begin; those of the pages follow.
const FONTS: i32 = 3;
const PARTS: i32 = 5;

/// Writes a document with a page for each of `pages`, whose marks are placed in points from the top left corner.
///
/// # Errors
/// When a font of the program cannot be embedded.
pub(super) fn document(ui: &Ui, pages: &[Vec<(Pos2, Mark)>], size: Vec2) -> Result<Vec<u8>, String> {
    let mut fonts = [
        Font::new("Inter", theme::INTER)?,
        Font::new("Inter-SemiBold", theme::INTER_SEMIBOLD)?,
        Font::new("ChainruleMath", theme::CHAINRULE_MATH)?,
    ];
    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(TREE);
    let first = FONTS + fonts.len() as i32 * PARTS;
    let page_ids: Vec<_> = (0..pages.len() as i32).map(|k| Ref::new(first + 2 * k)).collect();
    pdf.pages(TREE).kids(page_ids.iter().copied()).count(pages.len() as i32);
    for (marks, id) in pages.iter().zip(page_ids) {
        let content_id = Ref::new(id.get() + 1);
        let mut page = pdf.page(id);
        page.parent(TREE).media_box(Rect::new(0.0, 0.0, size.x, size.y)).contents(content_id);
        let mut resources = page.resources();
        let mut names = resources.fonts();
        for k in 0..fonts.len() {
            names.pair(Name(Font::RESOURCES[k]), Font::part(k, 0));
        }
        names.finish();
        resources.finish();
        page.finish();
        let content = packed(&content(ui, marks, size.y, &mut fonts));
        pdf.stream(content_id, &content).filter(Filter::FlateDecode);
    }
    for (k, font) in fonts.iter().enumerate() {
        font.embed(&mut pdf, k)?;
    }
    Ok(pdf.finish())
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn content(ui: &Ui, marks: &[(Pos2, Mark)], height: f32, fonts: &mut [Font]) -> Vec<u8> {
    let mut content = Content::new();
    // A stroke ends with half a square, as on screen.
    content.set_line_cap(LineCapStyle::ProjectingSquareCap);
    for (at, mark) in marks {
        // A page of PDF begins at the bottom.
        let y = height - at.y;
        match mark {
            Mark::Text { text, font, colour } => {
                let mut x = at.x;
                for (face, run) in runs(ui, text, font) {
                    let [r, g, b] = rgb(*colour);
                    content.begin_text().set_fill_rgb(r, g, b);
                    content.set_font(Name(Font::RESOURCES[face as usize]), font.size);
                    content.set_text_matrix([1.0, 0.0, 0.0, 1.0, x, y]);
                    let glyphs = fonts[face as usize].glyphs_of(&run);
                    content.show(Str(&glyphs)).end_text();
                    let galley = ui.painter().layout_no_wrap(run, font.clone(), *colour);
                    x += galley.size().x;
                }
            }
            Mark::Line { to, width, colour } => {
                let [r, g, b] = rgb(*colour);
                content.set_stroke_rgb(r, g, b).set_line_width(*width);
                content.move_to(at.x, y).line_to(at.x + to.x, y - to.y).stroke();
            }
        }
    }
    content.finish().to_vec()
}

fn rgb(c: Color32) -> [f32; 3] {
    [c.r(), c.g(), c.b()].map(|v| f32::from(v) / 255.0)
}

/// A font, and the signs of it that were used.
struct Font {
    name: String,
    data: &'static [u8],
    face: FontRef<'static>,
    used: GlyphRemapper,
    /// The sign and the width in thousandths of the font size, by the number of the glyph in the document.
    glyphs: BTreeMap<u16, (char, f32)>,
}

impl Font {
    const RESOURCES: [&'static [u8]; Face::COUNT] = [b"F0", b"F1", b"F2"];

    fn new(name: &str, data: &'static [u8]) -> Result<Self, String> {
        let face = FontRef::new(data).map_err(|e| format!("a font of the program cannot be read: {e}"))?;
        // The six letters say that it is a part of the font.
        let name = format!("CHAINR+{name}");
        Ok(Self { name, data, face, used: GlyphRemapper::new(), glyphs: BTreeMap::new() })
    }

    /// The number of a part of font `k` in the document.
    fn part(k: usize, part: i32) -> Ref {
        Ref::new(FONTS + k as i32 * PARTS + part)
    }

    /// Sizes of the font are in units of which this many thousandths are one of the font size.
    fn scale(&self) -> f32 {
        let metrics = self.face.metrics(Size::unscaled(), LocationRef::default());
        1000.0 / f32::from(metrics.units_per_em)
    }

    /// The numbers in the document of the glyphs of a text, two bytes each.
    fn glyphs_of(&mut self, text: &str) -> Vec<u8> {
        let (charmap, scale) = (self.face.charmap(), self.scale());
        let widths = self.face.glyph_metrics(Size::unscaled(), LocationRef::default());
        let mut numbers = Vec::with_capacity(2 * text.len());
        for sign in text.chars() {
            let glyph = charmap.map(sign).unwrap_or_default();
            let number = self.used.remap(glyph.to_u32() as u16);
            self.glyphs.insert(number, (sign, widths.advance_width(glyph).unwrap_or(0.0) * scale));
            numbers.extend(number.to_be_bytes());
        }
        numbers
    }

    fn embed(&self, pdf: &mut Pdf, k: usize) -> Result<(), String> {
        let [composite, cid, descriptor, map, file] = [0, 1, 2, 3, 4].map(|part| Self::part(k, part));
        let name = Name(self.name.as_bytes());
        let mut font = pdf.type0_font(composite);
        font.base_font(name).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(map);
        font.finish();
        let mut font = pdf.cid_font(cid);
        font.subtype(CidFontType::Type2).base_font(name).system_info(SYSTEM).font_descriptor(descriptor);
        font.cid_to_gid_map_predefined(Name(b"Identity"));
        let mut widths = font.widths();
        for (&glyph, &(_, width)) in &self.glyphs {
            widths.consecutive(glyph, [width]);
        }
        widths.finish();
        font.finish();
        let metrics = self.face.metrics(Size::unscaled(), LocationRef::default());
        let scale = self.scale();
        let bounds = metrics.bounds.unwrap_or_default();
        let corners = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|v| v * scale);
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(corners[0], corners[1], corners[2], corners[3]))
            .italic_angle(0.0)
            .ascent(metrics.ascent * scale)
            .descent(metrics.descent * scale)
            .cap_height(metrics.cap_height.unwrap_or(metrics.ascent) * scale)
            .stem_v(80.0)
            .font_file2(file);
        let mut signs = UnicodeCmap::new(Name(b"Signs"), SYSTEM);
        for (&glyph, &(sign, _)) in &self.glyphs {
            signs.pair(glyph, sign);
        }
        pdf.cmap(map, &packed(&signs.finish())).filter(Filter::FlateDecode);
        let part = subset(self.data, 0, &self.used).map_err(|e| format!("a font cannot be embedded: {e}"))?;
        let bytes = packed(&part);
        let mut stream = pdf.stream(file, &bytes);
        stream.filter(Filter::FlateDecode).pair(Name(b"Length1"), part.len() as i32);
        Ok(())
    }
}
