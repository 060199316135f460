//! Many users at once: import and export, as streams.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStream, TryStreamExt};
use reqwest::{Body, Method, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::error::{Error, FieldError, Result};
use crate::model::Others;
use crate::pulse::Pulse;
use crate::users::{USERS, Users};

/// How many times longer than other answers an import may pause: it tells how far it is
/// once in a thousand lines, and hashes their passwords before it does.
const IMPORT_PAUSE: u32 = 5;

/// How users are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An object of JSON on each line.
    Ndjson,
    /// RFC 4180, whose first line names the columns.
    Csv,
}

impl Format {
    /// As a media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }
}

/// How an import is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// Only tells what would become of each line.
    pub dry_run: bool,
    /// Tells of the lines only that were not taken.
    pub only_failed: bool,
}

/// What an import tells: of a line, how far it is, or at last how it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportReport {
    /// Which line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// `created`, `updated`, `unchanged` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ImportError>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ImportCounts>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<ImportSummary>,
    /// See [`Others`].
    #[serde(flatten)]
    pub others: Others,
}

/// Why a line was not taken, or an import ended early.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportError {
    /// As in problems.
    pub code: String,
    /// For people.
    pub detail: String,
    /// Every field that was not acceptable.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// How many lines became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Lines that were read, but for empty ones.
    pub lines: u64,
    /// New users.
    pub created: u64,
    /// Users who were changed.
    pub updated: u64,
    /// Users who were so already.
    pub unchanged: u64,
    /// Lines that were not taken.
    pub failed: u64,
}

/// How an import ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportSummary {
    /// In all.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether every line was read.
    pub complete: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ImportError>,
}

/// What an import tells, line by line.
pub struct ImportReports {
    response: Response,
    read: BytesMut,
    pulse: Pulse,
}

impl Users<'_> {
    /// Imports users as they arrive. What is told must be read, or the import stops;
    /// whoever drops it ends the import.
    ///
    /// # Errors
    ///
    /// As every call. Lines that were not taken are no error.
    pub async fn import<S>(
        self,
        format: Format,
        options: ImportOptions,
        users: S,
    ) -> Result<ImportReports>
    where
        S: TryStream + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Bytes: From<S::Ok>,
    {
        let path: Vec<_> = USERS.into_iter().chain(["import"]).collect();
        // Who is refused in the middle of sending may not hear why: the connection ends.
        // So an empty import asks first.
        let first = self.0.call(Method::POST, &path).query("dry_run", Some("true"));
        first.content_type(Format::Ndjson.media_type()).complete().await?;
        let call = self.0.call(Method::POST, &path).content_type(format.media_type());
        let pulse = Pulse::new(self.0.shared.limit.saturating_mul(IMPORT_PAUSE));
        let sent = pulse.clone();
        let users = users.into_stream().inspect(move |_| sent.beat());
        let response = call
            .query("dry_run", options.dry_run.then_some("true"))
            .query("report", options.only_failed.then_some("failed"))
            .send_stream(Body::wrap_stream(users), &pulse)
            .await?;
        Ok(ImportReports { response, read: BytesMut::new(), pulse })
    }

    /// Exports users, whole: a stream that breaks off ends with an error.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn export(
        self,
        format: Format,
        filter: Option<&str>,
    ) -> Result<impl Stream<Item = Result<Bytes>>> {
        let path: Vec<_> = USERS.into_iter().chain(["export"]).collect();
        let call = self.0.call(Method::GET, &path).query("filter", filter);
        let response = call.accept(format.media_type()).stream().send().await?;
        require(&response, format)?;
        let state = (response, self.0.shared.limit);
        Ok(futures_util::stream::try_unfold(state, async |(mut response, limit)| {
            let next = timeout(limit, response.chunk()).await;
            let next = next.map_err(|_| Error::Silent(limit))??;
            Ok(next.map(|chunk| (chunk, (response, limit))))
        }))
    }
}

impl ImportReports {
    /// What is told next; none behind the last.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::Unexpected`] for what is no report.
    pub async fn next(&mut self) -> Result<Option<ImportReport>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                let status = self.response.status().as_u16();
                let report = serde_json::from_slice(&line);
                return report
                    .map(Some)
                    .map_err(|error| Error::Unexpected { status, reason: error.to_string() });
            }
            match self.pulse.watch(self.response.chunk()).await?? {
                Some(chunk) => self.read.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Refuses what something else than the service answers with: it would be taken for users.
fn require(response: &Response, format: Format) -> Result<()> {
    let status = response.status();
    let found = response.headers().get(header::CONTENT_TYPE);
    let found = found.and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let media_type = found.split(';').next().unwrap_or_default().trim();
    if status == StatusCode::OK && media_type.eq_ignore_ascii_case(format.media_type()) {
        return Ok(());
    }
    let reason = format!("it is {found}, not {}", format.media_type());
    Err(Error::Unexpected { status: status.as_u16(), reason })
}
