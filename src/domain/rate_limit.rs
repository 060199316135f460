//! How often something may be tried: the table of limits, and the arithmetic of
//! a bucket.
//!
//! A bucket holds `quota` uses and fills up within `window`. It is kept as the
//! one moment at which it is full again: a use puts that moment off by its
//! price, which is `window / quota`, and is granted unless the moment would then
//! be further away than the window. (Known as the generic cell rate algorithm.)
//!
//! A limit that grows doubles its price whenever a use empties the bucket: the
//! first uses are free, then each wait is twice as long as the one before, up to
//! half the window. The price is as it was once the bucket is full again, which
//! takes a pause that is longer than the longest wait.

use std::time::Duration;

use super::time::Timestamp;

/// By what uses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By the client's address prefix, whatever account it is about.
    Address,
    /// By the account, whoever asks from wherever.
    Account,
    /// By the account and the address prefix: nobody elsewhere can use it up.
    AccountHere,
    /// By the account, from all the places together where it never signed in:
    /// nobody there can keep its owner out of a place where it did.
    AccountElsewhere,
}

/// A limit on one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name in answers.
    pub name: &'static str,
    /// How many uses a full bucket holds.
    pub quota: u32,
    /// By what they are counted.
    pub by: By,
    /// Whether the waits grow.
    pub grows: bool,
}

/// What is limited. A use must be granted by all limits of its policy, and is
/// then counted by all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Within which time its buckets fill up.
    pub window: Duration,
    /// Its limits.
    pub limits: &'static [Limit],
}

const MINUTE: Duration = Duration::from_secs(60);
const HALF_HOUR: Duration = Duration::from_secs(30 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

const fn within(window: Duration, limits: &'static [Limit]) -> Policy {
    Policy { window, limits }
}

const fn limit(name: &'static str, quota: u32, by: By) -> Limit {
    Limit { name, quota, by, grows: false }
}

const fn growing(name: &'static str, quota: u32, by: By) -> Limit {
    Limit { name, quota, by, grows: true }
}

/// The table.
impl Policy {
    /// Failed sign-ins. Those that succeed count against nobody.
    pub const SIGN_IN: Self = within(
        HALF_HOUR,
        &[
            growing("sign-in", 10, By::AccountHere),
            growing("sign-in-account", 100, By::AccountElsewhere),
            limit("sign-in-address", 200, By::Address),
        ],
    );
    /// Refreshes with a token that is not good. Others are not counted.
    pub const REFRESH: Self = within(HALF_HOUR, &[limit("refresh", 600, By::Address)]);
    /// Guesses of the bootstrap token.
    pub const BOOTSTRAP: Self = within(HALF_HOUR, &[limit("bootstrap", 10, By::Address)]);
    /// Users created with a password, which must be hashed: an import goes through.
    pub const CREATE_USER: Self = within(MINUTE, &[limit("create-user", 6_000, By::Account)]);
    /// Failed proofs of one's own password by somebody who is signed in.
    pub const OWN_PASSWORD: Self = within(HALF_HOUR, &[growing("password", 10, By::Account)]);
    /// Registrations.
    pub const REGISTRATION: Self = within(
        HOUR,
        &[
            limit("registration", 10, By::AccountHere),
            limit("registration-account", 20, By::AccountElsewhere),
            limit("registration-address", 300, By::Address),
        ],
    );
    /// Requests for a mail that verifies an address.
    pub const EMAIL_VERIFICATION: Self = within(
        HOUR,
        &[
            limit("email-verification", 10, By::AccountHere),
            limit("email-verification-account", 20, By::AccountElsewhere),
            limit("email-verification-address", 300, By::Address),
        ],
    );
    /// Requests for a mail that resets a password.
    pub const PASSWORD_RESET: Self = within(
        HOUR,
        &[
            limit("password-reset", 10, By::AccountHere),
            limit("password-reset-account", 20, By::AccountElsewhere),
            limit("password-reset-address", 300, By::Address),
        ],
    );
    /// Requests for a mail with a link or a code to sign in with.
    pub const EMAIL_SIGN_IN: Self = within(
        HOUR,
        &[
            limit("email-sign-in", 20, By::AccountHere),
            limit("email-sign-in-account", 40, By::AccountElsewhere),
            limit("email-sign-in-address", 300, By::Address),
        ],
    );
    /// Requests for another address of one's own, each of which mails to whom one names.
    pub const EMAIL_CHANGE: Self = within(HOUR, &[limit("email-change", 10, By::Account)]);
    /// Tokens that were said to be from a mail and were not good.
    pub const MAILED_TOKEN: Self = within(HALF_HOUR, &[limit("mailed-token", 200, By::Address)]);
    /// Codes from mails that were wrong; each code has its own limit, too.
    pub const EMAIL_CODE: Self = within(HALF_HOUR, &[limit("email-code", 100, By::Address)]);
    /// Codes of a second factor that were wrong at sign-in; each factor and each
    /// question has its own limit, too.
    pub const SECOND_FACTOR: Self = within(HALF_HOUR, &[limit("second-factor", 100, By::Address)]);
    /// Invitations.
    pub const INVITATION: Self = within(HOUR, &[limit("invitation", 100, By::Account)]);

    /// All of it.
    pub const TABLE: &[Self] = &[
        Self::SIGN_IN,
        Self::REFRESH,
        Self::BOOTSTRAP,
        Self::CREATE_USER,
        Self::OWN_PASSWORD,
        Self::REGISTRATION,
        Self::EMAIL_VERIFICATION,
        Self::PASSWORD_RESET,
        Self::EMAIL_SIGN_IN,
        Self::EMAIL_CHANGE,
        Self::MAILED_TOKEN,
        Self::EMAIL_CODE,
        Self::SECOND_FACTOR,
        Self::INVITATION,
    ];
}

/// By how much the operator multiplies every quota: thousandths, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale(u64);

impl Scale {
    /// Every quota as the table has it.
    pub const ONE: Self = Self(1_000);

    /// Reads a number from 0.001 to 1000000 with at most three decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > 3 {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let thousandths: u64 = format!("{decimals:0<3}").parse().ok()?;
        let scale = whole.checked_mul(1_000)?.checked_add(thousandths)?;
        (1..=1_000_000_000).contains(&scale).then_some(Self(scale))
    }

    /// A quota of this scale: at least one.
    fn of(self, quota: u32) -> u64 {
        u64::from(quota).saturating_mul(self.0).checked_div(1_000).unwrap_or(0).max(1)
    }
}

/// One bucket: a limit, for one account or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Names it in the database.
    pub key: String,
    /// Which limit it is of.
    pub limit: &'static Limit,
    /// What a use costs while the bucket is not emptied, in microseconds.
    pub price: i64,
    /// The most that a use may come to cost, in microseconds.
    pub top_price: i64,
    /// Within which time it fills up, in microseconds.
    pub window: i64,
    quota: u64,
}

/// What is stored of a bucket that is not full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// When it is full again.
    pub full_at: Timestamp,
    /// What the next use costs, in microseconds.
    pub price: i64,
}

/// How a client stands with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which limit.
    pub limit: &'static Limit,
    /// How many uses a full bucket holds.
    pub quota: u64,
    /// Within which time a bucket fills up.
    pub window: Duration,
    /// How many uses are left.
    pub remaining: u64,
    /// When there is one more. Zero when nothing is missing.
    pub reset: Duration,
}

impl Bucket {
    /// The bucket of a limit called `key`.
    pub fn new(key: String, window: Duration, limit: &'static Limit, scale: Scale) -> Self {
        let quota = scale.of(limit.quota);
        let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
        let divisor = i64::try_from(quota).unwrap_or(i64::MAX);
        let price = window.checked_div(divisor).unwrap_or(window).max(1);
        let longest = window.checked_div(2).unwrap_or(window).max(price);
        let top_price = if limit.grows { longest } else { price };
        Self { key, limit, price, top_price, window, quota }
    }

    /// How a client stands with it now, by what is stored of it.
    pub fn standing(&self, level: Option<Level>, now: Timestamp) -> Standing {
        let level = level.filter(|level| level.full_at > now);
        let missing = level.map_or(0, |level| level.full_at.micros().saturating_sub(now.micros()));
        let price = level.map_or(self.price, |level| level.price).max(1);
        let room = self.window.saturating_sub(missing).max(0);
        let remaining = room.checked_div(price).unwrap_or(0);
        let next = price.saturating_mul(remaining.saturating_add(1)).saturating_sub(room);
        let micros = if missing == 0 { 0 } else { next.clamp(0, self.window) };
        Standing {
            limit: self.limit,
            quota: self.quota,
            window: Duration::from_micros(self.window.unsigned_abs()),
            remaining: remaining.unsigned_abs().min(self.quota),
            reset: Duration::from_micros(micros.unsigned_abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_name_of_its_own() {
        let limits = Policy::TABLE.iter().flat_map(|policy| policy.limits);
        let names: Vec<_> = limits.map(|limit| limit.name).collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{names:?}");
    }

    #[test]
    fn a_scale_multiplies_and_leaves_at_least_one() {
        for (text, of_ten) in [("1", 10), ("0.5", 5), ("2.25", 22), ("1000", 10_000), ("0.001", 1)]
        {
            assert_eq!(Scale::parse(text).unwrap().of(10), of_ten, "{text}");
        }
        for text in ["", "0", "0.0", "-1", "1e3", "1.2345", ".5", "1.", "1000000.001", "+1"] {
            assert_eq!(Scale::parse(text), None, "{text}");
        }
    }

    fn bucket(quota: u32) -> Bucket {
        let limit = Box::leak(Box::new(limit("test", quota, By::Address)));
        Bucket::new(String::new(), MINUTE, limit, Scale::ONE)
    }

    #[test]
    fn what_is_left_is_whole_uses_and_the_next_comes_in_time() {
        let now = Timestamp::from_micros(1_000_000_000);
        let at = |seconds: u64| {
            let full_at = now.plus(Duration::from_secs(seconds));
            Some(Level { full_at, price: 10_000_000 })
        };
        for (level, remaining, reset) in
            [(None, 6, 0), (at(10), 5, 10), (at(15), 4, 5), (at(55), 0, 5), (at(60), 0, 10)]
        {
            let standing = bucket(6).standing(level, now);
            let got = (standing.remaining, standing.reset.as_secs());
            assert_eq!(got, (remaining, reset), "{level:?}");
        }
        let past = Level { full_at: now.minus(MINUTE), price: 60_000_000 };
        assert_eq!(bucket(6).standing(Some(past), now).remaining, 6);
    }
}
