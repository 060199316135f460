//! `doctor`

use std::io::Write;

use anstyle::{AnsiColor, Style};
use clap::Args;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use rollcall_client::service::Alive;
use rollcall_client::{Client, Error};
use serde::Serialize;

use super::token::Claims;
use crate::context::{Caller, Context};
use crate::failure::{Failure, Outcome};
use crate::output::{line, printable};

/// The version of the API that this program speaks.
const API_VERSION: &str = "1";
/// A clock that differs by more makes tokens end early or late.
const MOST_SKEW: SignedDuration = SignedDuration::from_secs(5);
/// A clock that differs by more makes tokens and codes wrong.
const BROKEN_SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A connection that takes longer is slow.
const SLOW: SignedDuration = SignedDuration::from_secs(1);
/// An access token that is good for longer outlives what it says for too long.
const LONG_TOKEN: SignedDuration = SignedDuration::from_hours(1);
/// An origin that nobody allows on purpose.
const FOREIGN_ORIGIN: &str = "https://rollcall-doctor.invalid";

/// Look at a service from outside: is it well, and well set up?
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is ok, warn or fail, and says what to do. The exit code is 1 when a line is
fail, with --strict also when one is warn. What needs a caller with permissions is left
out where there is none.")]
pub(crate) struct Doctor {
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// Prints findings as they come, and remembers the worst.
struct Report<'a> {
    context: &'a Context,
    worst: Status,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let mut report = Report { context, worst: Status::Ok };
        examine(context, &mut report).await?;
        let limit = if self.strict { Status::Ok } else { Status::Warn };
        if report.worst > limit { Err(Failure::Told) } else { Ok(()) }
    }
}

async fn examine(context: &Context, report: &mut Report<'_>) -> Outcome {
    let nobody = context.nobody()?;
    let alive = match nobody.service().alive().await {
        Ok(alive) => alive,
        Err(error) => {
            let other = "Something else answers there: name the service by --url or ROLLCALL_URL.";
            let detail = format!("{}: {error}", context.url);
            return report.fail("reachable", detail, advice(&error, other));
        }
    };
    reachable(context, &alive, report)?;
    clock(&alive, report)?;
    readiness(&nobody, report).await?;
    versions(&alive, report)?;
    transport(&nobody, report)?;
    mail(&nobody, report).await?;
    origins(&nobody, report).await?;
    caller(context, report).await
}

fn reachable(context: &Context, alive: &Alive, report: &mut Report<'_>) -> Outcome {
    let took = SignedDuration::try_from(alive.took).unwrap_or(SignedDuration::MAX);
    let detail = format!("{} answers in {} ms", context.url, took.as_millis());
    if took > SLOW {
        return report.warn("reachable", detail, "Look at the network and at the service's load.");
    }
    report.ok("reachable", detail)
}

fn versions(alive: &Alive, report: &mut Report<'_>) -> Outcome {
    let ours = env!("CARGO_PKG_VERSION");
    let header = alive.headers.get("api-version").and_then(|value| value.to_str().ok());
    match header {
        Some(API_VERSION) => report
            .ok("version", format!("version {API_VERSION} of the API; this program is {ours}")),
        Some(other) => {
            let detail =
                format!("the service speaks version {other} of the API, this {API_VERSION}");
            report.fail("version", detail, "Use the `rollcall` of the service's release.")
        }
        // Nothing says it before the settings are in order.
        None => Ok(()),
    }
}

fn clock(alive: &Alive, report: &mut Report<'_>) -> Outcome {
    let date = alive.headers.get("date").and_then(|value| value.to_str().ok());
    let Some(theirs) = date.and_then(|date| rfc2822::parse(date).ok()) else {
        // The clock of a service that tells no time cannot be looked at.
        return Ok(());
    };
    let ours = Timestamp::try_from(alive.at).unwrap_or(Timestamp::MIN);
    // A Date has whole seconds: half of one is the least error.
    let theirs = theirs.timestamp().as_millisecond() + 500;
    let skew = SignedDuration::from_millis(ours.as_millisecond().saturating_sub(theirs)).abs();
    let detail = format!("the clocks differ by {} s at most", skew.as_secs() + 1);
    let advice = "Have both machines set their clocks by NTP.";
    match skew {
        skew if skew > BROKEN_SKEW => report.fail("clock", detail, advice),
        skew if skew > MOST_SKEW => report.warn("clock", detail, advice),
        _ => report.ok("clock", detail),
    }
}

async fn readiness(nobody: &Client, report: &mut Report<'_>) -> Outcome {
    let readiness = match nobody.service().ready().await {
        Ok(readiness) => readiness,
        Err(error) => {
            return report.unanswered("ready", &error);
        }
    };
    for check in readiness.checks {
        let (name, advice) = match check.name.as_str() {
            "settings" => ("settings", "Correct the setting, and start the service again."),
            "database" => ("database", "Look at the database, its disk and its connections."),
            "migrations" => ("migrations", "Apply them: rollcall migrate"),
            _ => ("ready", "Look at the log of the service."),
        };
        match check.problem {
            Some(problem) => report.fail(name, problem, advice)?,
            None if check.status != "ok" => report.fail(name, check.status, advice)?,
            None => report.ok(name, "in order".to_owned())?,
        }
    }
    Ok(())
}

/// Tokens and passwords must not be readable on their way.
fn transport(nobody: &Client, report: &mut Report<'_>) -> Outcome {
    if nobody.base_url().scheme() == "https" {
        return report.ok("transport", "encrypted".to_owned());
    }
    if is_local(nobody) {
        return report.ok("transport", "not encrypted, but on this machine".to_owned());
    }
    let advice = "Put TLS in front of the service, and use its https:// address.";
    report.fail("transport", "passwords and tokens travel unencrypted".to_owned(), advice)
}

fn is_local(client: &Client) -> bool {
    let host = client.base_url().host_str().unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

async fn mail(nobody: &Client, report: &mut Report<'_>) -> Outcome {
    match nobody.service().has_mailbox().await {
        Err(error) => return report.unanswered("mail", &error),
        Ok(false) => return report.ok("mail", "no mailbox is open from here".to_owned()),
        Ok(true) => {}
    }
    let detail = "mail_transport is mailbox: nothing is sent, and /dev/mailbox shows every mail \
                  with its tokens"
        .to_owned();
    let advice = "In production set mail_transport to http, with the mail_… settings.";
    match is_local(nobody) {
        true => report.warn("mail", detail, advice),
        false => report.fail("mail", detail, advice),
    }
}

async fn origins(nobody: &Client, report: &mut Report<'_>) -> Outcome {
    match nobody.service().allowed_origin(FOREIGN_ORIGIN).await {
        Ok(Some(_)) => {
            let detail = "the pages of every origin may read answers".to_owned();
            report.warn("origins", detail, "Name the origins of your pages in cors_origins.")
        }
        Ok(None) => report.ok("origins", "foreign pages read nothing".to_owned()),
        Err(error) => report.unanswered("origins", &error),
    }
}

/// Who calls, and what only they can see.
async fn caller(context: &Context, report: &mut Report<'_>) -> Outcome {
    if context.caller()? == Caller::Nobody {
        let advice = "Sign in with `rollcall login` to have more looked at.";
        return report.warn("caller", "nobody is signed in".to_owned(), advice);
    }
    let client = context.client()?;
    match client.sessions().me().await {
        Ok(me) => report.ok("caller", format!("{} is signed in", me.value.email))?,
        Err(error) if error.status() == Some(403) => {
            report.ok("caller", "the API key is good".to_owned())?;
        }
        Err(error) => {
            let other = "Sign in with `rollcall login`, or set another ROLLCALL_API_KEY.";
            return report.fail("caller", error.to_string(), advice(&error, other));
        }
    }
    token(context, report)?;
    trail(&client, report).await
}

/// What the access token says about the settings.
fn token(context: &Context, report: &mut Report<'_>) -> Outcome {
    let kept = context.keyring.get(&context.url)?;
    let token = context.token().or(kept.as_ref().map(|entry| entry.access_token()));
    let Some(claims) = token.and_then(Claims::read) else { return Ok(()) };
    if claims.issuer.trim_end_matches('/') == context.url {
        report.ok("public_url", format!("tokens are issued by {}", claims.issuer))?;
    } else {
        let detail = format!("tokens are issued by {}, not by {}", claims.issuer, context.url);
        let advice = "Set public_url to the address by which clients reach the service.";
        report.warn("public_url", detail, advice)?;
    }
    let good_for = SignedDuration::from_secs(claims.good_for());
    let detail = format!("access tokens are good for {good_for:#}");
    if good_for > LONG_TOKEN {
        let advice = "Lower access_token_ttl: who reads tokens notices an ended session that late.";
        return report.warn("tokens", detail, advice);
    }
    report.ok("tokens", detail)
}

/// Whether nobody changed the audit trail past the service, for those who may see it.
async fn trail(client: &Client, report: &mut Report<'_>) -> Outcome {
    let found = match client.audit().verify(0, None).await {
        Err(error) if error.status() == Some(403) => return Ok(()),
        Err(error) => return report.unanswered("audit", &error),
        Ok(found) => found,
    };
    match found.first_bad {
        Some(bad) => {
            let detail = format!("the trail breaks at position {}: {}", bad.position, bad.problem);
            let advice = "Somebody changed the database past the service: docs/audit.md.";
            report.fail("audit", detail, advice)
        }
        None => {
            let (position, end) = (found.position, found.end);
            report.ok("audit", format!("{position} of {end} events looked at, their chain holds"))
        }
    }
}

/// What to do where the service did not do what it was asked to.
fn advice<'a>(error: &Error, otherwise: &'a str) -> &'a str {
    match (error, error.status()) {
        (Error::Transport(_) | Error::Silent(_), _) => {
            "Start the service, or name it: --url or ROLLCALL_URL."
        }
        (_, Some(429 | 503)) => "The service is busy: try again later.",
        (_, Some(502 | 504)) => "A proxy does not reach the service: start it.",
        _ => otherwise,
    }
}

impl Report<'_> {
    fn ok(&mut self, check: &'static str, detail: String) -> Outcome {
        self.tell(Finding { check, status: Status::Ok, detail, advice: None })
    }

    fn warn(&mut self, check: &'static str, detail: String, advice: &str) -> Outcome {
        self.tell(Finding { check, status: Status::Warn, detail, advice: Some(advice.to_owned()) })
    }

    fn fail(&mut self, check: &'static str, detail: String, advice: &str) -> Outcome {
        self.tell(Finding { check, status: Status::Fail, detail, advice: Some(advice.to_owned()) })
    }

    fn unanswered(&mut self, check: &'static str, error: &Error) -> Outcome {
        self.fail(check, error.to_string(), advice(error, "Look at the log of the service."))
    }

    fn tell(&mut self, finding: Finding) -> Outcome {
        self.worst = self.worst.max(finding.status);
        if self.context.out.json {
            return line(&finding);
        }
        let (word, colour) = match finding.status {
            Status::Ok => ("ok  ", AnsiColor::Green),
            Status::Warn => ("warn", AnsiColor::Yellow),
            Status::Fail => ("fail", AnsiColor::Red),
        };
        let style = Style::new().bold().fg_color(Some(colour.into()));
        let detail = printable(&finding.detail, false);
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{style}{word}{style:#}  {:<10}  {detail}", finding.check)?;
        if let Some(advice) = finding.advice {
            writeln!(stdout, "                  {advice}")?;
        }
        Ok(())
    }
}
