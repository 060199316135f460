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
