//! The application's own key for a user.

use std::fmt;

use crate::error::Invalid;

/// The longest external id, in characters (Unicode code points).
pub const MAX_CHARS: usize = 255;

/// What another system calls a user: 1 to 255 characters, none of them a control
/// character, kept and compared exactly as given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// What it looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = r"^[^\u0000-\u001F\u007F-\u009F]+$";

    /// Reads an external id.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("required", "must not be empty"));
        }
        if text.chars().count() > MAX_CHARS {
            let message = format!("must have at most {MAX_CHARS} characters");
            return Err(Invalid::new("too_long", message));
        }
        if text.chars().any(char::is_control) {
            let message = "must not have control characters";
            return Err(Invalid::new("invalid_characters", message));
        }
        Ok(Self(text.to_owned()))
    }

    /// An external id that [`ExternalId::parse`] accepted before it was stored.
    pub const fn from_stored(external_id: String) -> Self {
        Self(external_id)
    }

    /// The external id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_is_kept_exactly() {
        for text in ["42", " a ", "crm:ÄÖ", "A\u{308}", &"é".repeat(255)] {
            assert_eq!(ExternalId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a\0", "a\n", "\u{7f}", &"é".repeat(256)] {
            assert!(ExternalId::parse(text).is_err(), "{text:?}");
        }
    }
}
