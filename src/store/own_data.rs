//! What the service holds on one person, table by table.
//!
//! A table that belongs to a user, or to whoever has an address, has its place in [`TABLES`]; a test finds those
//! that have none. Secrets of the service are left out: hashes, seeds and what is
//! encrypted say nothing about the person.

use crate::domain::encoding::HEX;

use super::database::{Columns, DatabaseError, Row, Statement};
use crate::domain::id::UserId;
use crate::domain::own_data::{Datum, Record};
use crate::domain::time::Timestamp;

/// How many rows are read at once of a table that grows as long as somebody is there.
const PIECE: usize = 500;

/// What a table holds on one person.
#[derive(Debug)]
pub struct Table {
    /// Which one; also its name in the export.
    pub name: &'static str,
    columns: &'static [(&'static str, Kind)],
    owner: Owner,
}

/// Whose rows are whose: by a condition on `$1`, and `$2` where there are two keys.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// `$1` is a user's id.
    User(&'static str),
    /// The same, by any of these. There may be very many, so they are read in pieces: by
    /// the first column, which is the id and behind `$2`.
    UserInPieces(&'static [&'static str]),
    /// `$1` is the normalised address.
    Address(&'static str),
    /// `$1` and `$2` are what mails to the user and to the address are found by.
    Recipient(&'static str),
}

const OF_USER: Owner = Owner::User("user_id = $1");
const OF_ADDRESS: Owner = Owner::Address("email_normalized = $1");

/// By what the rows of a person are found.
pub struct Person<'a> {
    /// The user.
    pub user: UserId,
    /// The normalised address.
    pub address: &'a str,
    /// By what their mails are found: see [`super::mails::delete_to`].
    pub recipients: [[u8; 32]; 2],
}

/// How a column is told.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Time,
}

use Kind::{Number, Text, Time};

/// Every table but `users`, whose row is the profile, by their names.
pub const TABLES: &[Table] = &[
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
        owner: Owner::UserInPieces(&[
            "subject = $1 AND id > $2",
            "actor = 'user:' || $1 AND id > $2",
        ]),
    },
    Table {
        name: "invitations",
        columns: &[("email", Text), ("roles", Text), ("created_at", Time), ("expires_at", Time)],
        owner: OF_ADDRESS,
    },
    Table {
        name: "mails",
        columns: &[("kind", Text), ("created_at", Time), ("due_at", Time), ("sent_at", Time)],
        owner: Owner::Recipient("recipient IN ($1, $2)"),
    },
    Table {
        name: "one_time_tokens",
        columns: &[("purpose", Text), ("expires_at", Time)],
        owner: OF_USER,
    },
    Table { name: "recovery_codes", columns: &[("used_at", Time)], owner: OF_USER },
    Table {
        name: "registrations",
        columns: &[("email", Text), ("name", Text), ("created_at", Time), ("expires_at", Time)],
        owner: OF_ADDRESS,
    },
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
        owner: Owner::UserInPieces(&["user_id = $1 AND id > $2"]),
    },
    Table {
        name: "sign_in_challenges",
        columns: &[
            ("device", Text),
            ("methods", Text),
            ("attempts", Number),
            ("expires_at", Time),
            ("used_at", Time),
        ],
        owner: OF_USER,
    },
    Table {
        name: "sign_in_tokens",
        columns: &[("purpose", Text), ("tries", Number), ("expires_at", Time)],
        owner: OF_USER,
    },
    Table {
        name: "totp_factors",
        columns: &[("created_at", Time), ("confirmed_at", Time), ("attempts", Number)],
        owner: OF_USER,
    },
    Table { name: "user_roles", columns: &[("role", Text)], owner: OF_USER },
];

impl Table {
    /// What it holds on a person; of a table that is read in pieces, the piece behind an
    /// id.
    pub fn of(&self, person: &Person<'_>, behind: &str) -> Statement {
        let columns: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let (columns, name) = (columns.join(", "), self.name);
        let whole = |owner: &str, keys| {
            let sql = format!("SELECT {columns} FROM {name} WHERE {owner} ORDER BY 1");
            Statement::new(sql, keys)
        };
        let user = || person.user.to_string().into();
        match self.owner {
            Owner::User(owner) => whole(owner, vec![user()]),
            Owner::Address(owner) => whole(owner, vec![person.address.into()]),
            Owner::Recipient(owner) => {
                let keys = person.recipients.iter().map(|key| HEX.encode(key).into());
                whole(owner, keys.collect())
            }
            Owner::UserInPieces(owners) => {
                // Each by its own index, in order.
                let piece = |owner| {
                    format!(
                        "SELECT * FROM (SELECT {columns} FROM {name} \
                         WHERE {owner} ORDER BY id LIMIT {PIECE}) piece"
                    )
                };
                let pieces: Vec<_> = owners.iter().map(piece).collect();
                let sql = format!("{} ORDER BY 1 LIMIT {PIECE}", pieces.join(" UNION "));
                Statement::new(sql, vec![user(), behind.into()])
            }
        }
    }

    /// Behind which id the piece after this one begins; `None` if this was the last.
    pub fn next(&self, records: &[Record]) -> Option<String> {
        let is_piece = matches!(self.owner, Owner::UserInPieces(_)) && records.len() >= PIECE;
        match records.last()?.first()? {
            (_, Datum::Text(id)) if is_piece => Some(id.clone()),
            _ => None,
        }
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
