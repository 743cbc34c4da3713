//! How attention explains what one step takes from all others, by the head that the feature belongs to.

use super::operation::AttentionPlan;
use crate::math::{factor, indexed, row, sum_of, sum_over, symbol, text};
use crate::operation::Explained;
use crate::picture::Picture;
use crate::reading::{Line, Reading, Told};
use chainrule_common::format;

impl Explained for AttentionPlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let &[heads, steps, depth] = at.intermediate_shape("values")? else { return None };
        let features = heads * depth;
        let (step, feature) = (at.unit / features, at.unit % features);
        let (head, column) = (feature / depth, feature % depth);
        let weight = |s: usize| at.intermediate("weights", (head * steps + step) * steps + s);
        let mut terms = Vec::new();
        for s in 0..steps {
            let (p, v) = (weight(s)?, at.intermediate("values", (head * steps + s) * depth + column)?);
            terms.push((p * v, row([factor(p, None), text("·"), factor(v, None)])));
        }
        let most = (0..steps).max_by(|&a, &b| weight(a).unwrap_or(0.0).total_cmp(&weight(b).unwrap_or(0.0)))?;
        let mixed = at.intermediate("result", (head * steps + step) * depth + column)?;
        let t = (step + 1).to_string();
        let p = indexed("p", format!("{t},s"));
        let mixing = Line {
            symbols: row([indexed("o", t.clone()), text("="), sum_over("s"), p, text("·"), indexed("v", "s")]),
            numbers: Some(row(sum_of(&mut terms))),
            result: mixed,
            place: None,
        };
        let symbols = row([
            indexed("a", t.clone()),
            text("="),
            indexed("o", t),
            text("·"),
            symbol("W"),
            text("+"),
            symbol("b"),
            text("over all heads"),
        ]);
        let words = format!(
            "Step {} looks at all {steps} steps with head {}, most at step {} ({}), and mixes their values by these weights, which softmax makes of how well queries and keys fit.",
            step + 1,
            head + 1,
            most + 1,
            format::percent(weight(most)?, 0)
        );
        Some(Told { lines: vec![mixing, at.line(symbols, None)], words })
    }

    /// Which step looks at which: a square of weights with the row of this step framed; backward, the gradients of scores.
    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        let name = if backward { "gradients of scores" } else { "weights" };
        let (weights, values) = (at.intermediates(name, backward)?, at.intermediates("values", backward)?);
        let (&[heads, side, _], &[_, _, depth]) = (&weights.shape[..], &values.shape[..]) else { return None };
        let (step, feature) = (at.unit / (heads * depth), at.unit % (heads * depth));
        let head = feature / depth;
        let own = head * side * side..(head + 1) * side * side;
        let values: Vec<f32> = own.map(|i| weights.values[[i, at.recorded.sample()]]).collect();
        let notes = vec![
            format!("head {} of {heads}", head + 1),
            if backward { "each row adds up to 0".to_owned() } else { "each row adds up to 1".to_owned() },
            if backward {
                format!("framed: the scores of step {}", step + 1)
            } else {
                format!("framed: what step {} looks at", step + 1)
            },
        ];
        Some(Picture::Square {
            name: if backward {
                "Gradients of the scores, from step down to step across"
            } else {
                "Attention weights, from step down to step across"
            },
            side,
            strongest: if backward { values.iter().fold(1e-30, |m, v| m.max(v.abs())) } else { 1.0 },
            values,
            framed: step,
            gradients: backward,
            notes,
        })
    }
}
