//! Finding users: which ones, in which order, and by which index.
//!
//! Every query is a walk along one index, so that its cost is bounded by what it
//! looks at and not by how many users there are: see [`Walk`].

mod filter;
mod parse;

pub use filter::{Condition, Field, Filter, Operand, Test};
pub use parse::{MAX_BYTES, MAX_CONDITIONS, MAX_DEPTH};

use super::id::UserId;
use crate::error::Invalid;

/// How many users a page looks at where conditions remain that no index answers.
pub const LOOKED_AT: u32 = 10_000;

/// Which users, in which order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserQuery {
    /// What must hold, all of it.
    pub conditions: Vec<Filter>,
    /// In which order, if somebody said so.
    pub sort: Option<Sort>,
}

/// An order of users; those that are equal in it are ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub field: Field,
    /// Whether the last one comes first.
    pub descending: bool,
}

/// How a query is answered: by walking along an index from where the last page
/// ended, over the users within `bounds`, and keeping those of whom `rest` holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// Which users can be met at all.
    pub source: Source,
    /// The order, and with it the index.
    pub sort: Sort,
    /// What holds of the field that is sorted by: where the walk begins and ends.
    pub bounds: Vec<Test>,
    /// What else must hold.
    pub rest: Vec<Filter>,
}

/// Which users a walk can meet.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// All of them.
    All,
    /// The one with a unique value, if there is one.
    One(Condition),
    /// Those with a role, by id.
    Role(String),
}

/// A place in an order: the value of the field that is sorted by, and the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Whose place it is.
    pub id: String,
    /// The value; `None` where the id alone is the order.
    pub value: Option<Operand>,
}

impl Sort {
    /// The order in which users were created, which is the default.
    pub const ID: Self = Self { field: Field::Id, descending: false };

    /// Reads a field, with a minus before it for the reverse order.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        match Field::parse(name).filter(|field| field.is_sortable()) {
            Some(field) => Ok(Self { field, descending }),
            None => Err(Invalid::new(
                "invalid_sort",
                "must be id, created_at, updated_at, email, name, external_id or suspended_at, \
                 with a minus before it for the reverse order",
            )),
        }
    }
}

impl UserQuery {
    /// The same, of users up to this one.
    pub fn up_to(mut self, last: &UserId) -> Self {
        let test = Test::AtMost(Operand::Text(last.to_string()));
        self.conditions.push(Filter::Is(Condition { field: Field::Id, test }));
        self
    }

    /// The walk that answers it.
    pub fn walk(&self) -> Result<Walk, Invalid> {
        let mut rest = Vec::new();
        self.conditions.iter().for_each(|filter| flatten(filter.clone(), &mut rest));
        if let Some(one) = take(&mut rest, Condition::is_of_one) {
            // One needs no order, least of all by what they may not have.
            let source = Source::One(one);
            return Ok(Walk { source, sort: Sort::ID, bounds: Vec::new(), rest });
        }
        let sort = self.sort.unwrap_or_else(|| narrowed(&rest));
        let role = match sort.field {
            Field::Id => take(&mut rest, |condition| condition.field == Field::Role),
            _ => None,
        };
        let mut bounds = Vec::new();
        while let Some(bound) = take(&mut rest, |c| c.field == sort.field && c.test.is_range()) {
            bounds.push(bound.test);
        }
        if sort.field.is_optional() && bounds.is_empty() {
            let name = sort.field.name();
            let message = format!("needs a filter that names {name} too, such as {name} pr");
            return Err(Invalid::new("not_everybody_has_it", message));
        }
        let source = match role.map(|role| role.test) {
            Some(Test::Equals(Operand::Text(role))) => Source::Role(role),
            _ => Source::All,
        };
        Ok(Walk { source, sort, bounds, rest })
    }
}

impl Walk {
    /// Whether it may meet users that are not meant, so that it must stop somewhere.
    pub fn needs_edge(&self) -> bool {
        !self.rest.is_empty() && !matches!(self.source, Source::One(_))
    }

    /// Whether places in its order have a value besides the id.
    pub fn has_value(&self) -> bool {
        self.sort.field != Field::Id
    }
}

impl Key {
    /// As it stands in a cursor.
    pub fn to_text(&self) -> String {
        match &self.value {
            None => self.id.clone(),
            Some(Operand::Text(text)) => format!("{} {text}", self.id),
            Some(Operand::Number(number)) => format!("{} {number}", self.id),
        }
    }

    /// From what [`Key::to_text`] wrote in the same order.
    pub fn parse(text: &str, sort: Sort) -> Option<Self> {
        let (id, value) = match text.split_once(' ') {
            Some((id, value)) => (id, Some(value)),
            None => (text, None),
        };
        let value = match (sort.field, value) {
            (Field::Id, None) => None,
            (field, Some(value)) if field.is_time() => Some(Operand::Number(value.parse().ok()?)),
            (Field::Email | Field::Name | Field::ExternalId, Some(value)) => {
                Some(Operand::Text(value.to_owned()))
            }
            _ => return None,
        };
        Some(Self { id: UserId::parse(id).ok()?.to_string(), value })
    }
}

/// What must hold together, one by one.
fn flatten(filter: Filter, all: &mut Vec<Filter>) {
    match filter {
        Filter::All(filters) => filters.into_iter().for_each(|filter| flatten(filter, all)),
        other => all.push(other),
    }
}

/// Takes the first condition of a kind out of what must hold.
fn take(all: &mut Vec<Filter>, is_meant: impl Fn(&Condition) -> bool) -> Option<Condition> {
    let place = all.iter().position(|filter| matches!(filter, Filter::Is(c) if is_meant(c)))?;
    match all.remove(place) {
        Filter::Is(condition) => Some(condition),
        _ => None,
    }
}

/// The order along which the conditions narrow the walk most, by experience.
fn narrowed(all: &[Filter]) -> Sort {
    let narrows = |field: &Field| {
        let is_range = |filter: &Filter| matches!(filter, Filter::Is(c) if c.field == *field && c.test.is_range());
        all.iter().any(is_range)
    };
    let has_role = all.iter().any(|f| matches!(f, Filter::Is(c) if c.field == Field::Role));
    let order = [Field::Email, Field::ExternalId, Field::Name].into_iter().find(narrows);
    let order = order.or(if has_role { Some(Field::Id) } else { None });
    let times = [Field::SuspendedAt, Field::UpdatedAt, Field::CreatedAt];
    let order = order.or_else(|| times.into_iter().find(narrows));
    Sort { field: order.unwrap_or(Field::Id), descending: false }
}

#[cfg(test)]
mod tests;
