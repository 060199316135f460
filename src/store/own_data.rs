//! What the service holds on one person, table by table.
//!
//! A table that belongs to a user has its place in [`TABLES`]; a test finds those
//! that have none. Secrets of the service are left out: hashes, seeds and what is
//! encrypted say nothing about the person.

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::id::UserId;
use crate::domain::own_data::{Datum, Record};
use crate::domain::time::Timestamp;

/// What a table holds on one person.
pub struct Table {
    /// Which one; also its name in the export.
    pub name: &'static str,
    columns: &'static [(&'static str, Kind)],
    /// Whose rows they are: of the user `$1`.
    owner: &'static str,
}

/// How a column is told.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Time,
}

use Kind::{Number, Text, Time};

/// Every table but `users`, whose row is the profile.
pub const TABLES: &[Table] = &[
    Table { name: "user_roles", columns: &[("role", Text)], owner: "user_id = $1" },
    Table {
        name: "sessions",
        columns: &[
            ("id", Text),
            ("device", Text),
            ("address", Text),
            ("methods", Text),
            ("created_at", Time),
            ("authenticated_at", Time),
            ("last_used_at", Time),
            ("expires_at", Time),
            ("ended_at", Time),
        ],
        owner: "user_id = $1",
    },
    Table {
        name: "totp_factors",
        columns: &[("created_at", Time), ("confirmed_at", Time), ("attempts", Number)],
        owner: "user_id = $1",
    },
    Table {
        name: "one_time_tokens",
        columns: &[("purpose", Text), ("expires_at", Time)],
        owner: "user_id = $1",
    },
    Table { name: "recovery_codes", columns: &[("used_at", Time)], owner: "user_id = $1" },
    Table {
        name: "sign_in_challenges",
        columns: &[
            ("device", Text),
            ("methods", Text),
            ("attempts", Number),
            ("expires_at", Time),
            ("used_at", Time),
        ],
        owner: "user_id = $1",
    },
    Table {
        name: "events",
        columns: &[
            ("id", Text),
            ("kind", Text),
            ("actor", Text),
            ("subject", Text),
            ("at", Time),
            ("request_id", Text),
        ],
        owner: "subject = $1 OR actor = 'user:' || $1",
    },
];

impl Table {
    /// What it holds on a user.
    pub fn of(&self, user: UserId) -> Statement {
        let columns: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY 1",
            columns.join(", "),
            self.name,
            self.owner
        );
        Statement::new(sql, vec![user.to_string().into()])
    }

    /// Reads a row of [`Table::of`].
    pub fn from_row(&self, row: Row) -> Result<Record, DatabaseError> {
        let mut columns = row.read();
        let read = |(name, kind): &(&'static str, Kind)| Ok((*name, kind.read(&mut columns)?));
        self.columns.iter().map(read).collect()
    }
}

impl Kind {
    fn read(self, columns: &mut Columns) -> Result<Datum, DatabaseError> {
        let datum = match self {
            Text => columns.optional_text()?.map(Datum::Text),
            Number => columns.optional_integer()?.map(Datum::Number),
            Time => columns.optional_integer()?.map(|at| Datum::Time(Timestamp::from_micros(at))),
        };
        Ok(datum.unwrap_or(Datum::Nothing))
    }
}
