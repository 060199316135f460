//! What an import tells: a line of JSON for each line, how far it is now and then, and
//! a summary.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Invalid};
use crate::service::imports::Outcome;
use crate::transport::http::problem::Problem;
use crate::transport::http::view::FieldErrorView;

/// After how many lines it tells how far it is.
const PROGRESS_LINES: u64 = 1_000;

/// Of which lines it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Of each.
    All,
    /// Of those that were not taken.
    Failed,
}

impl Told {
    /// Their names.
    pub const NAMES: &[&str] = &["all", "failed"];

    /// Reads its name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "all" => Ok(Self::All),
            "failed" => Ok(Self::Failed),
            _ => Err(Invalid::new("invalid_report", "must be all or failed")),
        }
    }
}

/// A line of the answer: of a line, how far it is, or the summary, which is the last.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct ReportLine {
    /// Which line, counted from 1.
    #[schema(nullable = false, example = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// What became of it: `created`, `updated`, `unchanged` or `failed`.
    #[schema(nullable = false, example = "created")]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// The user; none in a dry run that would create one.
    #[schema(nullable = false, format = "uuid")]
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Why it failed.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
    /// How far it is.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<CountsView>,
    /// How it ended.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<SummaryView>,
}

/// Why a line was not taken, or an import ended early: members of a problem.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportError)]
pub struct ErrorView {
    /// For programs, as in problems.
    #[schema(example = "email_taken")]
    code: &'static str,
    /// For people.
    detail: String,
    /// Every field that was not acceptable.
    errors: Vec<FieldErrorView>,
}

/// How many lines became what.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
#[schema(as = ImportCounts)]
pub struct CountsView {
    /// Lines that were read, but for empty ones.
    #[schema(example = 1000)]
    lines: u64,
    #[schema(example = 900)]
    created: u64,
    #[schema(example = 50)]
    updated: u64,
    #[schema(example = 49)]
    unchanged: u64,
    #[schema(example = 1)]
    failed: u64,
}

/// How an import ended.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportSummary)]
pub struct SummaryView {
    #[serde(flatten)]
    counts: CountsView,
    /// Whether nothing was written.
    dry_run: bool,
    /// Whether every line was read. If not, import the same again: what is there already
    /// stays as it is.
    complete: bool,
    /// Why not.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
}

impl From<Problem> for ErrorView {
    fn from(problem: Problem) -> Self {
        let Problem { code, detail, errors, .. } = problem;
        Self { code, detail, errors: errors.into_iter().map(FieldErrorView::from).collect() }
    }
}

/// Tells as an import goes on.
#[derive(Default)]
pub(super) struct Report {
    counts: CountsView,
    text: String,
}

impl Report {
    /// Tells of lines, in order.
    pub(super) fn tell(
        &mut self,
        taken: impl Iterator<Item = (u64, Outcome)>,
        refused: Vec<(u64, Error)>,
        told: Told,
        dry_run: bool,
    ) {
        let refused = refused.into_iter().map(|(line, error)| (line, Outcome::Failed(error)));
        let mut lines: Vec<_> = taken.chain(refused).collect();
        lines.sort_by_key(|(line, _)| *line);
        for (line, outcome) in lines {
            let line = self.line(line, outcome, dry_run);
            if told == Told::All || line.error.is_some() {
                self.write(&line);
            }
            if self.counts.lines.is_multiple_of(PROGRESS_LINES) {
                self.write(&ReportLine { progress: Some(self.counts), ..ReportLine::default() });
            }
        }
    }

    /// Tells that it is over, and why it did not go on to the end.
    pub(super) fn end(&mut self, dry_run: bool, error: Option<Problem>) {
        let complete = error.is_none();
        let error = error.map(ErrorView::from);
        let summary = SummaryView { counts: self.counts, dry_run, complete, error };
        self.write(&ReportLine { summary: Some(summary), ..ReportLine::default() });
    }

    /// What is to be sent.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn line(&mut self, line: u64, outcome: Outcome, dry_run: bool) -> ReportLine {
        let (status, count, id, error) = match outcome {
            Outcome::Created(id) => {
                ("created", &mut self.counts.created, Some(id).filter(|_| !dry_run), None)
            }
            Outcome::Updated(id) => ("updated", &mut self.counts.updated, Some(id), None),
            Outcome::Unchanged(id) => ("unchanged", &mut self.counts.unchanged, Some(id), None),
            Outcome::Failed(error) => (
                "failed",
                &mut self.counts.failed,
                None,
                Some(ErrorView::from(Problem::from(error))),
            ),
        };
        *count = count.saturating_add(1);
        self.counts.lines = self.counts.lines.saturating_add(1);
        let id = id.map(|id| id.to_string());
        ReportLine { line: Some(line), status: Some(status), id, error, ..ReportLine::default() }
    }

    fn write(&mut self, line: &ReportLine) {
        // What could fail are keys that are no texts; ours are.
        self.text += &serde_json::to_string(line).unwrap_or_default();
        self.text.push('\n');
    }
}
