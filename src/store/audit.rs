//! The audit trail: events and the chain over them.

use super::database::{Columns, DatabaseError, Row, Statement, Value};
use crate::domain::audit::{Entry, Filter, Place, Record, Seal, Term};
use crate::domain::id::EventId;
use crate::domain::page::PageRequest;
use crate::domain::time::Timestamp;

/// The columns of an event `e`, in the order in which [`from_columns`] reads them.
macro_rules! event_columns {
    () => {
        "e.id, e.kind, e.actor, e.subject, e.at, e.request_id, e.position, e.previous_hash, e.hash"
    };
}

/// A page of events, the newest first, and one more if there is one.
pub fn list(filter: &Filter, page: &PageRequest) -> Statement {
    let mut params: Vec<Value> = Vec::new();
    let mut conditions = Vec::new();
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            params.push(value);
            conditions.push(format!("{condition} ${}", params.len()));
        }
    };
    let text = |term: &Option<Term>| term.as_ref().map(|term| term.as_str().into());
    add("e.kind =", text(&filter.kind));
    add("e.actor =", text(&filter.actor));
    add("e.subject =", text(&filter.subject));
    // Ids begin with the time in milliseconds, and every index ends with the id.
    add("e.id >=", filter.since.map(|at| EventId::first_at(at).to_string().into()));
    add("e.at >=", filter.since.map(Value::from));
    let next_millisecond = |at: Timestamp| at.plus(std::time::Duration::from_millis(1));
    add(
        "e.id <",
        filter.until.map(|at| EventId::first_at(next_millisecond(at)).to_string().into()),
    );
    add("e.at <", filter.until.map(Value::from));
    add("e.id <", page.after.as_deref().map(Value::from));
    let condition = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    params.push(page.limit.get().saturating_add(1).into());
    let columns = event_columns!();
    let limit = params.len();
    let sql =
        format!("SELECT {columns} FROM events e{condition} ORDER BY e.id DESC LIMIT ${limit}");
    Statement::new(sql, params)
}

/// The end of the chain, and with it the oldest events that have no place in it.
pub fn unsealed(limit: u32) -> Statement {
    let sql = concat!(
        "SELECT c.position AS end_position, c.hash AS end_hash, next.* FROM event_chain c \
         LEFT JOIN (SELECT ",
        event_columns!(),
        " FROM events e WHERE e.position IS NULL ORDER BY e.id LIMIT $1) next ON 1 = 1 \
         WHERE c.name = 'head' ORDER BY next.id"
    );
    Statement::new(sql, vec![limit.into()])
}

/// The end of the chain, and with it the events at these positions, in order, also
/// if somebody has removed its end.
pub fn range(first: i64, last: i64) -> Statement {
    let sql = concat!(
        "SELECT c.position AS end_position, c.hash AS end_hash, ",
        event_columns!(),
        " FROM (SELECT 'head' AS name) h LEFT JOIN event_chain c ON c.name = h.name \
         LEFT JOIN events e ON e.position >= $1 AND e.position <= $2 ORDER BY e.position"
    );
    Statement::new(sql, vec![first.into(), last.into()])
}

/// Moves the end of the chain: of several that go on from the same one, one does.
pub fn advance(from: &Place, to: &Place) -> Statement {
    let sql = "UPDATE event_chain SET position = $1, hash = $2 \
               WHERE name = 'head' AND position = $3 AND hash = $4 RETURNING name";
    let params = vec![
        to.position.into(),
        to.hash.as_str().into(),
        from.position.into(),
        from.hash.as_str().into(),
    ];
    Statement::new(sql, params).expecting(1)
}

/// Gives events their places. Stands behind [`advance`].
pub fn seal(seals: &[(String, Seal)]) -> Statement {
    let mut params: Vec<Value> = Vec::new();
    let mut rows = Vec::with_capacity(seals.len());
    for (id, seal) in seals {
        let first = params.len();
        let place = |offset: usize| first.saturating_add(offset);
        rows.push(format!("(${}, ${}, ${}, ${})", place(1), place(2), place(3), place(4)));
        params.push(id.as_str().into());
        params.push(seal.position.into());
        params.push(seal.previous_hash.as_str().into());
        params.push(seal.hash.as_str().into());
    }
    let sql = format!(
        "UPDATE events SET position = v.column2, previous_hash = v.column3, hash = v.column4 \
         FROM (VALUES {}) AS v WHERE events.id = v.column1 AND events.position IS NULL \
         RETURNING events.id",
        rows.join(", ")
    );
    Statement::new(sql, params).expecting(seals.len())
}

/// Reads the rows of [`unsealed`] or [`range`].
pub fn from_rows(rows: Vec<Row>) -> Result<(Option<Place>, Vec<Entry>), DatabaseError> {
    let mut end = None;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let mut columns = row.read();
        let (position, hash) = (columns.optional_integer()?, columns.optional_text()?);
        end = position.zip(hash).map(|(position, hash)| Place { position, hash });
        if !columns.rest_is_null() {
            entries.push(from_columns(&mut columns)?);
        }
    }
    Ok((end, entries))
}

/// Reads a row of [`list`].
pub fn from_row(row: Row) -> Result<Entry, DatabaseError> {
    from_columns(&mut row.read())
}

fn from_columns(columns: &mut Columns) -> Result<Entry, DatabaseError> {
    let record = Record {
        id: columns.text()?,
        kind: columns.text()?,
        actor: columns.text()?,
        subject: columns.optional_text()?,
        at: Timestamp::from_micros(columns.integer()?),
        request_id: columns.text()?,
    };
    let (position, previous_hash, hash) =
        (columns.optional_integer()?, columns.optional_text()?, columns.optional_text()?);
    let seal = position.map(|position| Seal {
        position,
        previous_hash: previous_hash.unwrap_or_default(),
        hash: hash.unwrap_or_default(),
    });
    Ok(Entry { record, seal })
}
