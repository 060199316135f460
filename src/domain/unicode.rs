//! Text that looks the same is the same text.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Composes, by the tables that domain names need anyway.
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// The text in its composed normal form (NFC), which most text has already.
pub fn nfc(text: &str) -> String {
    NFC.normalize(text).into_owned()
}

/// Lower case character by character: the context rules of whole-string lower
/// case would give one text two forms (the Greek final sigma).
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.chars().flat_map(char::to_lowercase);
    NFC.normalize_iter(lower.map(|c| if c == 'ς' { 'σ' } else { c })).collect()
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
