//! Time and randomness are inputs, so that a whole answer can be a snapshot.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch, as tokens carry them.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch, as stored.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down, as tokens carry them.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since the epoch, as UUIDv7 carries them.
    pub const fn millis(self) -> u64 {
        let millis = self.0.div_euclid(1_000);
        if millis < 0 { 0 } else { millis.unsigned_abs() }
    }

    /// Later by a duration; the end of time when it would overflow.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Earlier by a duration; the beginning of time when it would overflow.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// Reads an RFC 3339 date and time, of a year from 0 to 9999 in UTC: others could not be
    /// written again.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let moment = moment.checked_to_offset(UtcOffset::UTC).filter(|m| m.year() >= 0)?;
        let nanos = moment.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000)).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with six digits of a second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"0000-01-01T00:00:00.000000Z";
        if let Ok(moment) = OffsetDateTime::from_unix_timestamp(self.seconds())
            && let Ok(year) = u32::try_from(moment.year())
        {
            let (hour, minute, second) = moment.to_hms();
            write_digits(&mut text, 0..4, year);
            write_digits(&mut text, 5..7, u8::from(moment.month()).into());
            write_digits(&mut text, 8..10, moment.day().into());
            write_digits(&mut text, 11..13, hour.into());
            write_digits(&mut text, 14..16, minute.into());
            write_digits(&mut text, 17..19, second.into());
            let micros = self.0.rem_euclid(1_000_000);
            write_digits(&mut text, 20..26, u32::try_from(micros).unwrap_or(0));
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// Writes a number, with zeros before it, over a place in a text. Four of these
/// texts are in every answer about a user: `write!` takes several times as long.
fn write_digits(text: &mut [u8], place: Range<usize>, number: u32) {
    let mut rest = number;
    for byte in text.get_mut(place).unwrap_or_default().iter_mut().rev() {
        let digit = u8::try_from(rest % 10).unwrap_or(0);
        *byte = b'0'.saturating_add(digit);
        rest /= 10;
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from: at least 128 bits of security, unpredictable.
pub trait Rng: Send + Sync {
    /// Fills the whole slice.
    fn fill(&self, bytes: &mut [u8]);
}

/// An array of random bytes.
pub fn random<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_and_read_as_rfc_3339() {
        let moment = Timestamp::from_micros(1_767_225_600_123_456);
        assert_eq!(moment.to_string(), "2026-01-01T00:00:00.123456Z");
        assert_eq!(Timestamp::parse("2026-01-01T01:00:00.123456+01:00"), Some(moment));
        for text in ["yesterday", "2026-01-01", "2026-01-01T00:00Z", "2026-02-30T00:00:00Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_timestamp_outside_the_years_that_rfc_3339_writes_is_its_first_moment() {
        for micros in [i64::MIN, -62_167_219_200_000_001, i64::MAX] {
            let moment = Timestamp::from_micros(micros).to_string();
            assert_eq!(moment, "0000-01-01T00:00:00.000000Z", "{micros}");
        }
        let last = Timestamp::from_micros(253_402_300_799_999_999);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_timestamp_is_of_a_year_that_can_be_written_in_utc() {
        for text in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        for text in ["0000-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_timestamp_before_the_epoch_is_rounded_down() {
        let moment = Timestamp::parse("1969-12-31T23:59:59.999999999Z").unwrap();
        assert_eq!(moment, Timestamp::from_micros(-1));
        assert_eq!(moment.to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_timestamp_never_overflows() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Timestamp::from_micros(0).since(end), Duration::ZERO);
    }
}
