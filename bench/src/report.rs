//! What a run brought, as a table for people and as JSON for programs.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::load::Turn;
use crate::rows::Row;
use crate::start::Start;
use crate::timing::Timing;

/// What a run brought.
pub(crate) struct Report {
    pub(crate) rows: Vec<Measured>,
    pub(crate) connections: usize,
    /// Size of the component, in bytes.
    pub(crate) component: u64,
    pub(crate) start: Start,
    pub(crate) timings: Vec<Timing>,
    pub(crate) memory: Vec<Memory>,
}

/// A row with its turns, one for each round.
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) turns: Vec<Turn>,
}

/// The resident memory of a host, in KiB.
pub(crate) struct Memory {
    pub(crate) name: &'static str,
    pub(crate) idle: u64,
    pub(crate) loaded: u64,
}

impl Measured {
    fn rates(&self) -> Vec<f64> {
        self.turns.iter().map(|turn| turn.rate).collect()
    }

    /// The ratio to another row, of each round.
    fn ratios(&self, other: &Self) -> Vec<f64> {
        let pairs = self.turns.iter().zip(&other.turns);
        pairs.map(|(turn, other)| turn.rate / other.rate).collect()
    }

    fn milliseconds(&self, of: impl Fn(&Turn) -> std::time::Duration) -> f64 {
        median(self.turns.iter().map(|turn| of(turn).as_secs_f64() * 1e3).collect())
    }
}

impl Report {
    /// Every row with the first one, hello world.
    fn compared(&self) -> impl Iterator<Item = (&Measured, &Measured)> {
        self.rows.iter().filter_map(|row| Some((row, self.rows.first()?)))
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(&self.json())?;
        std::fs::write(file, json + "\n")
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn json(&self) -> Value {
        let rows: Vec<_> = self
            .compared()
            .map(|(row, hello)| {
                json!({
                    "name": row.row.name,
                    "requests_per_second": median(row.rates()),
                    "of_hello_world": median(row.ratios(hello)),
                    "p50_ms": row.milliseconds(|turn| turn.median),
                    "p99_ms": row.milliseconds(|turn| turn.p99),
                    "rounds": row.rates(),
                })
            })
            .collect();
        let memory = self.memory.iter().map(
            |memory| json!({"name": memory.name, "idle_kib": memory.idle, "loaded_kib": memory.loaded}),
        );
        let timings = self.timings.iter().map(|timing| {
            json!({
                "name": timing.name,
                "known_ms": timing.known.as_secs_f64() * 1e3,
                "unknown_ms": timing.unknown.as_secs_f64() * 1e3,
                "difference": timing.difference(),
            })
        });
        json!({
            "timings": timings.collect::<Vec<_>>(),
            "connections": self.connections,
            "rows": rows,
            "component_bytes": self.component,
            "memory": memory.collect::<Vec<_>>(),
            "start_ms": {
                "cold": self.start.cold.as_millis(),
                "second": self.start.second.as_millis(),
            },
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.row.name.len()).max().unwrap_or_default();
        let Self { connections, .. } = self;
        let rounds = self.rows.first().map_or(0, |row| row.turns.len());
        writeln!(f, "Medians of {rounds} rounds, {connections} connections\n")?;
        writeln!(
            f,
            "{:width$}  {:>8}  {:>15}  {:>8}  {:>8}  {:>8}",
            "", "req/s", "from - to", "p50 ms", "p99 ms", "of hello"
        )?;
        for (row, hello) in self.compared() {
            let rates = row.rates();
            let (low, high) = (extreme(&rates, f64::min), extreme(&rates, f64::max));
            writeln!(
                f,
                "{:width$}  {:>8.0}  {:>15}  {:>8.2}  {:>8.2}  {:>8.2}",
                row.row.name,
                median(rates),
                format!("{low:.0} - {high:.0}"),
                row.milliseconds(|turn| turn.median),
                row.milliseconds(|turn| turn.p99),
                median(row.ratios(hello)),
            )?;
        }
        writeln!(f, "\nComponent: {:.2} MB", megabytes(self.component))?;
        let Start { cold, second } = &self.start;
        writeln!(f, "Start to the first answer: {cold:.2?} cold, {second:.2?} the second time")?;
        for timing in &self.timings {
            let Timing { name, known, unknown } = timing;
            let apart = timing.difference() * 100.0;
            writeln!(f, "{name}: {known:.2?} known, {unknown:.2?} unknown, {apart:.1} % apart")?;
        }
        for Memory { name, idle, loaded } in &self.memory {
            let (idle, loaded) = (megabytes(idle * 1024), megabytes(loaded * 1024));
            writeln!(f, "Resident memory, {name}: {idle:.0} MB idle, {loaded:.0} MB under load")?;
        }
        Ok(())
    }
}

fn extreme(values: &[f64], choose: fn(f64, f64) -> f64) -> f64 {
    values.iter().copied().reduce(choose).unwrap_or_default()
}

/// The middle one, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.len() / 2;
    let lower = values.len().saturating_sub(1) / 2;
    values
        .get(lower)
        .zip(values.get(upper))
        .map_or(0.0, |(lower, upper)| f64::midpoint(*lower, *upper))
}

#[expect(clippy::cast_precision_loss, reason = "it is rounded to two digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
