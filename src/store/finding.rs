//! Walks along the indices of users.

use super::database::{DatabaseError, Row, Statement, Value};
use super::users::{self, entry_columns};
use crate::domain::finding::{
    Condition, Field, Filter, Key, LOOKED_AT, Operand, Source, Test, Walk,
};
use crate::domain::user::DirectoryEntry;

/// How the rows of [`page`] are sorted: by these columns of its result.
pub fn order(walk: &Walk) -> &'static str {
    match (walk.has_value(), walk.sort.descending) {
        (false, false) => " ORDER BY target.id",
        (false, true) => " ORDER BY target.id DESC",
        (true, false) => " ORDER BY target.place, target.id",
        (true, true) => " ORDER BY target.place DESC, target.id DESC",
    }
}

/// The users of a walk behind one place and up to another one, at most so many.
pub fn page(walk: &Walk, after: Option<&Key>, edge: Option<&Key>, limit: u32) -> Statement {
    let mut sql = Builder::default();
    let place = column(walk.sort.field);
    let columns = match walk.has_value() {
        true => format!("{}, {place} AS place", entry_columns!()),
        false => entry_columns!().to_owned(),
    };
    sql.walk(&columns, walk, after);
    if let Some(edge) = edge {
        sql.bound(walk, edge, if walk.sort.descending { ">=" } else { "<=" });
    }
    for filter in &walk.rest {
        let condition = sql.filter(filter);
        sql.and(&condition);
    }
    sql.ordered(walk);
    let limit = sql.param(Value::from(limit));
    sql.text.push_str(&format!(" LIMIT {limit}"));
    Statement::new(sql.text, sql.params)
}

/// The place behind one place at which a walk stops for now, if it gets that far.
pub fn edge(walk: &Walk, after: Option<&Key>) -> Statement {
    let mut sql = Builder::default();
    let columns = match walk.has_value() {
        true => format!("{}, {} AS place", id(walk), column(walk.sort.field)),
        false => id(walk).to_owned(),
    };
    sql.walk(&columns, walk, after);
    sql.ordered(walk);
    sql.text.push_str(&format!(" LIMIT 1 OFFSET {}", LOOKED_AT.saturating_sub(1)));
    Statement::new(sql.text, sql.params)
}

/// Reads a row of [`page`]: a user, and its place.
pub fn from_row(row: Row, walk: &Walk) -> Result<(DirectoryEntry, Key), DatabaseError> {
    let mut columns = row.read();
    let entry = users::entry_from_columns(&mut columns)?;
    let id = entry.user.id.to_string();
    let value = place(columns.rest(), walk)?;
    Ok((entry, Key { id, value }))
}

/// Reads the row of [`edge`].
pub fn edge_from_row(row: Row, walk: &Walk) -> Result<Key, DatabaseError> {
    let mut columns = row.read();
    let id = columns.text()?;
    Ok(Key { id, value: place(columns.rest(), walk)? })
}

fn place(row: Row, walk: &Walk) -> Result<Option<Operand>, DatabaseError> {
    let mut columns = row.read();
    Ok(match walk.sort.field {
        Field::Id => None,
        field if field.is_time() => Some(Operand::Number(columns.integer()?)),
        _ => Some(Operand::Text(columns.text()?)),
    })
}

/// The column of a user `u` that is compared and sorted by.
const fn column(field: Field) -> &'static str {
    match field {
        Field::Id => "u.id",
        Field::Email => "u.email_normalized",
        Field::Name => "u.name_normalized",
        Field::ExternalId => "u.external_id",
        Field::CreatedAt => "u.created_at",
        Field::UpdatedAt => "u.updated_at",
        Field::EmailVerifiedAt => "u.email_verified_at",
        Field::SuspendedAt => "u.suspended_at",
        Field::Role => "ur.role",
    }
}

/// The same value, of which no planner knows that an index has it: a condition that
/// remains is asked of those whom a walk meets, and never leads along another index,
/// whose users would all have to be sorted.
fn veiled(field: Field) -> String {
    let column = column(field);
    match field {
        Field::Role => column.to_owned(),
        field if field.is_time() => format!("({column} + 0)"),
        _ => format!("({column} || '')"),
    }
}

/// The id, in the table that is walked along.
const fn id(walk: &Walk) -> &'static str {
    match walk.source {
        Source::Role(_) => "walked.user_id",
        Source::All | Source::One(_) => "u.id",
    }
}

/// A statement in the making; placeholders ascend as they are written.
#[derive(Default)]
struct Builder {
    text: String,
    params: Vec<Value>,
    has_condition: bool,
}

impl Builder {
    fn param(&mut self, value: impl Into<Value>) -> String {
        self.params.push(value.into());
        format!("${}", self.params.len())
    }

    fn operand(&mut self, operand: &Operand) -> String {
        match operand {
            Operand::Text(text) => self.param(text.as_str()),
            Operand::Number(number) => self.param(*number),
        }
    }

    fn and(&mut self, condition: &str) {
        self.text.push_str(if self.has_condition { " AND " } else { " WHERE " });
        self.has_condition = true;
        self.text.push_str(condition);
    }

    /// The columns of the users that a walk meets behind a place.
    fn walk(&mut self, columns: &str, walk: &Walk, after: Option<&Key>) {
        self.text = format!("SELECT {columns} FROM ");
        match &walk.source {
            Source::All => self.text.push_str("users u"),
            Source::One(condition) => {
                self.text.push_str("users u");
                let condition = self.test(column(condition.field), &condition.test);
                self.and(&condition);
            }
            Source::Role(role) => {
                self.text.push_str("user_roles walked JOIN users u ON u.id = walked.user_id");
                let role = self.param(role.as_str());
                self.and(&format!("walked.role = {role}"));
            }
        }
        let column = if walk.has_value() { column(walk.sort.field) } else { id(walk) };
        for test in &walk.bounds {
            let bound = self.test(column, test);
            self.and(&bound);
        }
        if let Some(after) = after {
            self.bound(walk, after, if walk.sort.descending { "<" } else { ">" });
        }
    }

    fn bound(&mut self, walk: &Walk, key: &Key, operator: &str) {
        let condition = match &key.value {
            None => format!("{} {operator} {}", id(walk), self.param(key.id.as_str())),
            Some(value) => {
                let column = column(walk.sort.field);
                let value = self.operand(value);
                if walk.sort.field.is_unique() {
                    format!("{column} {operator} {value}")
                } else {
                    let key_id = self.param(key.id.as_str());
                    format!("({column}, {}) {operator} ({value}, {key_id})", id(walk))
                }
            }
        };
        self.and(&condition);
    }

    fn ordered(&mut self, walk: &Walk) {
        let direction = if walk.sort.descending { " DESC" } else { "" };
        self.text.push_str(" ORDER BY ");
        let (field, id) = (walk.sort.field, id(walk));
        let columns = match (walk.has_value(), field.is_unique()) {
            (false, _) => format!("{id}{direction}"),
            (true, true) => format!("{}{direction}", column(field)),
            (true, false) => format!("{}{direction}, {id}{direction}", column(field)),
        };
        self.text.push_str(&columns);
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::All(filters) => self.joined(filters, " AND "),
            Filter::Any(filters) => self.joined(filters, " OR "),
            Filter::Not(filter) => format!("NOT ({})", self.filter(filter)),
            Filter::Is(condition) => self.condition(condition),
        }
    }

    fn joined(&mut self, filters: &[Filter], word: &str) -> String {
        let parts: Vec<_> = filters.iter().map(|filter| self.filter(filter)).collect();
        format!("({})", parts.join(word))
    }

    /// What is never NULL, so that its opposite is what it is not.
    fn condition(&mut self, condition: &Condition) -> String {
        let Condition { field, test } = condition;
        let column = veiled(*field);
        let holds = self.test(&column, test);
        match field {
            Field::Role => {
                let id = veiled(Field::Id);
                format!("EXISTS (SELECT 1 FROM user_roles ur WHERE ur.user_id = {id} AND {holds})")
            }
            field if field.is_optional() && *test != Test::Present => {
                format!("({column} IS NOT NULL AND {holds})")
            }
            _ => holds,
        }
    }

    fn test(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::Present => format!("{column} IS NOT NULL"),
            Test::Equals(operand) => format!("{column} = {}", self.operand(operand)),
            Test::Less(operand) => format!("{column} < {}", self.operand(operand)),
            Test::AtMost(operand) => format!("{column} <= {}", self.operand(operand)),
            Test::More(operand) => format!("{column} > {}", self.operand(operand)),
            Test::AtLeast(operand) => format!("{column} >= {}", self.operand(operand)),
            Test::Starts(part) => {
                let first = self.param(part.as_str());
                match behind(part) {
                    Some(end) => {
                        let end = self.param(end);
                        format!("({column} >= {first} AND {column} < {end})")
                    }
                    None => format!("{column} >= {first}"),
                }
            }
            Test::Ends(part) => {
                let length = part.chars().count();
                let part = self.param(part.as_str());
                // From 1 on: what stands before means another thing to each database.
                format!(
                    "(length({column}) >= {length} \
                     AND substr({column}, length({column}) - {length} + 1) = {part})"
                )
            }
            Test::Contains(part) => {
                // The one function that both databases have which tells it.
                format!("replace({column}, {}, '') <> {column}", self.param(part.as_str()))
            }
        }
    }
}

/// The first text behind all those that start with this, if there is one.
fn behind(part: &str) -> Option<String> {
    let mut chars: Vec<_> = part.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last).saturating_add(1)),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_beginning_nothing_starts_with_it() {
        for (part, expected) in [
            ("ada", Some("adb")),
            ("é", Some("ê")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(behind(part).as_deref(), expected);
        }
    }
}
