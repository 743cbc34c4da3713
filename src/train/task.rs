//! What a data set, or the encoder alone, asks of a network.

use crate::data::{self, Dataset, Encoder, EncodingKind, Targets};
use crate::nn::{Content, FeatureColumn, Target, TargetGroup, Task};

/// What the data ask of a network.
pub fn task(data: &Dataset) -> Task {
    let mut names = data.encoder.target_groups().into_iter().map(columns);
    let groups = data.targets.iter().map(|targets| TargetGroup {
        columns: names.next().unwrap_or_default(),
        target: match targets {
            Targets::Classes { names, .. } => Target::Classes(names.len()),
            Targets::Values { names, .. } => Target::Values(names.len()),
        },
    });
    Task { input: vec![data.features()], columns: feature_columns(&data.encoder), targets: groups.collect() }
}

/// The same from an encoder alone.
pub fn task_of(encoder: &Encoder) -> Task {
    let groups = encoder.target_groups().into_iter().map(|group| TargetGroup {
        target: match group.as_slice() {
            [data::ColumnEncoding { kind: EncodingKind::OneHot { levels }, .. }] => Target::Classes(levels.len()),
            targets => Target::Values(targets.len()),
        },
        columns: columns(group),
    });
    let mut targets: Vec<TargetGroup> = groups.collect();
    if targets.is_empty() {
        targets.push(TargetGroup { columns: Vec::new(), target: Target::Values(0) });
    }
    Task { input: vec![encoder.width()], columns: feature_columns(encoder), targets }
}

fn columns(group: Vec<&data::ColumnEncoding>) -> Vec<String> {
    group.into_iter().map(|e| e.column.clone()).collect()
}

fn feature_columns(encoder: &Encoder) -> Vec<FeatureColumn> {
    let content = |e: &data::ColumnEncoding| match &e.kind {
        EncodingKind::Ordinal { levels } => Content::Categories(levels.len()),
        EncodingKind::Tokens(tokens) => Content::Categories(tokens.size),
        EncodingKind::Linear(scale) if *scale == data::TargetScale::SAME => Content::Plain,
        _ => Content::Scaled,
    };
    let column = |e: &data::ColumnEncoding| FeatureColumn { name: e.label(), width: e.width(), content: content(e) };
    // Each time step of a window has its own columns.
    let steps = encoder.window.map_or(1, |w| w.length);
    let of_step = |back: usize| {
        let name = move |c: FeatureColumn| FeatureColumn { name: data::stepped(&c.name, back), ..c };
        encoder.features.iter().map(column).map(name)
    };
    (0..steps).rev().flat_map(of_step).collect()
}
