use super::Schema;
use serde_json::json;

#[test]
fn a_schema_allows_what_the_draft_says() {
    for (schema, good, bad) in [
        (json!(true), vec![json!(1), json!(null)], vec![]),
        (json!({}), vec![json!(1), json!({})], vec![]),
        (json!(false), vec![], vec![json!(1), json!({})]),
        (json!({"type": "integer"}), vec![json!(1), json!(1.0), json!(-1e3)], vec![json!(1.5)]),
        (json!({"type": ["string", "null"]}), vec![json!("a"), json!(null)], vec![json!(1)]),
        (json!({"enum": ["a", 1, null]}), vec![json!("a"), json!(1.0)], vec![json!("1")]),
        (json!({"const": {"a": [1]}}), vec![json!({"a": [1.0]})], vec![json!({"a": [2]})]),
        (
            json!({"minimum": 1, "maximum": 2.5}),
            vec![json!(1), json!(2.5), json!("x")],
            vec![json!(0.9), json!(3)],
        ),
        (
            json!({"exclusiveMinimum": 1, "exclusiveMaximum": 3}),
            vec![json!(2)],
            vec![json!(1), json!(3.0)],
        ),
        (
            json!({"maximum": 9_007_199_254_740_992_u64}),
            vec![json!(9_007_199_254_740_992_u64)],
            vec![json!(9_007_199_254_740_993_u64)],
        ),
        (
            json!({"minLength": 2, "maxLength": 2}),
            vec![json!("éé"), json!(1)],
            vec![json!("é"), json!("abc")],
        ),
        (
            json!({"items": {"type": "string"}}),
            vec![json!([]), json!(["a"])],
            vec![json!(["a", 1])],
        ),
        (
            json!({"prefixItems": [{"type": "string"}], "items": false}),
            vec![json!([]), json!(["a"])],
            vec![json!([1]), json!(["a", 1])],
        ),
        (
            json!({"minItems": 1, "maxItems": 2}),
            vec![json!([1])],
            vec![json!([]), json!([1, 2, 3])],
        ),
        (json!({"uniqueItems": true}), vec![json!([1, "1", [1]])], vec![json!([1, 2, 1.0])]),
        (
            json!({"properties": {"a": {"type": "string"}}, "required": ["a"]}),
            vec![json!({"a": "x"}), json!({"a": "x", "b": 1})],
            vec![json!({}), json!({"a": 1})],
        ),
        (
            json!({"properties": {"a": true}, "additionalProperties": {"type": "boolean"}}),
            vec![json!({"a": 1, "b": true})],
            vec![json!({"b": 1})],
        ),
        (json!({"additionalProperties": false}), vec![json!({})], vec![json!({"a": 1})]),
        (
            json!({"minProperties": 1, "maxProperties": 1}),
            vec![json!({"a": 1})],
            vec![json!({}), json!({"a": 1, "b": 2})],
        ),
        (json!({"propertyNames": {"maxLength": 1}}), vec![json!({"a": 1})], vec![json!({"ab": 1})]),
        (json!({"allOf": [{"minimum": 1}, {"maximum": 2}]}), vec![json!(1)], vec![json!(3)]),
        (json!({"anyOf": [{"minimum": 9}, {"maximum": 2}]}), vec![json!(1)], vec![json!(3)]),
        (
            json!({"oneOf": [{"minimum": 1}, {"maximum": 2}]}),
            vec![json!(0), json!(3)],
            vec![json!(1)],
        ),
        (json!({"not": {"type": "null"}}), vec![json!(1)], vec![json!(null)]),
    ] {
        let parsed = Schema::parse(&schema.to_string()).unwrap();
        for value in good {
            assert_eq!(parsed.check(&value, "m"), [], "{schema} and {value}");
        }
        for value in bad {
            assert_ne!(parsed.check(&value, "m"), [], "{schema} and {value}");
        }
    }
}

#[test]
fn every_problem_is_told_by_its_place() {
    let schema = json!({
        "type": "object", "required": ["plan"], "additionalProperties": false,
        "properties": {
            "plan": {"enum": ["free", "pro"]},
            "seats": {"type": "integer", "minimum": 1},
            "tags": {"items": {"type": "string"}},
        },
    });
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let value = json!({"seats": 0, "tags": ["a", 1], "other": 1});
    let errors = schema.check(&value, "metadata");
    let mut told: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code)).collect();
    told.sort_unstable();
    let expected = [
        ("metadata.other", "unknown_field"),
        ("metadata.plan", "required"),
        ("metadata.seats", "out_of_range"),
        ("metadata.tags.1", "wrong_type"),
    ];
    assert_eq!(told, expected);
    let many = json!({"tags": vec![0; 1_000], "x".repeat(1_000): 1});
    let errors = schema.check(&many, "metadata");
    assert!(errors.len() <= 50 && errors.iter().all(|e| e.field.len() < 100), "{errors:?}");
}

#[test]
fn what_is_not_understood_is_refused_where_it_stands() {
    for (schema, part) in [
        ("{", "is not JSON"),
        ("1", "is not a schema at #"),
        (r#"{"pattern": "^a"}"#, "not supported: #/pattern"),
        (r#"{"properties": {"a": {"format": "email"}}}"#, "not supported: #/properties/a/format"),
        (r##"{"$ref": "#/$defs/a"}"##, "not supported: #/$ref"),
        (r#"{"anyOf": [true, {"Type": "string"}]}"#, "not supported: #/anyOf/1/Type"),
        (r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#, "2020-12"),
        (r#"{"type": "text"}"#, "types of JSON at #/type"),
        (r#"{"type": []}"#, "types of JSON"),
        (r#"{"minLength": -1}"#, "whole number"),
        (r#"{"minimum": "1"}"#, "must be a number at #/minimum"),
        (r#"{"enum": []}"#, "not empty"),
        (r#"{"required": "a"}"#, "array of strings"),
        (r#"{"properties": []}"#, "must be an object"),
        (r#"{"uniqueItems": 1}"#, "true or false"),
        (r#"{"additionalProperties": 1}"#, "is not a schema"),
        (r#"{"properties": {}, "additionalProperties": 1}"#, "is not a schema"),
    ] {
        let error = Schema::parse(schema).unwrap_err();
        assert!(error.contains(part), "{schema}: {error}");
    }
    let remarks = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x", "title": "T",
        "description": "D", "$comment": "C", "default": {}, "examples": [{}], "deprecated": false,
    });
    assert_eq!(Schema::parse(&remarks.to_string()), Ok(Schema(Vec::new())));
}
