//! A checked subset of JSON Schema (draft 2020-12), by which the operator says what
//! metadata may be.
//!
//! What is understood is understood as the draft says it. Everything else is refused
//! when the schema is read, so that no rule is passed over in silence: `pattern` and
//! `format` above all, and references.

mod compile;

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::error::{FieldError, Invalid};

/// The most problems that one check tells.
const MAX_ERRORS: usize = 50;
/// The most characters of a member's name that a problem repeats.
const MAX_NAME_CHARS: usize = 64;

/// A schema, understood as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Vec<Rule>);

/// What a value must be. A rule of one type lets values of the others pass.
#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Never,
    Types(Vec<Type>),
    OneOfValues(Vec<String>),
    Least(Number),
    Most(Number),
    Above(Number),
    Below(Number),
    MinLength(usize),
    MaxLength(usize),
    MinItems(usize),
    MaxItems(usize),
    UniqueItems,
    Items { first: Vec<Schema>, rest: Option<Box<Schema>> },
    MinProperties(usize),
    MaxProperties(usize),
    Required(Vec<String>),
    Properties { known: BTreeMap<String, Schema>, others: Option<Box<Schema>> },
    PropertyNames(Box<Schema>),
    AllOf(Vec<Schema>),
    AnyOf(Vec<Schema>),
    OneOf(Vec<Schema>),
    Not(Box<Schema>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Schema {
    /// Reads a schema, a JSON text. The error says, in words for the operator, what in
    /// it is wrong or not understood, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
        compile::schema(&value, "#")
    }

    /// What is wrong with a value that stands at `place`, such as `metadata`; nothing
    /// if it is what the schema says.
    pub fn check(&self, value: &Value, place: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.judge(value, place, &mut errors);
        errors.truncate(MAX_ERRORS);
        errors
    }

    fn allows(&self, value: &Value) -> bool {
        self.check(value, "").is_empty()
    }

    fn judge(&self, value: &Value, place: &str, errors: &mut Vec<FieldError>) {
        for rule in &self.0 {
            if errors.len() >= MAX_ERRORS {
                return;
            }
            rule.judge(value, place, errors);
        }
    }
}

impl Rule {
    fn judge(&self, value: &Value, place: &str, errors: &mut Vec<FieldError>) {
        let reason = match (self, value) {
            (Self::Items { first, rest }, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(schema) = first.get(index).or(rest.as_deref()) {
                        schema.judge(item, &format!("{place}.{index}"), errors);
                    }
                }
                None
            }
            (Self::Properties { known, others }, Value::Object(members)) => {
                for (name, member) in members {
                    match (known.get(name), others) {
                        (Some(schema), _) => schema.judge(member, &join(place, name), errors),
                        (None, Some(others)) if **others == Schema(vec![Self::Never]) => {
                            let reason = Invalid::new("unknown_field", "is not a known member");
                            errors.push(reason.of(join(place, name)));
                        }
                        (None, Some(others)) => others.judge(member, &join(place, name), errors),
                        (None, None) => {}
                    }
                }
                None
            }
            (Self::PropertyNames(schema), Value::Object(members)) => {
                for name in members.keys() {
                    schema.judge(&Value::String(name.clone()), &join(place, name), errors);
                }
                None
            }
            (Self::Required(names), Value::Object(members)) => {
                for name in names.iter().filter(|name| !members.contains_key(*name)) {
                    errors.push(Invalid::new("required", "is required").of(join(place, name)));
                }
                None
            }
            (Self::AllOf(schemas), value) => {
                schemas.iter().for_each(|schema| schema.judge(value, place, errors));
                None
            }
            (rule, value) => rule.reason(value),
        };
        errors.extend(reason.map(|reason| reason.of(place)));
    }

    /// Why a rule that is about a value as a whole refuses it.
    fn reason(&self, value: &Value) -> Option<Invalid> {
        let refused = |code, message: String| Some(Invalid::new(code, message));
        match (self, value) {
            (Self::Never, _) => refused("not_allowed", "is not allowed".to_owned()),
            (Self::Types(types), value) if !types.iter().any(|known| known.is_of(value)) => {
                let names: Vec<_> = types.iter().map(|known| known.name()).collect();
                refused("wrong_type", format!("must be of type {}", names.join(" or ")))
            }
            (Self::OneOfValues(values), value) if !values.contains(&canonical(value)) => {
                refused("not_allowed", format!("must be {}", values.join(" or ")))
            }
            (Self::Least(least), Value::Number(n)) if less(n, least) => {
                refused("out_of_range", format!("must be at least {least}"))
            }
            (Self::Most(most), Value::Number(n)) if less(most, n) => {
                refused("out_of_range", format!("must be at most {most}"))
            }
            (Self::Above(bound), Value::Number(n)) if !less(bound, n) => {
                refused("out_of_range", format!("must be more than {bound}"))
            }
            (Self::Below(bound), Value::Number(n)) if !less(n, bound) => {
                refused("out_of_range", format!("must be less than {bound}"))
            }
            (Self::MinLength(min), Value::String(text)) if text.chars().count() < *min => {
                refused("too_short", format!("must have at least {min} characters"))
            }
            (Self::MaxLength(max), Value::String(text)) if text.chars().count() > *max => {
                refused("too_long", format!("must have at most {max} characters"))
            }
            (Self::MinItems(min), Value::Array(items)) if items.len() < *min => {
                refused("too_few", format!("must have at least {min} items"))
            }
            (Self::MaxItems(max), Value::Array(items)) if items.len() > *max => {
                refused("too_many", format!("must have at most {max} items"))
            }
            (Self::UniqueItems, Value::Array(items)) if !are_unique(items) => {
                refused("repeated", "must not have an item twice".to_owned())
            }
            (Self::MinProperties(min), Value::Object(members)) if members.len() < *min => {
                refused("too_few", format!("must have at least {min} members"))
            }
            (Self::MaxProperties(max), Value::Object(members)) if members.len() > *max => {
                refused("too_many", format!("must have at most {max} members"))
            }
            (Self::AnyOf(schemas), value) if !schemas.iter().any(|s| s.allows(value)) => {
                refused("not_allowed", "must be one of several kinds, and is none".to_owned())
            }
            (Self::OneOf(schemas), value)
                if schemas.iter().filter(|s| s.allows(value)).count() != 1 =>
            {
                refused("not_allowed", "must be exactly one of several kinds".to_owned())
            }
            (Self::Not(schema), value) if schema.allows(value) => {
                refused("not_allowed", "is what it must not be".to_owned())
            }
            _ => None,
        }
    }
}

impl Type {
    const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Integer, Value::Number(number)) => is_whole(number),
            (Self::Null, Value::Null)
            | (Self::Boolean, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::String, Value::String(_))
            | (Self::Array, Value::Array(_))
            | (Self::Object, Value::Object(_)) => true,
            _ => false,
        }
    }
}

/// The name is the client's text: it is cut, so that an answer stays small.
fn join(place: &str, name: &str) -> String {
    format!("{place}.{}", name.chars().take(MAX_NAME_CHARS).collect::<String>())
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// `1.0` is an integer too.
fn is_whole(number: &Number) -> bool {
    integer(number).is_some() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

fn less(one: &Number, other: &Number) -> bool {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => one < other,
        _ => one.as_f64() < other.as_f64(),
    }
}

fn are_unique(items: &[Value]) -> bool {
    let mut texts: Vec<_> = items.iter().map(canonical).collect();
    texts.sort_unstable();
    texts.windows(2).all(|pair| pair.first() != pair.last())
}

/// One text for each value: `1` and `1.0` are the same value.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) if integer(number).is_none() && is_whole(number) => {
            format!("{:.0}", number.as_f64().unwrap_or_default())
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::String(name.clone()), canonical(value))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
