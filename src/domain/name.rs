//! The name that a person goes by.

use std::fmt;

use super::unicode::{fold_case, nfc};
use crate::error::Invalid;

/// The longest name, in characters (Unicode code points).
pub const MAX_CHARS: usize = 200;

/// A name: 1 to 200 characters of any script, on one line, in NFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// What a name looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]*[^\s\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff][^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]*$";

    /// Reads a name; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = nfc(text.trim());
        if name.is_empty() {
            return Err(Invalid::new("required", "must not be empty"));
        }
        if text.chars().any(breaks_a_line) {
            let message = "must not have control characters";
            return Err(Invalid::new("invalid_characters", message));
        }
        if name.chars().count() > MAX_CHARS {
            let message = format!("must have at most {MAX_CHARS} characters");
            return Err(Invalid::new("too_long", message));
        }
        Ok(Self(name))
    }

    /// A name that [`Name::parse`] accepted before it was stored.
    pub const fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// What is looked up and sorted by: lower case, NFC.
    pub fn normalized(&self) -> String {
        fold_case(&self.0)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Control characters, line separators and the overrides of writing direction
/// that make a text look like another one. Joiners stay: names need them.
fn breaks_a_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_scripts_are_kept() {
        for text in ["Ada Lovelace", "Ngô Bảo Châu", "محمد", "李小龍", "O’Connor", "می\u{200c}نا"]
        {
            assert_eq!(Name::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Name::parse(" Jose\u{301} ").unwrap().as_str(), "José");
    }

    #[test]
    fn a_name_is_one_line_of_at_most_200_characters() {
        assert!(Name::parse(&"é".repeat(200)).is_ok());
        for text in ["", "   ", "a\0b", "a\nb", "a\n", "a\u{202e}b", &"é".repeat(201)] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }
}
