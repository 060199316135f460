//! The languages in which the service writes to people.

/// A language that mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// English.
    En,
    /// German.
    De,
}

impl Locale {
    /// Every one.
    pub const ALL: &[Self] = &[Self::En, Self::De];

    /// The language's subtag (RFC 5646).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// Reads a language tag such as `de` or `de-AT`.
    pub fn parse(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_']).next()?;
        Self::ALL.iter().copied().find(|locale| locale.as_str().eq_ignore_ascii_case(language))
    }

    /// The first of the languages that an `Accept-Language` prefers (RFC 9110, 12.5.4).
    pub fn negotiate(accept_language: &str) -> Option<Self> {
        let ranges = accept_language.split(',').filter_map(|range| {
            let (tag, params) = range.split_once(';').unwrap_or((range, ""));
            let weight = params.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok())?;
            Some((Self::parse(tag)?, weight))
        });
        let mut best: Option<(Self, f32)> = None;
        for (locale, weight) in ranges {
            if weight > best.map_or(0.0, |(_, best)| best) {
                best = Some((locale, weight));
            }
        }
        best.map(|(locale, _)| locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_that_there_is_wins() {
        for (header, expected) in [
            ("de", Some(Locale::De)),
            ("de-AT,de;q=0.9,en;q=0.8", Some(Locale::De)),
            ("en;q=0.5, DE;q=0.8", Some(Locale::De)),
            ("fr, en-GB;q=0.3", Some(Locale::En)),
            ("de;q=0, en;q=0.1", Some(Locale::En)),
            ("de, en", Some(Locale::De)),
            ("fr", None),
            ("*", None),
            ("de;q=x", None),
            ("", None),
        ] {
            assert_eq!(Locale::negotiate(header), expected, "{header}");
        }
    }
}
