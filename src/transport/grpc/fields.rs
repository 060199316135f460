//! The fields of a message: judged whole, so that the client learns at once of
//! everything that is wrong.

use crate::app::App;
use crate::domain::id::{SessionId, UserId};
use crate::domain::page::{self, Limit, PageRequest};
use crate::error::{Error, FieldError, Invalid, Result};
use crate::service::Precondition;

/// What is wrong with a message so far.
#[derive(Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// A text that must not be empty.
    pub fn required<T>(
        &mut self,
        name: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let parsed = match text {
            "" => Err(Invalid::new("required", "is required")),
            text => parse(text),
        };
        self.check(name, parsed)
    }

    /// A text that may be left out.
    pub fn optional<T>(
        &mut self,
        name: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.check(name, parse(text?))
    }

    /// A list of at most `max` texts. One that is wrong is told by its place, such
    /// as `roles.0`.
    pub fn list<T, C: FromIterator<T>>(
        &mut self,
        name: &str,
        texts: &[String],
        max: usize,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<C> {
        if texts.len() > max {
            let reason = Invalid::new("too_many", format!("must have at most {max} items"));
            return self.check(name, Err(reason));
        }
        let numbered = texts.iter().enumerate();
        let mut parse =
            |(place, text): (usize, &String)| self.check(&format!("{name}.{place}"), parse(text));
        // All of them are judged before the first wrong one counts.
        let parsed: Vec<_> = numbered.map(&mut parse).collect();
        parsed.into_iter().collect()
    }

    /// What a rule says of a field.
    pub fn check<T>(&mut self, name: &str, judged: Result<T, Invalid>) -> Option<T> {
        judged.map_err(|reason| self.0.push(reason.of(name))).ok()
    }

    /// Makes a value of what was judged, unless something was wrong.
    pub fn finish<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T> {
        match make() {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.0)),
        }
    }
}

/// The user that a message names. What is no id names nobody.
pub fn user_id(text: &str) -> Result<UserId> {
    UserId::parse(text).map_err(|_| Error::NotFound("user"))
}

/// The session that a message names. What is no id names none.
pub fn session_id(text: &str) -> Result<SessionId> {
    SessionId::parse(text).map_err(|_| Error::NotFound("session"))
}

/// Which version the caller means.
pub fn precondition(version: Option<i64>) -> Precondition {
    version.map_or(Precondition::None, |version| Precondition::Versions(vec![version]))
}

/// Which page of the list that REST has at `list` is asked for. A limit of 0 is
/// none, and so is an empty cursor.
pub fn page(app: &App, list: &str, limit: i32, cursor: &str) -> Result<PageRequest> {
    let mut fields = Fields::default();
    let secret = &app.config.secret_key;
    let text = Some(limit.to_string()).filter(|_| limit != 0);
    let limit = fields.optional("limit", text.as_deref(), Limit::parse);
    let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
    let after = fields.optional("cursor", cursor, |text| page::read_cursor(secret, list, text));
    fields.finish(|| Some(PageRequest { limit: limit.unwrap_or_default(), after }))
}
