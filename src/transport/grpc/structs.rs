//! `google.protobuf.Struct` and JSON objects, which are the same but for numbers:
//! those of a `Struct` are doubles.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use serde_json::{Map, Number, Value};

use crate::error::Invalid;

/// The largest integer up to which doubles tell all integers apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON object as a `Struct`.
pub fn from_json(members: &Map<String, Value>) -> Struct {
    let fields = members.iter().map(|(name, value)| (name.clone(), to_value(value)));
    Struct { fields: fields.collect() }
}

/// A `Struct` as a JSON object. A number must be finite.
pub fn to_json(given: Struct) -> Result<Map<String, Value>, Invalid> {
    let fields = given.fields.into_iter();
    fields.map(|(name, value)| Ok((name, from_value(value)?))).collect()
}

fn to_value(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(to_value).collect() })
        }
        Value::Object(members) => Kind::StructValue(from_json(members)),
    };
    ProtoValue { kind: Some(kind) }
}

fn from_value(value: ProtoValue) -> Result<Value, Invalid> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(number)) => Value::Number(to_number(number)?),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => {
            Value::Array(list.values.into_iter().map(from_value).collect::<Result<_, _>>()?)
        }
        Some(Kind::StructValue(members)) => Value::Object(to_json(members)?),
    })
}

/// An integer where it is one: what JSON wrote as `1` shall not become `1.0`.
#[expect(clippy::cast_possible_truncation, reason = "it is a whole number within EXACT")]
fn to_number(number: f64) -> Result<Number, Invalid> {
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Ok(Number::from(number as i64));
    }
    Number::from_f64(number).ok_or_else(|| Invalid::new("invalid_number", "must be finite"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_json_can_say_comes_back() {
        let value = json!({
            "null": null, "yes": true, "text": "é", "whole": 7, "negative": -7, "half": 0.5,
            "list": [1, [], {}], "object": {"a": {"b": null}},
        });
        let Value::Object(members) = value else { panic!("it is an object") };
        assert_eq!(to_json(from_json(&members)), Ok(members));
    }

    #[test]
    fn a_number_must_be_one() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let value = ProtoValue { kind: Some(Kind::NumberValue(number)) };
            let given = Struct { fields: [("a".to_owned(), value)].into() };
            assert_eq!(to_json(given).unwrap_err().code, "invalid_number");
        }
        assert_eq!(to_number(1e300).unwrap().to_string(), "1e+300");
    }
}
