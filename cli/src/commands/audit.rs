//! `audit`

use std::collections::VecDeque;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use rollcall_client::{AuditEvent, AuditFilter, Client, Error};

use crate::arguments::Extent;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Row, moment};

/// How long `follow` waits before it looks again.
const PAUSE: Duration = Duration::from_secs(2);
/// How long after its time an event may still turn up: longer than a request takes.
const LATENESS: SignedDuration = SignedDuration::from_secs(60);
/// How many events `follow` remembers, so as not to tell one twice.
const REMEMBERED: usize = 10_000;

/// Read and verify the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List events, the newest first.
    List(List),
    /// Have the service follow the chain of hashes from its beginning to its end.
    Verify(Verify),
    /// Print events as they happen, until Ctrl-C.
    Follow(Follow),
}

/// Which events.
#[derive(Debug, Args)]
struct Filter {
    /// Of this kind, such as user.created.
    #[arg(long)]
    kind: Option<String>,
    /// Done by: user:ID, api_key:ID, operator, anonymous or service.
    #[arg(long)]
    actor: Option<String>,
    /// Done to: the id of a user, or role:NAME, api_key:ID.
    #[arg(long)]
    subject: Option<String>,
}

/// List events, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall audit list --kind user.deleted --since 2026-01-01T00:00:00Z
  rollcall --json audit list --all >trail.ndjson && scripts/audit-verify trail.ndjson")]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Not before this moment (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this moment (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    #[command(flatten)]
    extent: Extent,
}

/// Have the service follow the chain of hashes from its beginning to its end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rollcall audit verify
  rollcall audit verify --seen 1000:5f0e6c2a…

It prints the last position and its hash. Keep them where the database cannot be changed
from, and give them to the next verification: the trail that was seen then must still be
there. The exit code is 1 when the chain does not hold. `scripts/audit-verify` computes
every hash anew, without the service.")]
pub(crate) struct Verify {
    /// What an earlier verification told.
    #[arg(long, value_name = "POSITION:HASH", value_parser = parse_seen)]
    seen: Option<(u64, String)>,
}

/// Print events as they happen, until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    #[command(flatten)]
    filter: Filter,
    /// Begin with so many that happened before, 200 at most.
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u8).range(..=200))]
    lines: u8,
}

impl Row for AuditEvent {
    const COLUMNS: &'static [&'static str] = &["AT", "KIND", "ACTOR", "SUBJECT", "POSITION"];

    fn cells(&self) -> Vec<String> {
        vec![
            moment(&self.at),
            self.kind.clone(),
            self.actor.clone(),
            self.subject.clone().unwrap_or_else(|| "-".to_owned()),
            self.position.map_or_else(|| "-".to_owned(), |position| position.to_string()),
        ]
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client()?;
        match self {
            Self::List(List { filter, since, until, extent }) => {
                let since = since.map(|moment| moment.to_string());
                let until = until.map(|moment| moment.to_string());
                let filter = AuditFilter { since, until, ..filter.into() };
                context.out.list(client.audit().list(filter), extent.limit()).await
            }
            Self::Verify(verify) => verify.run(context, &client).await,
            Self::Follow(follow) => follow.run(context, &client).await,
        }
    }
}

impl From<Filter> for AuditFilter {
    fn from(filter: Filter) -> Self {
        let Filter { kind, actor, subject } = filter;
        Self { kind, actor, subject, since: None, until: None }
    }
}

impl Verify {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let (mut after, mut hash) = match self.seen {
            Some((position, hash)) => (position, Some(hash)),
            None => (0, None),
        };
        loop {
            let found = client.audit().verify(after, hash.as_deref()).await;
            let found = found.map_err(|error| cut_off(after, error))?;
            if let Some(bad) = &found.first_bad {
                if context.out.json {
                    output::line(&found)?;
                    return Err(Failure::Told);
                }
                let text = format!(
                    "the chain does not hold at position {}: {}",
                    bad.position, bad.problem
                );
                return Err(Failure::Failed(text));
            }
            match found.next_after {
                Some(next) => (after, hash) = (next, Some(found.hash)),
                None if context.out.json => return output::line(&found),
                None => {
                    let (position, hash) = (found.position, found.hash);
                    return context.out.say(&format!(
                        "The chain of {position} events holds; the last is {position}:{hash}"
                    ));
                }
            }
        }
    }
}

impl Follow {
    async fn run(self, context: &Context, client: &Client) -> Outcome {
        let mut filter = AuditFilter::from(self.filter);
        let mut pages = client.audit().list(filter.clone());
        let mut past = pages.next().await?.unwrap_or_default();
        past.reverse();
        let hidden = past.len().saturating_sub(self.lines.into());
        past.iter().skip(hidden).try_for_each(|event| tell(context, event))?;
        // Nothing before the first of these is told later.
        let begin = past.first().and_then(time);
        let mut latest = past.last().and_then(time);
        let mut told: VecDeque<String> = past.into_iter().map(|event| event.id).collect();
        loop {
            tokio::time::sleep(PAUSE).await;
            let since = latest.and_then(|latest| latest.checked_sub(LATENESS).ok());
            filter.since = since.max(begin).map(|moment| moment.to_string());
            let mut news = client.audit().list(filter.clone()).all().await?;
            news.retain(|event| !told.contains(&event.id));
            news.reverse();
            for event in news {
                tell(context, &event)?;
                latest = latest.max(time(&event));
                told.push_back(event.id);
            }
            told.drain(..told.len().saturating_sub(REMEMBERED));
        }
    }
}

/// What it means that there is no such position: it was there when it was seen.
fn cut_off(seen: u64, error: Error) -> Failure {
    if seen == 0 || error.code() != Some("not_found") {
        return error.into();
    }
    let text = format!(
        "the chain does not hold: it ends before position {seen}, which was seen. Somebody \
         took events off its end, or this is another service"
    );
    Failure::Failed(text)
}

/// When an event happened.
fn time(event: &AuditEvent) -> Option<Timestamp> {
    event.at.parse().ok()
}

fn tell(context: &Context, event: &AuditEvent) -> Outcome {
    if context.out.json {
        return output::line(event);
    }
    let subject = event.subject.as_deref().unwrap_or("-");
    context.out.say(&format!("{}  {}  {}  {subject}", moment(&event.at), event.kind, event.actor))
}

/// `1000:5f0e…`
fn parse_seen(text: &str) -> Result<(u64, String), String> {
    let (position, hash) = text.split_once(':').ok_or("it is POSITION:HASH")?;
    let position = position.parse().map_err(|_| "the position is a number")?;
    Ok((position, hash.to_owned()))
}
