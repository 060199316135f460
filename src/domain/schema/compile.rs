//! From the JSON of a schema to its rules.

use serde_json::{Map, Value};

use super::{Rule, Schema, Type, canonical};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Words that say nothing about what a value may be.
const ANNOTATIONS: &[&str] =
    &["title", "description", "$comment", "default", "examples", "deprecated", "$id"];

/// Reads the schema at `at`, such as `#/properties/plan`.
pub(super) fn schema(value: &Value, at: &str) -> Result<Schema, String> {
    match value {
        Value::Bool(true) => Ok(Schema(Vec::new())),
        Value::Bool(false) => Ok(Schema(vec![Rule::Never])),
        Value::Object(words) => {
            let mut rules = Vec::new();
            for (word, argument) in words {
                rules.extend(rule(word, argument, words, at)?);
            }
            Ok(Schema(rules))
        }
        _ => Err(format!("is not a schema at {at}: an object, true or false")),
    }
}

/// What a word of a schema says; nothing if another word says it, or it is a remark.
fn rule(
    word: &str,
    argument: &Value,
    words: &Map<String, Value>,
    at: &str,
) -> Result<Option<Rule>, String> {
    let inner = format!("{at}/{word}");
    let at = &*inner;
    let rule = match word {
        "$schema" if argument == DIALECT => return Ok(None),
        "$schema" => return Err(format!("must be of {DIALECT} at {at}")),
        word if ANNOTATIONS.contains(&word) => return Ok(None),
        "type" => Rule::Types(types(argument, at)?),
        "enum" => Rule::OneOfValues(array(argument, at)?.iter().map(canonical).collect()),
        "const" => Rule::OneOfValues(vec![canonical(argument)]),
        "minimum" => Rule::Least(number(argument, at)?),
        "maximum" => Rule::Most(number(argument, at)?),
        "exclusiveMinimum" => Rule::Above(number(argument, at)?),
        "exclusiveMaximum" => Rule::Below(number(argument, at)?),
        "minLength" => Rule::MinLength(count(argument, at)?),
        "maxLength" => Rule::MaxLength(count(argument, at)?),
        "minItems" => Rule::MinItems(count(argument, at)?),
        "maxItems" => Rule::MaxItems(count(argument, at)?),
        "uniqueItems" => match argument {
            Value::Bool(true) => Rule::UniqueItems,
            Value::Bool(false) => return Ok(None),
            _ => return Err(format!("must be true or false at {at}")),
        },
        // One rule for the two, made where the first of them is met.
        "items" if words.contains_key("prefixItems") => return Ok(None),
        "items" => Rule::Items { first: Vec::new(), rest: Some(boxed(argument, at)?) },
        "prefixItems" => Rule::Items {
            first: schemas(argument, at)?,
            rest: words.get("items").map(|rest| boxed(rest, at)).transpose()?,
        },
        "minProperties" => Rule::MinProperties(count(argument, at)?),
        "maxProperties" => Rule::MaxProperties(count(argument, at)?),
        "required" => Rule::Required(texts(argument, at)?),
        "additionalProperties" if words.contains_key("properties") => return Ok(None),
        "additionalProperties" => {
            Rule::Properties { known: Default::default(), others: Some(boxed(argument, at)?) }
        }
        "properties" => {
            let members =
                argument.as_object().ok_or_else(|| format!("must be an object at {at}"))?;
            let known = members.iter().map(|(name, member)| {
                Ok::<_, String>((name.clone(), schema(member, &format!("{at}/{name}"))?))
            });
            let others = words.get("additionalProperties");
            Rule::Properties {
                known: known.collect::<Result<_, _>>()?,
                others: others.map(|others| boxed(others, at)).transpose()?,
            }
        }
        "propertyNames" => Rule::PropertyNames(boxed(argument, at)?),
        "allOf" => Rule::AllOf(schemas(argument, at)?),
        "anyOf" => Rule::AnyOf(schemas(argument, at)?),
        "oneOf" => Rule::OneOf(schemas(argument, at)?),
        "not" => Rule::Not(boxed(argument, at)?),
        _ => return Err(format!("has a keyword that is not supported: {at}")),
    };
    Ok(Some(rule))
}

fn boxed(value: &Value, at: &str) -> Result<Box<Schema>, String> {
    schema(value, at).map(Box::new)
}

fn schemas(value: &Value, at: &str) -> Result<Vec<Schema>, String> {
    let items = array(value, at)?.iter().enumerate();
    items.map(|(index, item)| schema(item, &format!("{at}/{index}"))).collect()
}

fn array<'a>(value: &'a Value, at: &str) -> Result<&'a Vec<Value>, String> {
    let items = value.as_array().filter(|items| !items.is_empty());
    items.ok_or_else(|| format!("must be an array that is not empty at {at}"))
}

fn texts(value: &Value, at: &str) -> Result<Vec<String>, String> {
    let texts = value.as_array().and_then(|items| {
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    texts.ok_or_else(|| format!("must be an array of strings at {at}"))
}

fn types(value: &Value, at: &str) -> Result<Vec<Type>, String> {
    let names = match value {
        Value::String(name) => vec![name.clone()],
        other => texts(other, at)?,
    };
    let known = |name: &String| Type::ALL.into_iter().find(|known| known.name() == name);
    let types: Option<Vec<_>> = names.iter().map(known).collect();
    let types = types.filter(|types| !types.is_empty());
    types.ok_or_else(|| format!("must name types of JSON at {at}"))
}

fn number(value: &Value, at: &str) -> Result<serde_json::Number, String> {
    value.as_number().cloned().ok_or_else(|| format!("must be a number at {at}"))
}

fn count(value: &Value, at: &str) -> Result<usize, String> {
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| format!("must be a whole number from 0 on at {at}"))
}
