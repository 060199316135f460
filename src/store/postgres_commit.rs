//! What a commit is on Postgres, and what its errors mean; without a host, so
//! that it is tested natively too.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::database::{DatabaseError, Statement, Value};

/// The same SQL in the words of Postgres: rows that come as one JSON array are
/// `json_each(…)` on SQLite, and the order of bytes is `COLLATE BINARY`.
pub fn in_postgres(sql: &str) -> Cow<'_, str> {
    if sql.contains(" COLLATE BINARY") {
        let sql = sql.replace(" COLLATE BINARY", " COLLATE \"C\"");
        return Cow::Owned(with_json_rows(&sql).into_owned());
    }
    with_json_rows(sql)
}

fn with_json_rows(sql: &str) -> Cow<'_, str> {
    let mut parts = sql.split("json_each(");
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once(')'));
    let rest: String = rest
        .map(|(array, rest)| {
            format!("json_array_elements(CAST(CAST({array} AS TEXT) AS JSON)){rest}")
        })
        .collect();
    if rest.is_empty() { Cow::Borrowed(sql) } else { Cow::Owned(format!("{first}{rest}")) }
}

/// Changes as one statement. Those of several users at once wait for each other before
/// they begin: in whatever order they name the users, none has what another one waits
/// for.
pub fn commit(statements: &[Statement]) -> Statement {
    let sql = if changes_several_users(statements) {
        "SELECT rollcall_commit_v1($1) FROM pg_advisory_xact_lock(7237124)"
    } else {
        "SELECT rollcall_commit_v1($1)"
    };
    let changes: Json = statements.iter().map(change).collect();
    Statement::new(sql, vec![changes.to_string().into()])
}

fn changes_several_users(statements: &[Statement]) -> bool {
    let mut touched = statements.iter().flat_map(|statement| &statement.touches);
    let first = touched.next();
    let makes = |statement: &&Statement| statement.sql.starts_with("INSERT INTO users ");
    let made = statements.iter().filter(makes);
    let makes_many = |statement: &Statement| statement.sql.contains("json_each(");
    touched.any(|touch| Some(touch) != first) || made.clone().any(makes_many) || made.count() > 1
}

/// A statement as `rollcall_commit_v1` takes it: parameters are texts in one JSON
/// array, and the statement casts each back to its type.
fn change(statement: &Statement) -> Json {
    let params = statement.params.iter().map(|param| match param {
        Value::Null => Json::Null,
        Value::Integer(integer) => Json::String(integer.to_string()),
        Value::Text(text) => Json::String(text.clone()),
    });
    let mut sql = with_json_params(&in_postgres(&statement.sql), &statement.params);
    if statement.holds {
        sql.push_str(" FOR SHARE");
    }
    json!({
        "sql": sql,
        "params": params.collect::<Vec<_>>(),
        "rows": statement.rows,
    })
}

/// Writes `$n` as a look-up in the array of parameters.
fn with_json_params(sql: &str, params: &[Value]) -> String {
    let mut parts = sql.split('$');
    let mut rewritten = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at_checked(digits).unwrap_or_default();
        let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| params.get(index).map(|param| (index, param))) {
            // Untyped, so that it fits a column of any type.
            Some((_, Value::Null)) => rewritten.push_str("NULL"),
            Some((index, Value::Integer(_))) => {
                rewritten.push_str(&format!("CAST($1 ->> {index} AS BIGINT)"));
            }
            Some((index, Value::Text(_))) => rewritten.push_str(&format!("($1 ->> {index})")),
            None => {
                rewritten.push('$');
                rewritten.push_str(number);
            }
        }
        rewritten.push_str(rest);
    }
    rewritten
}

/// What an SQLSTATE means to us.
pub fn meaning(code: &str, message: &str, constraint: Option<&str>) -> DatabaseError {
    let text = || format!("{code}: {message}");
    match (code, code.get(..2).unwrap_or_default()) {
        ("RC001", _) => {
            let statement = message.rsplit(' ').next().and_then(|number| number.parse().ok());
            DatabaseError::Guard { statement: statement.unwrap_or_default() }
        }
        ("23505", _) => {
            DatabaseError::Unique { constraint: constraint.unwrap_or_default().to_owned() }
        }
        ("23503", _) => DatabaseError::ForeignKey,
        // Serialization, deadlock.
        ("40001" | "40P01", _) => DatabaseError::Collision(text()),
        // Lock and statement time-outs.
        ("55P03" | "57014", _) => DatabaseError::Busy(text()),
        // Connections, resources, the operator's intervention, the system, read-only.
        ("25006", _) | (_, "08" | "53" | "57" | "58") => DatabaseError::Unavailable(text()),
        _ => DatabaseError::Other(text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_finds_its_parameters_in_one_array() {
        let params = vec![1_i64.into(), "x".into(), Value::Null];
        let sql = "UPDATE t SET a = $1, b = $2, c = $3, d = $1 WHERE id = $2";
        let change = change(&Statement::new(sql, params).expecting(1));
        let expected = json!({
            "sql": "UPDATE t SET a = CAST($1 ->> 0 AS BIGINT), b = ($1 ->> 1), c = NULL, \
                    d = CAST($1 ->> 0 AS BIGINT) WHERE id = ($1 ->> 1)",
            "params": ["1", "x", null],
            "rows": 1,
        });
        assert_eq!(change, expected);
    }

    #[test]
    fn rows_of_json_have_another_name() {
        let sql =
            "SELECT value ->> 'a' FROM json_each($1) WHERE x IN (SELECT 1 FROM json_each($2) k)";
        let rows = |array| format!("json_array_elements(CAST(CAST({array} AS TEXT) AS JSON))");
        let (one, two) = (rows("$1"), rows("$2"));
        let expected =
            format!("SELECT value ->> 'a' FROM {one} WHERE x IN (SELECT 1 FROM {two} k)");
        assert_eq!(in_postgres(sql), expected);
        assert_eq!(in_postgres("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn the_order_of_bytes_has_another_name() {
        let sql = "SELECT a FROM b WHERE a COLLATE BINARY > $1 ORDER BY a COLLATE BINARY";
        let expected = r#"SELECT a FROM b WHERE a COLLATE "C" > $1 ORDER BY a COLLATE "C""#;
        assert_eq!(in_postgres(sql), expected);
    }

    #[test]
    fn what_postgres_says_is_understood() {
        let collision = DatabaseError::Collision("40P01: deadlock detected".to_owned());
        for (code, message, expected) in [
            ("RC001", "guard 3", DatabaseError::Guard { statement: 3 }),
            (
                "23505",
                "duplicate",
                DatabaseError::Unique { constraint: "users_email_key".to_owned() },
            ),
            ("23503", "fk", DatabaseError::ForeignKey),
            ("40P01", "deadlock detected", collision),
            ("55P03", "lock", DatabaseError::Busy("55P03: lock".to_owned())),
            ("57P01", "shutdown", DatabaseError::Unavailable("57P01: shutdown".to_owned())),
            ("53100", "disk full", DatabaseError::Unavailable("53100: disk full".to_owned())),
            ("42601", "syntax", DatabaseError::Other("42601: syntax".to_owned())),
        ] {
            assert_eq!(meaning(code, message, Some("users_email_key")), expected);
        }
    }
}
