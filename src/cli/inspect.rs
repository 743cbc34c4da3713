//! `chainrule inspect`: what the Data workspace would show of a file.

use super::Failure;
use crate::data::{DataSource, Preparation, number, summarise};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// A CSV or TSV file
    file: PathBuf,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let loaded = DataSource::file(&arguments.file).load()?;
    let table = loaded.table;
    let guess = Preparation::guess(&table);
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
                    "type": if c.is_number() { "number" } else { "text" },
                    "role": plan.role,
                    "treatment": plan.treatment,
                    "missing": s.missing,
                    "distinct": s.distinct,
                    "range": s.range.map(|r| json!({"min": r.min, "max": r.max, "mean": r.mean, "std": r.std})),
                    "levels": s.levels.iter().zip(&s.histogram).map(|(l, n)| json!({"level": l, "count": n})).collect::<Vec<_>>(),
                })
            })
            .collect();
        let detected = loaded.detected.map(|d| {
            json!({"delimiter": d.delimiter, "header": d.header, "decimal_comma": d.decimal_comma, "byte_order_mark": d.byte_order_mark})
        });
        let report = json!({"name": table.name, "rows": table.rows(), "detected": detected, "columns": columns});
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{}: {} rows, {} columns", table.name, table.rows(), table.columns.len());
    if let Some(d) = loaded.detected {
        let header = if d.header { "with a header" } else { "without a header" };
        println!("delimiter {:?}, {header}{}", d.delimiter, if d.decimal_comma { ", decimal comma" } else { "" });
    }
    println!("\n{:24} {:7} {:8} {:>8} {:>9}  values", "column", "type", "role", "missing", "distinct");
    for ((c, s), plan) in table.columns.iter().zip(&summaries).zip(&guess.columns) {
        let values = match s.range {
            Some(r) => format!("{} … {}, mean {}", number(r.min), number(r.max), number(r.mean)),
            None => s.levels.iter().zip(&s.histogram).map(|(l, n)| format!("{l} ({n})")).collect::<Vec<_>>().join(", "),
        };
        let kind = if c.is_number() { "number" } else { "text" };
        println!("{:24} {kind:7} {:8} {:>8} {:>9}  {values}", c.name, plan.role.label(), s.missing, s.distinct);
    }
    Ok(())
}
