//! The grammar of filters: SCIM's (RFC 7644, 3.4.2.2), case and white space aside
//!
//! ```text
//! filter     = and *("or" and)
//! and        = term *("and" term)
//! term       = "not" "(" filter ")" / "(" filter ")" / field "pr" / field operator text
//! operator   = "eq" / "ne" / "sw" / "ew" / "co" / "gt" / "ge" / "lt" / "le"
//! text       = a string of JSON
//! ```

use super::filter::{Condition, Field, Filter, Test};
use crate::error::Invalid;

/// The longest filter, in bytes.
pub const MAX_BYTES: usize = 2_048;
/// The most comparisons of a filter.
pub const MAX_CONDITIONS: usize = 16;
/// The most parentheses within each other.
pub const MAX_DEPTH: usize = 8;

const OPERATORS: [&str; 10] = ["eq", "ne", "sw", "ew", "co", "gt", "ge", "lt", "le", "pr"];

/// Reads a filter.
pub(super) fn filter(text: &str) -> Result<Filter, Invalid> {
    if text.len() > MAX_BYTES {
        return Err(Invalid::new("too_long", format!("must have at most {MAX_BYTES} bytes")));
    }
    let mut parser = Parser { whole: text, rest: text, conditions: 0 };
    let filter = parser.any(0)?;
    parser.skip_space();
    if parser.rest.is_empty() { Ok(filter) } else { Err(parser.expected("and, or, or the end")) }
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
    conditions: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Filter, Invalid> {
        let mut filters = vec![self.all(depth)?];
        while self.takes_word("or") {
            filters.push(self.all(depth)?);
        }
        Ok(together(filters, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Invalid> {
        let mut filters = vec![self.term(depth)?];
        while self.takes_word("and") {
            filters.push(self.term(depth)?);
        }
        Ok(together(filters, Filter::All))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Invalid> {
        if self.takes_word("not") {
            let filter = self.group(depth)?;
            let filter = filter.ok_or_else(|| self.expected("( after not"))?;
            return Ok(Filter::Not(Box::new(filter)));
        }
        match self.group(depth)? {
            Some(filter) => Ok(filter),
            None => self.condition(),
        }
    }

    /// A filter in parentheses, if there is one here.
    fn group(&mut self, depth: usize) -> Result<Option<Filter>, Invalid> {
        if !self.takes("(") {
            return Ok(None);
        }
        if depth >= MAX_DEPTH {
            let message = format!("must not have more than {MAX_DEPTH} parentheses in each other");
            return Err(Invalid::new("too_deep", message));
        }
        let filter = self.any(depth.saturating_add(1))?;
        if self.takes(")") { Ok(Some(filter)) } else { Err(self.expected("and, or, or )")) }
    }

    fn condition(&mut self) -> Result<Filter, Invalid> {
        self.conditions = self.conditions.saturating_add(1);
        if self.conditions > MAX_CONDITIONS {
            let message = format!("must have at most {MAX_CONDITIONS} comparisons");
            return Err(Invalid::new("too_many", message));
        }
        let fields = || Field::ALL.map(Field::name).join(", ");
        let Some(field) = self.peek_word().and_then(Field::parse) else {
            return Err(self.expected(&format!("a field ({})", fields())));
        };
        self.word();
        let operator = self.peek_word().unwrap_or_default().to_ascii_lowercase();
        if !OPERATORS.contains(&operator.as_str()) {
            let what = format!("{} after {}", OPERATORS.join(", "), field.name());
            return Err(self.expected(&what));
        }
        self.word();
        let (test, is_negated) = self.test(field, &operator)?;
        let condition = Filter::Is(Condition { field, test });
        Ok(if is_negated { Filter::Not(Box::new(condition)) } else { condition })
    }

    fn test(&mut self, field: Field, operator: &str) -> Result<(Test, bool), Invalid> {
        let name = field.name();
        let fits = match operator {
            "pr" => field.is_optional(),
            "eq" => true,
            "ne" => field != Field::Role,
            "sw" | "ew" | "co" => field.is_text(),
            _ => field != Field::Role,
        };
        if !fits {
            let message = format!("cannot have {operator} after {name}");
            return Err(Invalid::new("invalid_filter", message));
        }
        if operator == "pr" {
            return Ok((Test::Present, false));
        }
        let text = self.text()?;
        let of_field = |reason: Invalid| {
            let message =
                format!("is wrong after {name}: what it is compared with {}", reason.message);
            Invalid::new("invalid_filter", message)
        };
        let part = || field.part(&text).map_err(of_field);
        let value = || match (field, operator) {
            // A bound need not be an address.
            (Field::Email, "gt" | "ge" | "lt" | "le") => {
                field.part(&text).map(super::Operand::Text).map_err(of_field)
            }
            _ => field.operand(&text).map_err(of_field),
        };
        Ok(match operator {
            "sw" => (Test::Starts(part()?), false),
            "ew" => (Test::Ends(part()?), false),
            "co" => (Test::Contains(part()?), false),
            "gt" => (Test::More(value()?), false),
            "ge" => (Test::AtLeast(value()?), false),
            "lt" => (Test::Less(value()?), false),
            "le" => (Test::AtMost(value()?), false),
            operator => (Test::Equals(value()?), operator == "ne"),
        })
    }

    /// A string of JSON.
    fn text(&mut self) -> Result<String, Invalid> {
        self.skip_space();
        let mut strings = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        match strings.next() {
            Some(Ok(text)) => {
                let end = strings.byte_offset();
                self.rest = self.rest.get(end..).unwrap_or_default();
                Ok(text)
            }
            _ => Err(self.expected("a text in double quotes")),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = self.peek_word().is_some_and(|next| next.eq_ignore_ascii_case(word));
        if is_next {
            self.word();
        }
        is_next
    }

    fn peek_word(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        self.rest.get(..end.unwrap_or(self.rest.len())).filter(|word| !word.is_empty())
    }

    fn word(&mut self) -> &'a str {
        let word = self.peek_word().unwrap_or_default();
        self.rest = self.rest.get(word.len()..).unwrap_or_default();
        word
    }

    /// What should have stood here, by the place in characters, counted from 1.
    fn expected(&self, what: &str) -> Invalid {
        let begin = self.whole.len().saturating_sub(self.rest.len());
        let place = self.whole.get(..begin).unwrap_or_default().chars().count();
        let message = format!("should have {what} at character {}", place.saturating_add(1));
        Invalid::new("invalid_filter", message)
    }
}

/// One filter as it is, several as one.
fn together(mut filters: Vec<Filter>, combine: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            combine(filters)
        }
        None => Filter::All(filters),
    }
}
