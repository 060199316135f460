//! The lines of an import, as they come in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::future::{Either, select};
use http_body_util::BodyExt;

use super::imported_user;
use crate::app::App;
use crate::error::{Error, Result};
use crate::service::imports::ImportedUser;
use crate::transport::http::json;
use crate::transport::http::problem::Problem;
use crate::transport::http::records::Records;

/// How many lines are one change: enough to share the wait for the disk, and few enough
/// for others to change something in between.
const MOST_LINES: usize = 250;
/// How many bytes may come before those that are there are one change.
const MOST_BYTES: usize = 1 << 20;
/// So long the next line may take before those that are there are one change.
const PATIENCE: Duration = Duration::from_millis(100);

/// A line.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// What it says, or what is wrong with it.
    pub(super) user: Result<ImportedUser>,
}

/// Reads no further than it is asked to.
pub(super) struct Source {
    app: Arc<App>,
    body: Body,
    records: Records,
    lines: Vec<Line>,
    bytes: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Ended,
    /// Nothing came for too long.
    Idle,
    /// It ended before its end: the client has gone.
    Broken,
}

impl Source {
    pub(super) fn new(app: Arc<App>, body: Body, records: Records) -> Self {
        Self { app, body, records, lines: Vec::new(), bytes: 0, state: State::Open }
    }

    /// Reads until it is known what the lines consist of. Fails if that is wrong.
    pub(super) async fn begin(&mut self) -> Result<(), Problem> {
        self.gather()?;
        while !self.records.has_begun() {
            self.read(self.app.config.request_timeout).await?;
            self.gather()?;
        }
        Ok(())
    }

    /// Reads as many lines as are one change, or those that come before the client
    /// pauses. Does nothing if they are there. May be given up at any moment.
    pub(super) async fn fill(&mut self) -> Result<(), Problem> {
        loop {
            self.gather()?;
            let is_full = self.lines.len() >= MOST_LINES || self.bytes >= MOST_BYTES;
            match self.state {
                _ if is_full && !self.lines.is_empty() => return Ok(()),
                State::Ended => return Ok(()),
                State::Broken => return Err(broken()),
                State::Idle if self.lines.is_empty() => return Err(Problem::idle()),
                State::Idle => return Ok(()),
                State::Open => {}
            }
            let patience = self.patience();
            if !self.read(patience).await? && !self.lines.is_empty() {
                return Ok(());
            }
        }
    }

    /// What was read.
    pub(super) fn take(&mut self) -> Vec<Line> {
        self.bytes = 0;
        std::mem::take(&mut self.lines)
    }

    /// Takes no more lines.
    pub(super) fn abandon(&mut self) {
        json::discard_behind(&self.app, std::mem::take(&mut self.body));
    }

    /// Whether the client has gone.
    pub(super) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Waits for more, and so long at most; `false` if nothing came.
    async fn read(&mut self, patience: Duration) -> Result<bool, Problem> {
        let timer = self.app.timer.sleep(patience);
        match select(self.body.frame(), timer).await {
            Either::Left((Some(Ok(frame)), _)) => {
                if let Ok(data) = frame.into_data() {
                    self.bytes = self.bytes.saturating_add(data.len());
                    self.records.push(data);
                }
                Ok(true)
            }
            Either::Left((Some(Err(_)), _)) => {
                self.state = State::Broken;
                Err(broken())
            }
            Either::Left((None, _)) => {
                self.state = State::Ended;
                self.records.end();
                Ok(true)
            }
            Either::Right(_) if self.lines.is_empty() => {
                self.state = State::Idle;
                Err(Problem::idle())
            }
            Either::Right(_) => Ok(false),
        }
    }

    fn patience(&self) -> Duration {
        if self.lines.is_empty() { self.app.config.request_timeout } else { PATIENCE }
    }

    /// Takes what has come apart.
    fn gather(&mut self) -> Result<()> {
        while self.lines.len() < MOST_LINES {
            let Some(record) = self.records.read()? else { break };
            let user = record.value.and_then(|value| imported_user(value, &self.app));
            self.lines.push(Line { number: record.line, user });
        }
        Ok(())
    }
}

fn broken() -> Problem {
    Error::Malformed("The body could not be read to its end.".to_owned()).into()
}
