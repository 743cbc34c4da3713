//! `chainrule inspect`: what the Data workspace would show of a file.

use super::arguments::{DataFile, Failure, announce_reading, known, predicted};
use super::reading::ReadArguments;
use crate::data::{DataSource, Preparation, Role, TargetGuess, summarise, warnings};
use crate::format;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// A table, arrays, or a folder of pictures; - for standard input
    file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (file, options) = (DataFile::open(&arguments.file)?, arguments.read.alone());
    let loaded = DataSource::File { path: file.path.clone(), sha256: String::new(), options }.load()?;
    let table = loaded.table;
    known(arguments.read.columns(), &table)?;
    let target = TargetGuess::of(&table);
    let guess = Preparation::for_targets(&table, &target.columns);
    let summaries: Vec<_> = table.columns.iter().map(summarise).collect();
    if arguments.json {
        let columns: Vec<Value> = table
            .columns
            .iter()
            .zip(&summaries)
            .zip(&guess.columns)
            .map(|((c, s), plan)| {
                json!({
                    "name": c.name,
                    "type": c.kind(),
                    "role": plan.role,
                    "treatment": plan.treatment,
                    "missing": s.missing,
                    "distinct": s.distinct,
                    "outliers": s.outliers,
                    "range": s.range.map(|r| json!({"min": r.min, "max": r.max, "mean": r.mean, "std": r.std, "quartiles": r.quartiles})),
                    "levels": s.levels.iter().zip(&s.histogram).map(|(l, n)| json!({"level": l, "count": n})).collect::<Vec<_>>(),
                })
            })
            .collect();
        let detected = loaded.detected;
        let offers: Vec<Value> = detected
            .iter()
            .flat_map(|d| &d.notes)
            .flat_map(|note| {
                note.offers
                    .iter()
                    .map(|offer| json!({"note": note.text, "label": offer.label, "options": offer.options}))
            })
            .collect();
        let report = json!({
            "name": table.name,
            "rows": table.rows(),
            "detected": detected,
            "offers": offers,
            "columns": columns,
            "target": {"columns": target.columns, "reason": target.reason},
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!(
        "{}: {}, {}",
        table.name,
        format::counted(table.rows(), "row"),
        format::counted(table.columns.len(), "column")
    );
    if let Some(detected) = &loaded.detected {
        println!("{}", detected.describe());
        announce_reading(detected, |told| println!("{told}"));
    }
    println!("\n{:24} {:7} {:8} {:>8} {:>9}  values", "column", "type", "role", "missing", "distinct");
    for ((c, s), plan) in table.columns.iter().zip(&summaries).zip(&guess.columns) {
        let values = match s.range {
            Some(r) => format!("{} … {}, mean {}", c.written(r.min), c.written(r.max), c.written(r.mean)),
            None => s.levels.iter().zip(&s.histogram).map(|(l, n)| format!("{l} ({n})")).collect::<Vec<_>>().join(", "),
        };
        let kind = c.kind().label();
        println!("{:24} {kind:7} {:8} {:>8} {:>9}  {values}", c.name, plan.role.label(), s.missing, s.distinct);
    }
    let of = |role| guess.columns.iter().filter(move |c| c.role == role).map(|c| c.name.as_str());
    let features: Vec<&str> = of(Role::Feature).collect();
    println!();
    match guess.targets().next() {
        Some(_) => println!("predicts {}, because {}", predicted(&guess), target.reason),
        None => println!("predicts nothing: no column is a target"),
    }
    if let Some(pixels) =
        loaded.detected.as_ref().and_then(|d| d.pixels.as_ref()).filter(|_| arguments.read.takes_no_pixels())
    {
        println!("{}, with --pixels \"{}\",{},{}", pixels.describe(), pixels.first, pixels.height, pixels.width);
    }
    let found = warnings(&table, &summaries, &features, of(Role::Target).next());
    if !found.is_empty() {
        println!();
    }
    for f in &found {
        println!("{}: {}", if f.serious { "warning" } else { "note" }, f.text);
    }
    Ok(())
}
