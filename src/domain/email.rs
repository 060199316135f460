//! Email addresses: RFC 5321 and RFC 6531 without quoted parts and address
//! literals, which people do not have and parsers disagree about.

use std::fmt;

use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};

use super::unicode::{fold_case, nfc};
use crate::error::Invalid;

/// The longest address that SMTP carries, in bytes (RFC 5321, 4.5.3.1.3).
pub const MAX_BYTES: usize = 254;
/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
pub const MAX_LOCAL_BYTES: usize = 64;

/// Whether a character is a mark is looked up in the tables that domain names need.
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> =
    CodePointMapData::<GeneralCategory>::new();

/// An address as its owner writes it, and the form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    /// Unless it is the same.
    normalized: Option<String>,
}

impl Email {
    /// Reads an address. White space around it is dropped, nothing else changes
    /// but its Unicode normal form (NFC).
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let address = nfc(text.trim());
        if address.is_empty() {
            return Err(Invalid::new("required", "must not be empty"));
        }
        if address.len() > MAX_BYTES {
            return Err(Invalid::new("too_long", format!("must have at most {MAX_BYTES} bytes")));
        }
        let (local, domain) = address.split_once('@').ok_or_else(invalid)?;
        check_local(local)?;
        let normalized = normalize(local, domain)?;
        Ok(Self::new(address, normalized))
    }

    /// An address that [`Email::parse`] accepted before it was stored: nothing of it is
    /// checked again, because every list has twenty of them.
    pub fn from_stored(address: String) -> Self {
        let parts = address.split_once('@').filter(|_| !address.is_ascii());
        let normalized = parts.and_then(|(local, domain)| normalize(local, domain).ok());
        let normalized = normalized.unwrap_or_else(|| fold_case(&address));
        Self::new(address, normalized)
    }

    fn new(address: String, normalized: String) -> Self {
        let normalized = Some(normalized).filter(|normalized| *normalized != address);
        Self { address, normalized }
    }

    /// The address as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// What is unique and looked up: lower case, NFC, the domain in its ASCII form.
    pub fn normalized(&self) -> &str {
        self.normalized.as_deref().unwrap_or(&self.address)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

fn invalid() -> Invalid {
    Invalid::new("invalid_email", "must be an email address such as ada@example.com")
}

fn check_local(local: &str) -> Result<(), Invalid> {
    let dots_misplaced = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty() || local.len() > MAX_LOCAL_BYTES || dots_misplaced {
        return Err(invalid());
    }
    if local.chars().all(is_local_char) { Ok(()) } else { Err(invalid()) }
}

/// RFC 5321's `atext` and the dot, and letters, digits and marks of any script.
fn is_local_char(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '.' | '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' => true,
        '=' | '?' | '^' | '_' | '`' | '{' | '|' | '}' | '~' => true,
        c if c.is_ascii() => false,
        c => c.is_alphanumeric() || GeneralCategoryGroup::Mark.contains(CATEGORIES.get(c)),
    }
}

fn normalize(local: &str, domain: &str) -> Result<String, Invalid> {
    Ok([&fold_case(local), "@", &normalize_domain(domain)?].concat())
}

/// The ASCII form by UTS #46, so that a name and its Punycode are one domain.
fn normalize_domain(domain: &str) -> Result<String, Invalid> {
    let ascii = idna::AsciiDenyList::STD3;
    let domain = idna::uts46::Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            ascii,
            idna::uts46::Hyphens::CheckFirstLast,
            idna::uts46::DnsLength::Verify,
        )
        .map_err(|_| invalid())?;
    let top = domain.rsplit_once('.').map(|(_, top)| top).ok_or_else(invalid)?;
    // A top level of digits only would be the end of an IP address.
    if top.bytes().all(|b| b.is_ascii_digit()) { Err(invalid()) } else { Ok(domain.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_in_case_or_form_only_are_one() {
        for (one, other) in [
            ("Ada@Example.COM", "ada@example.com"),
            (" ada@example.com ", "ada@example.com"),
            ("jose\u{301}@example.org", "josé@example.org"),
            ("JOSÉ@example.org", "josé@example.org"),
            ("ana@BÜCHER.example", "ana@xn--bcher-kva.example"),
            ("ΟΔΟΣ@example.gr", "οδος@example.gr"),
            ("o'brien+news@example.com", "O'Brien+News@example.com"),
        ] {
            let (a, b) = (Email::parse(one).unwrap(), Email::parse(other).unwrap());
            assert_eq!(a.normalized(), b.normalized(), "{one} and {other}");
        }
    }

    #[test]
    fn addresses_that_are_not_one_are_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b.".repeat(130));
        for text in [
            "",
            " ",
            "ada",
            "@example.com",
            "ada@",
            "ada@@example.com",
            "a@b@example.com",
            "ada@localhost",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "\"a b\"@example.com",
            "a b@example.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "ada@exa mple.com",
            "ada@-example.com",
            "ada@example..com",
            "ada@example.com\r\nBcc: x",
            "a\0da@example.com",
            "ada@exam\u{200b}ple.com.",
            "a<b>@example.com",
            long_local.as_str(),
            long.as_str(),
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_was_stored_is_read_as_what_was_written() {
        for text in [
            "ada@example.com",
            "Ada.King+News@Example.COM",
            "ana@xn--bcher-kva.example",
            "ana@XN--BCHER-KVA.example",
            "ana@BÜCHER.example",
            "JOSÉ@example.org",
            "ΟΔΟΣ@example.gr",
        ] {
            let email = Email::parse(text).unwrap();
            assert_eq!(Email::from_stored(email.as_str().to_owned()), email, "{text}");
        }
    }

    #[test]
    fn the_address_is_kept_as_its_owner_writes_it() {
        let email = Email::parse("Ada.Lovelace@Example.com").unwrap();
        assert_eq!(email.as_str(), "Ada.Lovelace@Example.com");
        assert_eq!(email.normalized(), "ada.lovelace@example.com");
    }
}
