//! Measures what the component serves, as a ratio to what the same host serves
//! when a component only says hello.
//!
//! [`rows`] lists what is measured by turns, [`target`] starts what it is measured on,
//! [`fixture`] makes what is asked for, [`load`] and [`offer`] send the requests.
//! [`start`], [`timing`], [`hashing`], [`overload`], [`connections`] and [`growth`] are
//! measurements of their own, and [`report`] and [`chart`] sum up.
//! Everything is loaded by turns in one run, because a machine is never the same
//! twice.

mod chart;
mod connections;
mod fixture;
mod growth;
mod hashing;
mod load;
mod offer;
mod overload;
mod peer;
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
use crate::rows::{ROWS, Row};
use crate::target::{Kind, Target};

/// Measures the component against hello world on the same host
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
    /// How many other sessions `me` is asked for by turns
    #[arg(long, default_value_t = 1_000)]
    tokens: usize,
    /// How many pairs of requests show whether times tell which addresses are known; 0: none
    #[arg(long, default_value_t = 400)]
    pairs: usize,
    /// How long reads are measured beside sign-ins, in seconds; 0: not at all
    #[arg(long, default_value_t = 10)]
    hashing: u64,
    /// How long twice the sign-ins are asked for that fit, in seconds; 0: not at all
    #[arg(long, default_value_t = 30)]
    overload: u64,
    /// Numbers of connections to keep open, by commas
    #[arg(long, value_delimiter = ',', default_value = "1,100,10000")]
    open: Vec<usize>,
    /// Numbers of users to measure growth with, by commas
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    growth: Vec<usize>,
    /// Measure only rows whose name has one of these in it, by commas, besides those
    /// that all are compared with, and nothing else
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Arguments {
    fn chooses(&self, row: &Row) -> bool {
        let always = row.kind == row.kind.hello() || row.kind == Kind::Update;
        always || self.only.is_empty() || self.only.iter().any(|only| row.name.contains(only))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    build::component("rollcall-bench-hash");
    build::component("rollcall-bench-hello");
    build::component("rollcall-bench-update");
    let component = std::fs::metadata(build::component("rollcall"))?.len();
    let mut report = Report { connections: arguments.connections, component, ..Report::default() };

    let chosen = ROWS.iter().filter(|row| arguments.chooses(row));
    report.rows = chosen.map(|row| Measured { row, turns: Vec::new() }).collect();
    let mut targets = BTreeMap::new();
    for Measured { row, .. } in &report.rows {
        if let Entry::Vacant(entry) = targets.entry(row.kind) {
            eprintln!("Starting: {}", row.kind.name());
            entry.insert(Target::start(row.kind, arguments.tokens).await?);
        }
    }
    by_turns(&mut report.rows, &targets, &arguments).await?;
    report.memory = targets.iter().map(Memory::of).collect();
    if arguments.only.is_empty() {
        alone(&mut report, &targets, &arguments).await?;
    }
    print!("{report}");
    report.write(&build::workspace().join("target"))
}

/// Every row in every round.
async fn by_turns(
    rows: &mut [Measured],
    targets: &BTreeMap<Kind, Target>,
    arguments: &Arguments,
) -> Result<()> {
    let turn = Duration::from_secs_f64(arguments.seconds);
    for round in 1..=arguments.rounds {
        eprintln!("Round {round} of {}", arguments.rounds);
        for Measured { row, turns } in &mut *rows {
            let target = &targets[&row.kind];
            load::turn(row, target, arguments.connections, turn / 4).await?;
            turns.push(load::turn(row, target, arguments.connections, turn).await?);
        }
    }
    Ok(())
}

/// What is measured by itself.
async fn alone(
    report: &mut Report,
    targets: &BTreeMap<Kind, Target>,
    arguments: &Arguments,
) -> Result<()> {
    let Some(target) = targets.get(&Kind::Rollcall) else { return Ok(()) };
    if arguments.pairs > 0 {
        report.timings = timing::measure(target, arguments.pairs).await?;
    }
    if arguments.hashing > 0 {
        let time = Duration::from_secs(arguments.hashing);
        report.hashing = Some(hashing::measure(target, time).await?);
    }
    if arguments.overload > 0 {
        let time = Duration::from_secs(arguments.overload);
        report.overload = Some(overload::measure(target, time).await?);
    }
    report.open = connections::measure(target, &arguments.open).await?;
    report.growth = growth::measure(&arguments.growth).await?;
    report.start = Some(start::measure()?);
    Ok(())
}
