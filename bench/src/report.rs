//! What a run brought, as a table for people and as JSON for programs.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::chart;
use crate::connections::Open;
use crate::growth::Size;
use crate::hashing::Hashing;
use crate::load::Turn;
use crate::overload::Overload;
use crate::rows::{ONE_ROW_UPDATE, Row};
use crate::start::Start;
use crate::target::{Kind, Target};
use crate::timing::Timing;

/// What a run brought.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Measured>,
    pub(crate) connections: usize,
    /// Size of the component, in bytes.
    pub(crate) component: u64,
    pub(crate) start: Option<Start>,
    pub(crate) timings: Vec<Timing>,
    pub(crate) hashing: Option<Hashing>,
    pub(crate) overload: Option<Overload>,
    pub(crate) open: Vec<Open>,
    pub(crate) growth: Vec<Size>,
    pub(crate) memory: Vec<Memory>,
}

/// A row with its turns, one for each round.
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) turns: Vec<Turn>,
}

/// The resident memory of a host, in KiB.
pub(crate) struct Memory {
    name: &'static str,
    idle: u64,
    loaded: u64,
}

impl Memory {
    pub(crate) fn of((kind, target): (&Kind, &Target)) -> Self {
        Self { name: kind.name(), idle: target.idle_kib, loaded: target.peak_kib() }
    }
}

impl Measured {
    pub(crate) fn rates(&self) -> Vec<f64> {
        self.turns.iter().map(|turn| turn.rate).collect()
    }

    /// The ratio to another row, of each round.
    pub(crate) fn ratios(&self, other: &Self) -> Vec<f64> {
        let pairs = self.turns.iter().zip(&other.turns);
        pairs.map(|(turn, other)| turn.rate / other.rate).collect()
    }

    fn milliseconds(&self, of: impl Fn(&Turn) -> std::time::Duration) -> f64 {
        median(self.turns.iter().map(|turn| of(turn).as_secs_f64() * 1e3).collect())
    }
}

impl Report {
    /// Every row with hello world on such a host, and with the one-row update.
    fn compared(&self) -> impl Iterator<Item = (&Measured, f64, f64)> {
        let update = self.rows.iter().find(|row| row.row.name == ONE_ROW_UPDATE.name);
        let of = |row: &Measured, other: Option<&Measured>| {
            other.map_or(0.0, |other| median(row.ratios(other)))
        };
        self.rows.iter().map(move |row| (row, of(row, hello(&self.rows, row)), of(row, update)))
    }

    /// Writes it as JSON and as a picture.
    ///
    /// # Errors
    ///
    /// When the files cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(&self.json())? + "\n";
        for (name, text) in [("bench.json", json), ("bench.svg", chart::svg(&self.rows))] {
            let file = folder.join(name);
            std::fs::write(&file, text)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let rows = self.compared().map(|(row, of_hello, of_update)| {
            json!({
                "name": row.row.name,
                "requests_per_second": median(row.rates()),
                "of_hello_world": of_hello,
                "of_one_row_update": of_update,
                "p50_ms": row.milliseconds(|turn| turn.median),
                "p99_ms": row.milliseconds(|turn| turn.p99),
                "rounds": row.rates(),
            })
        });
        let memory = self.memory.iter().map(
            |memory| json!({"name": memory.name, "idle_kib": memory.idle, "loaded_kib": memory.loaded}),
        );
        let timings = self.timings.iter().map(|timing| {
            json!({
                "name": timing.name,
                "known_ms": milliseconds(timing.known),
                "unknown_ms": milliseconds(timing.unknown),
                "difference": timing.difference(),
            })
        });
        let hashing = self.hashing.as_ref().map(|hashing| {
            json!({
                "reads_alone_ms": hashing.reads_alone.map(milliseconds),
                "reads_beside_ms": hashing.reads_beside.map(milliseconds),
                "sign_ins_alone": hashing.sign_ins_alone,
                "sign_ins_beside": hashing.sign_ins_beside,
                "one_sign_in_ms": milliseconds(hashing.one_sign_in),
                "one_hash_ms": milliseconds(hashing.one_hash),
                "native_hash_ms": milliseconds(hashing.native_hash),
                "hashes": hashing.hashes,
                "native_hashes": hashing.native_hashes,
            })
        });
        let overload = self.overload.as_ref().map(|overload| {
            json!({
                "capacity": overload.capacity,
                "goodput": overload.goodput,
                "shed": overload.shed,
                "shed_after_ms": milliseconds(overload.shed_after),
                "p99_before_ms": milliseconds(overload.before),
                "recovered_after_s": overload.recovered_after.map(|after| after.as_secs()),
            })
        });
        let open = self.open.iter().map(
            |open| json!({"connections": open.connections, "resident_kib": open.resident_kib}),
        );
        let growth = self.growth.iter().map(|size| {
            let medians = size
                .medians
                .iter()
                .map(|(name, median)| ((*name).to_owned(), json!(milliseconds(*median))));
            json!({"users": size.users, "median_ms": Value::Object(medians.collect())})
        });
        json!({
            "connections": self.connections,
            "rows": rows.collect::<Vec<_>>(),
            "timings": timings.collect::<Vec<_>>(),
            "hashing": hashing,
            "overload": overload,
            "open_connections": open.collect::<Vec<_>>(),
            "growth": growth.collect::<Vec<_>>(),
            "component_bytes": self.component,
            "memory": memory.collect::<Vec<_>>(),
            "start_ms": self.start.as_ref().map(|start| {
                json!({"cold": start.cold.as_millis(), "second": start.second.as_millis()})
            }),
        })
    }

    fn write_rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.row.name.len()).max().unwrap_or_default();
        let rounds = self.rows.first().map_or(0, |row| row.turns.len());
        writeln!(f, "Medians of {rounds} rounds, {} connections\n", self.connections)?;
        writeln!(
            f,
            "{:width$}  {:>8}  {:>15}  {:>8}  {:>8}  {:>8}  {:>9}",
            "", "req/s", "from - to", "p50 ms", "p99 ms", "of hello", "of update"
        )?;
        for (row, of_hello, of_update) in self.compared() {
            let rates = row.rates();
            let (low, high) = (extreme(&rates, f64::min), extreme(&rates, f64::max));
            writeln!(
                f,
                "{:width$}  {:>8.0}  {:>15}  {:>8.2}  {:>8.2}  {of_hello:>8.2}  {of_update:>9.2}",
                row.row.name,
                median(rates),
                format!("{low:.0} - {high:.0}"),
                row.milliseconds(|turn| turn.median),
                row.milliseconds(|turn| turn.p99),
            )?;
        }
        writeln!(f)
    }

    fn write_growth(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.growth.first() else { return Ok(()) };
        writeln!(f, "\nOne request at a time, medians in ms, by the number of users")?;
        let sizes: String = self.growth.iter().map(|size| format!("{:>10}", size.users)).collect();
        writeln!(f, "{:26}{sizes}", "")?;
        for (place, (name, _)) in first.medians.iter().enumerate() {
            let medians = self.growth.iter().filter_map(|size| size.medians.get(place));
            let medians: String =
                medians.map(|(_, median)| format!("{:>10.3}", milliseconds(*median))).collect();
            writeln!(f, "{name:26}{medians}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_rows(f)?;
        writeln!(f, "Component: {:.2} MB", megabytes(self.component))?;
        if let Some(Start { cold, second }) = &self.start {
            writeln!(
                f,
                "Start to the first answer: {cold:.2?} cold, {second:.2?} the second time"
            )?;
        }
        for timing in &self.timings {
            let Timing { name, known, unknown } = timing;
            let apart = timing.difference() * 100.0;
            writeln!(f, "{name}: {known:.2?} known, {unknown:.2?} unknown, {apart:.1} % apart")?;
        }
        for Memory { name, idle, loaded } in self.memory.iter().filter(|memory| memory.idle > 0) {
            let (idle, loaded) = (megabytes(idle * 1024), megabytes(loaded * 1024));
            writeln!(f, "Resident memory, {name}: {idle:.0} MB idle, {loaded:.0} MB under load")?;
        }
        for Open { connections, resident_kib } in &self.open {
            let megabytes = megabytes(resident_kib * 1024);
            writeln!(f, "Resident memory with {connections} open connections: {megabytes:.0} MB")?;
        }
        if let Some(hashing) = &self.hashing {
            write!(f, "\n{hashing}")?;
        }
        if let Some(overload) = &self.overload {
            write!(f, "\n{overload}")?;
        }
        self.write_growth(f)
    }
}

/// The row of hello world on a host with the same flags as a row's.
pub(crate) fn hello<'a>(rows: &'a [Measured], row: &Measured) -> Option<&'a Measured> {
    rows.iter().find(|other| other.row.kind == row.row.kind.hello())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn extreme(values: &[f64], choose: fn(f64, f64) -> f64) -> f64 {
    values.iter().copied().reduce(choose).unwrap_or_default()
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
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
