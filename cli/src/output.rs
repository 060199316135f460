//! What is printed on the standard output: tables for people, JSON for programs.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, TableStyle};
use rollcall_client::Pages;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Outcome;

/// The members that a reader looks for first.
const FIRST: [&str; 3] = ["id", "email", "name"];

/// A row of a table.
pub(crate) trait Row {
    /// What the columns are called.
    const COLUMNS: &'static [&'static str];

    /// What is in them.
    fn cells(&self) -> Vec<String>;
}

/// How a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// JSON, one value a line, instead of tables.
    pub(crate) json: bool,
}

impl Output {
    /// One thing: JSON as it is, or its members one below the other.
    pub(crate) fn one(self, value: &impl Serialize) -> Outcome {
        if self.json {
            return line(value);
        }
        let value = serde_json::to_value(value).map_err(io::Error::other)?;
        let mut members: Vec<_> = value.as_object().into_iter().flatten().collect();
        // What identifies it, then the rest by name.
        members.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(9));
        let rows = members.into_iter().map(|(name, value)| vec![name.clone(), plain(value)]);
        table(&[], rows.collect())
    }

    /// Several things: JSON, one a line, or a table.
    pub(crate) fn many<T: Row + Serialize>(self, items: &[T]) -> Outcome {
        if self.json {
            return items.iter().try_for_each(line);
        }
        table(T::COLUMNS, items.iter().map(Row::cells).collect())
    }

    /// A list, up to a limit; says on the standard error if there is more.
    pub(crate) async fn list<T>(self, pages: Pages<'_, T>, limit: Option<u32>) -> Outcome
    where
        T: Row + Serialize + DeserializeOwned,
    {
        let mut pages = pages.limit(limit.unwrap_or(u32::MAX));
        let mut left = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut rows: Vec<T> = Vec::new();
        let mut has_more = false;
        while let Some(mut items) = pages.next().await? {
            if let Some(left) = &mut left {
                has_more = items.len() > *left || (items.len() == *left && pages.has_next());
                items.truncate(*left);
                *left -= items.len();
            }
            if self.json {
                // A program gets them as they come.
                items.iter().try_for_each(line)?;
            } else {
                rows.append(&mut items);
            }
            if left == Some(0) {
                break;
            }
        }
        if !self.json {
            self.many(&rows)?;
        }
        if has_more {
            note("There are more: --all lists them, --limit N so many.");
        }
        Ok(())
    }

    /// A sentence for people; programs have the exit code.
    pub(crate) fn say(self, text: &str) -> Outcome {
        if !self.json {
            writeln!(io::stdout(), "{}", printable(text, false))?;
        }
        Ok(())
    }
}

/// A remark on the standard error.
pub(crate) fn note(text: &str) {
    // It is no reason to fail that nobody hears it.
    let _ = writeln!(io::stderr(), "{}", printable(text, true));
}

/// One line of JSON.
pub(crate) fn line(value: &impl Serialize) -> Outcome {
    let mut text = serde_json::to_vec(value).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(io::stdout().write_all(&text)?)
}

fn table(columns: &[&str], rows: Vec<Vec<String>>) -> Outcome {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    if !columns.is_empty() {
        table.set_header(columns);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell, false)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut stdout = io::stdout().lock();
    for line in table.lines() {
        writeln!(stdout, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A value as a cell.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "-".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_string) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// The text without what a terminal would obey: names and addresses are chosen by
/// strangers.
pub(crate) fn printable(text: &str, lines: bool) -> String {
    let keep = |c: char| !c.is_control() || (lines && c == '\n');
    text.chars().map(|c| if keep(c) { c } else { '\u{fffd}' }).collect()
}

/// A moment to the second: `2026-01-01 00:00:00`.
pub(crate) fn moment(text: &str) -> String {
    text.get(..19).unwrap_or(text).replace('T', " ")
}

/// The same for one that may not be.
pub(crate) fn moment_or(text: Option<&str>, otherwise: &str) -> String {
    text.map_or_else(|| otherwise.to_owned(), moment)
}
