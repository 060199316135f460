//! Text that looks the same is the same text.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in its composed normal form (NFC), which most text has already.
pub fn nfc(text: &str) -> String {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// Lower case character by character: the context rules of whole-string lower
/// case would give one text two forms (the Greek final sigma).
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_becomes_the_same() {
        for (text, expected) in
            [("", ""), ("Ada", "Ada"), ("Jose\u{301}", "José"), ("José", "José")]
        {
            assert_eq!(nfc(text), expected);
        }
    }
}
