//! Measures what the component serves, as a ratio to what the same host serves
//! when a component only says hello.
//!
//! [`rows`] lists what is measured, [`target`] starts what it is measured on,
//! [`load`] sends the requests, [`start`] measures starts, [`timing`] compares known and
//! unknown addresses, and [`report`] sums up.
//! Everything is loaded by turns in one run, because a machine is never the same
//! twice.

mod load;
mod report;
mod rows;
mod start;
mod target;
mod timing;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use rollcall_testkit::build;

use crate::report::{Measured, Memory, Report};
use crate::rows::ROWS;
use crate::target::{Kind, Target};

/// Measures the component against hello world on the same host.
#[derive(Parser)]
struct Arguments {
    /// How often each row has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a turn takes, in seconds, after a quarter of that to warm up
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many connections are kept busy
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How many pairs of requests show whether times tell which addresses are known
    #[arg(long, default_value_t = 400)]
    pairs: usize,
    /// Measure only rows whose name has this in it, and hello world
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { rounds, seconds, connections, pairs, only } = Arguments::parse();
    build::component("rollcall-bench-hello");
    let component = std::fs::metadata(build::component("rollcall"))?.len();
    let start = start::measure()?;

    let chosen = |row: &&rows::Row| row.kind == Kind::Hello || row.name.contains(&only);
    let mut rows: Vec<_> =
        ROWS.iter().filter(chosen).map(|row| Measured { row, turns: Vec::new() }).collect();
    let mut targets = BTreeMap::new();
    for Measured { row, .. } in &rows {
        if let Entry::Vacant(entry) = targets.entry(row.kind) {
            entry.insert(Target::start(row.kind).await?);
        }
    }
    let turn = Duration::from_secs_f64(seconds);
    for round in 1..=rounds {
        eprintln!("Round {round} of {rounds}");
        for Measured { row, turns } in &mut rows {
            let target = &targets[&row.kind];
            load::turn(row, target, connections, turn / 4).await?;
            turns.push(load::turn(row, target, connections, turn).await?);
        }
    }

    let timings = match targets.get(&Kind::Rollcall) {
        Some(target) => timing::measure(target, pairs).await?,
        None => Vec::new(),
    };
    let memory = targets.iter().map(|(kind, target)| Memory {
        name: kind.name(),
        idle: target.idle_kib,
        loaded: target.peak_kib(),
    });
    let memory = memory.collect();
    let report = Report { rows, connections, component, start, timings, memory };
    print!("{report}");
    report.write(&build::workspace().join("target/bench.json"))
}
