use super::*;

fn query(filter: &str, sort: Option<&str>) -> UserQuery {
    UserQuery {
        conditions: vec![Filter::parse(filter).unwrap()],
        sort: sort.map(|sort| Sort::parse(sort).unwrap()),
    }
}

fn is(field: Field, test: Test) -> Filter {
    Filter::Is(Condition { field, test })
}

fn text(text: &str) -> Operand {
    Operand::Text(text.to_owned())
}

#[test]
fn a_filter_is_read_as_its_grammar_says() {
    let (ada, bob) = (
        is(Field::Name, Test::Starts("ada".to_owned())),
        is(Field::Name, Test::Equals(text("bob"))),
    );
    let suspended = is(Field::SuspendedAt, Test::Present);
    let not = |filter: &Filter| Filter::Not(Box::new(filter.clone()));
    for (written, expected) in [
        (r#"name sw "Ada""#, ada.clone()),
        (r#" NAME  SW"ada" "#, ada.clone()),
        (r#"((name sw "ADA"))"#, ada.clone()),
        (r#"name ne "Bob""#, not(&bob)),
        (r#"not(name eq "bob")"#, not(&bob)),
        (
            r#"name sw "ada" or name eq "bob" and suspended_at pr"#,
            Filter::Any(vec![ada.clone(), Filter::All(vec![bob.clone(), suspended.clone()])]),
        ),
        (
            r#"(name sw "ada" or name eq "bob") and not (suspended_at pr)"#,
            Filter::All(vec![Filter::Any(vec![ada.clone(), bob.clone()]), not(&suspended)]),
        ),
        (
            r#"email eq "ADA@BÜCHER.example""#,
            is(Field::Email, Test::Equals(text("ada@xn--bcher-kva.example"))),
        ),
        (r#"external_id co "A\"\u00e9""#, is(Field::ExternalId, Test::Contains("A\"é".to_owned()))),
        (
            r#"created_at ge "1970-01-01T00:00:01Z""#,
            is(Field::CreatedAt, Test::AtLeast(Operand::Number(1_000_000))),
        ),
        (r#"role eq "admin""#, is(Field::Role, Test::Equals(text("admin")))),
    ] {
        assert_eq!(Filter::parse(written), Ok(expected), "{written}");
    }
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    let deep = format!("{}name pr{}", "(".repeat(9), ")".repeat(9));
    let many = vec![r#"name eq "a""#; 17].join(" or ");
    for (written, part) in [
        ("", "a field (id, email"),
        ("nick eq \"a\"", "at character 1"),
        ("name", "pr after name at character 5"),
        ("name is \"a\"", "after name at character 6"),
        ("name eq", "a text in double quotes at character 8"),
        ("name eq 'a'", "a text in double quotes at character 9"),
        ("name eq \"a", "a text in double quotes"),
        ("name eq 1", "a text in double quotes"),
        ("name eq \"é\" name", "and, or, or the end at character 13"),
        ("(name eq \"a\"", "and, or, or ) at character 13"),
        ("name eq \"a\")", "the end"),
        ("not name eq \"a\"", "( after not"),
        ("name eq \"a\" and", "a field"),
        ("name eq \"\"", "must not be empty"),
        ("name co \"\\u0000\"", "control characters"),
        ("id eq \"1\"", "must be a UUID"),
        ("email eq \"ada\"", "must be an email address"),
        ("created_at gt \"yesterday\"", "must be a time"),
        ("name pr", "cannot have pr after name"),
        ("created_at sw \"2026\"", "cannot have sw after created_at"),
        ("role gt \"a\"", "cannot have gt after role"),
        (&deep, "parentheses in each other"),
        (&many, "at most 16 comparisons"),
        (&" ".repeat(2_049), "at most 2048 bytes"),
    ] {
        let error = Filter::parse(written).unwrap_err();
        assert!(error.message.contains(part), "{written}: {}", error.message);
    }
}

#[test]
fn nothing_that_is_written_makes_the_parser_panic() {
    let words = [
        "name",
        "id",
        "eq",
        "pr",
        "not",
        "and",
        "or",
        "(",
        ")",
        "\"a\"",
        "\"",
        "\\",
        "é",
        "\0",
        " ",
        "\u{1f469}\u{200d}",
        "1e9",
        "\"\\ud800\"",
        "created_at",
        "\"2026-01-01T00:00:00Z\"",
    ];
    let mut state: u32 = 1;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).unwrap() % bound
    };
    let whole = [
        r#"name sw "a" and (id eq "0190b5a0-0000-7000-8000-000000000001" or external_id pr)"#,
        r#"not (created_at lt "2026-01-01T00:00:00Z") and role eq "admin""#,
        r#"((email ew "@example.com") or email co "\u00e9\"")"#,
    ];
    let mut read = 0;
    for _ in 0..50_000 {
        let mut parts: Vec<_> = whole[next(3)].split_inclusive([' ', '(', '"']).collect();
        for _ in 0..next(4) {
            let place = next(parts.len());
            match next(3) {
                0 => drop(parts.remove(place)),
                1 => parts.insert(place, words[next(words.len())]),
                _ => parts.swap(place, 0),
            }
        }
        let query = Filter::parse(&parts.concat())
            .map(|filter| UserQuery { conditions: vec![filter], sort: None });
        read += usize::from(query.is_ok_and(|query| query.walk().is_ok()));
    }
    assert!((1_000..49_000).contains(&read), "{read}");
}

#[test]
fn a_walk_goes_along_the_index_that_narrows_it() {
    for (filter, sort, source, field, bounds, rest) in [
        (r#"email eq "a@b.example""#, None, "one", Field::Id, 0, 0),
        (r#"external_id eq "1" and name co "a""#, Some("name"), "one", Field::Id, 0, 1),
        (r#"email sw "ada""#, None, "all", Field::Email, 1, 0),
        (r#"name sw "a" and created_at gt "2026-01-01T00:00:00Z""#, None, "all", Field::Name, 1, 1),
        (
            r#"created_at ge "2026-01-01T00:00:00Z" and created_at lt "2026-02-01T00:00:00Z""#,
            Some("-created_at"),
            "all",
            Field::CreatedAt,
            2,
            0,
        ),
        (r#"role eq "admin" and name co "a""#, None, "role", Field::Id, 0, 1),
        (r#"role eq "admin""#, Some("name"), "all", Field::Name, 0, 1),
        (r#"suspended_at pr"#, None, "all", Field::SuspendedAt, 1, 0),
        (r#"name co "love""#, None, "all", Field::Id, 0, 1),
        (r#"name sw "a" or email sw "a""#, None, "all", Field::Id, 0, 1),
        (r#"not (email_verified_at pr)"#, Some("-updated_at"), "all", Field::UpdatedAt, 0, 1),
    ] {
        let walk = query(filter, sort).walk().unwrap();
        let name = match walk.source {
            Source::All => "all",
            Source::One(_) => "one",
            Source::Role(_) => "role",
        };
        let found = (name, walk.sort.field, walk.bounds.len(), walk.rest.len());
        assert_eq!(found, (source, field, bounds, rest), "{filter}");
    }
    let refused = query(r#"name sw "a""#, Some("external_id")).walk().unwrap_err();
    assert_eq!(refused.code, "not_everybody_has_it");
    for sort in ["", "-", "role", "email_verified_at", "metadata", "--name", "name,email"] {
        assert!(Sort::parse(sort).is_err(), "{sort}");
    }
}

#[test]
fn a_place_in_an_order_is_written_and_read() {
    let id = "0190b5a0-0000-7000-8000-000000000001".to_owned();
    for (sort, value) in [
        ("id", None),
        ("name", Some(text("ada king of lovelace"))),
        ("-updated_at", Some(Operand::Number(-7))),
    ] {
        let sort = Sort::parse(sort).unwrap();
        let key = Key { id: id.clone(), value };
        assert_eq!(Key::parse(&key.to_text(), sort), Some(key));
    }
    for (sort, text) in [("name", &*id), ("id", "1"), ("created_at", &format!("{id} x"))] {
        assert_eq!(Key::parse(text, Sort::parse(sort).unwrap()), None);
    }
}
