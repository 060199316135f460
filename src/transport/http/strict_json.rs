//! JSON, read more strictly than its grammar asks for.

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::Error;

/// The most arrays and objects in each other.
pub const MAX_DEPTH: usize = 64;

/// Reads JSON that is nested at most [`MAX_DEPTH`] levels deep, and in which no object
/// has two members of one name: parsers that disagree about those are how checks get
/// around.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { levels: MAX_DEPTH }.deserialize(&mut json);
    value.and_then(|value| json.end().map(|()| value)).map_err(|error| {
        // What is JSON, and refused here, is an error of data.
        let what = if error.is_data() { "is not taken" } else { "is not JSON that can be read" };
        Error::Malformed(format!("The body {what}: {error}."))
    })
}

/// Reads a value that may have so many levels.
#[derive(Clone, Copy)]
struct Strict {
    levels: usize,
}

impl Strict {
    /// How the values within this one are read.
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| {
            E::custom(format!("arrays and objects are nested deeper than {MAX_DEPTH} levels"))
        })?;
        Ok(Self { levels })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.insert(name, members.next_value_seed(inner)?).is_some() {
                return Err(de::Error::custom("an object has two members of one name"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_one_json_value_is_malformed() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "{}{}", "{'a':1}", "[1,]", "nul", "1e999", "{\"a\":1,\"a\":2}", &deep]
        {
            assert!(matches!(parse(text.as_bytes()), Err(Error::Malformed(_))), "{text:.20}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert_eq!(
            parse(br#"{"a":[1,-2,0.5,"x",null,true]}"#).unwrap(),
            json!({"a":[1,-2,0.5,"x",null,true]})
        );
    }

    #[test]
    fn nothing_is_nested_deeper_than_the_limit() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let levels = open.matches(['[', '{']).count();
            let nested = |depth: usize| {
                let depth = depth / levels;
                let text = format!("{}0{}", open.repeat(depth), close.repeat(depth));
                parse(text.as_bytes())
            };
            assert!(nested(MAX_DEPTH).is_ok(), "{open}");
            let Err(Error::Malformed(detail)) = nested(MAX_DEPTH + levels) else {
                panic!("{open} was accepted");
            };
            let expected = "The body is not taken: arrays and objects are nested deeper than 64";
            assert!(detail.starts_with(expected), "{detail}");
        }
    }
}
