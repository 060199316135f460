//! The command line: the flags of `spin up`.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Runs a Spin application with the semantics of Spin 4.1, for development and
/// tests. In production, run it on Spin.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an application until Ctrl-C or SIGTERM
    Up(Box<Up>),
    /// Print a script that completes this command's arguments
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The manifest, or the folder with a spin.toml in it
    #[arg(short, long, visible_alias = "file", value_name = "FILE", default_value = "spin.toml")]
    pub(crate) from: PathBuf,

    /// Run the components' build commands first
    #[arg(short, long)]
    pub(crate) build: bool,

    /// The address to listen on; port 0 is any free one
    #[arg(
        long,
        value_name = "ADDR",
        env = "SPIN_HTTP_LISTEN_ADDR",
        default_value = "127.0.0.1:3000",
        value_parser = parse_address
    )]
    pub(crate) listen: SocketAddr,

    /// Try the ports that follow when the port is taken
    #[arg(long)]
    pub(crate) find_free_port: bool,

    /// Set a variable of the application: NAME=VALUE, or NAME=@FILE
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    pub(crate) variable: Vec<(String, String)>,

    /// Where databases and stores are
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    pub(crate) runtime_config_file: Option<PathBuf>,

    /// The folder for databases, stores and logs; by default .spin beside the
    /// manifest. When it is empty, nothing outlives the process
    #[arg(long, value_name = "DIR", value_parser = path_or_empty())]
    pub(crate) state_dir: Option<PathBuf>,

    /// The folder for what components print; by default the state's logs folder
    #[arg(long, value_name = "DIR", value_parser = path_or_empty())]
    pub(crate) log_dir: Option<PathBuf>,

    /// Run a statement on a database at start: SQL, or @FILE, or @FILE:LABEL
    #[arg(long, value_name = "SQL|@FILE[:LABEL]")]
    pub(crate) sqlite: Vec<String>,

    /// Set a key of the default key-value store at start
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub(crate) key_value: Vec<(String, String)>,

    /// Keep what components print off the terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Requests that an instance serves before it is dropped: N, or N..M for a
    /// number at random
    #[arg(long, value_name = "N", default_value = "128", value_parser = parse_count)]
    pub(crate) max_instance_reuse_count: RangeInclusive<usize>,

    /// Requests that an instance serves at the same time: N, or N..M
    #[arg(long, value_name = "N", default_value = "16", value_parser = parse_count)]
    pub(crate) max_instance_concurrent_reuse_count: RangeInclusive<usize>,

    /// How long a response may take: 10s, 500ms, or 1s..5s
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) request_timeout: Option<RangeInclusive<Duration>>,

    /// How long an instance is kept without a request: 1s, or 1s..5s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_time)]
    pub(crate) idle_instance_timeout: RangeInclusive<Duration>,

    /// Allocate every instance anew instead of from a pool
    #[arg(long)]
    pub(crate) disable_pooling: bool,
}

/// A path that may be empty, unlike clap's own.
fn path_or_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .map_err(|error| error.to_string())?
        .next()
        .ok_or_else(|| "no such address".to_owned())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("there is no = in it")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = parse_pair(text)?;
    match value.strip_prefix('@') {
        Some(file) => fs::read_to_string(file)
            .map(|value| (name, value))
            .map_err(|error| format!("{file}: {error}")),
        None => Ok((name, value)),
    }
}

/// `N`, or `N..M` without M.
fn parse_count(text: &str) -> Result<RangeInclusive<usize>, String> {
    let count = |text: &str| {
        text.parse::<usize>()
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| format!("{text:?} is no number from 1"))
    };
    match text.split_once("..") {
        Some((first, end)) => not_empty(count(first)?..=count(end)?.saturating_sub(1)),
        None => Ok(count(text)?..=count(text)?),
    }
}

/// A time, or two with `..` between them.
fn parse_time(text: &str) -> Result<RangeInclusive<Duration>, String> {
    match text.split_once("..") {
        Some((first, last)) => not_empty(parse_duration(first)?..=parse_duration(last)?),
        None => Ok(parse_duration(text)?..=parse_duration(text)?),
    }
}

fn not_empty<T: PartialOrd>(range: RangeInclusive<T>) -> Result<RangeInclusive<T>, String> {
    if range.is_empty() {
        return Err("the range is empty".to_owned());
    }
    Ok(range)
}

/// A whole number of `s` (which may be left out), `ms`, `us` or `ns`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let from: fn(u64) -> Duration = match unit {
        "" | "s" => Duration::from_secs,
        "ms" => Duration::from_millis,
        "us" | "μs" => Duration::from_micros,
        "ns" => Duration::from_nanos,
        _ => return Err(format!("{unit:?} is none of s, ms, us, ns")),
    };
    number.parse().map(from).map_err(|_| format!("{text:?} is no time"))
}
