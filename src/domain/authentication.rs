//! How somebody proved who they are.

use std::collections::BTreeSet;

/// One thing that a person showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// A password.
    Password,
    /// A link or a code that was mailed to the user's address.
    Email,
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
}

impl Method {
    const ALL: [Self; 4] = [Self::Password, Self::Email, Self::Totp, Self::RecoveryCode];

    /// The `amr` value: of RFC 8176 where it has one, our own word where not.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Email => "email",
            Self::Totp => "otp",
            Self::RecoveryCode => "recovery_code",
        }
    }

    const fn is_second_factor(self) -> bool {
        matches!(self, Self::Totp | Self::RecoveryCode)
    }
}

/// All that a person showed to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods(BTreeSet<Method>);

/// Shown besides the first factor, a second one makes it these two words.
const MULTI_FACTOR: &str = "mfa";
const ONE_FACTOR: &str = "urn:rollcall:acr:1";
const TWO_FACTORS: &str = "urn:rollcall:acr:2";

impl Methods {
    /// This one.
    pub fn of(method: Method) -> Self {
        Self(BTreeSet::from([method]))
    }

    /// And this one.
    pub fn and(mut self, method: Method) -> Self {
        self.0.insert(method);
        self
    }

    /// From the stored form: separated by spaces.
    pub fn from_stored(text: &str) -> Self {
        let find = |word| Method::ALL.into_iter().find(|method| method.as_str() == word);
        Self(text.split_whitespace().filter_map(find).collect())
    }

    /// The stored form.
    pub fn to_stored(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|method| method.as_str()).collect();
        words.join(" ")
    }

    /// The `amr` claim, RFC 8176: the methods, and `mfa` if there are two factors.
    pub fn amr(&self) -> Vec<&'static str> {
        let mfa = self.has_two_factors().then_some(MULTI_FACTOR);
        self.0.iter().map(|method| method.as_str()).chain(mfa).collect()
    }

    /// The `acr` claim (OpenID Connect Core, 2): `urn:rollcall:acr:1` for one
    /// factor, `urn:rollcall:acr:2` for a second one besides it.
    pub fn acr(&self) -> &'static str {
        if self.has_two_factors() { TWO_FACTORS } else { ONE_FACTOR }
    }

    fn has_two_factors(&self) -> bool {
        let (second, first): (Vec<Method>, _) =
            self.0.iter().partition(|method| method.is_second_factor());
        !first.is_empty() && !second.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_are_a_first_one_and_a_second_one() {
        use Method::{Email, Password, RecoveryCode, Totp};
        for (shown, amr, acr) in [
            (&[Password][..], &["pwd"][..], ONE_FACTOR),
            (&[Email], &["email"], ONE_FACTOR),
            (&[Totp], &["otp"], ONE_FACTOR),
            (&[Password, Email], &["pwd", "email"], ONE_FACTOR),
            (&[Password, Totp], &["pwd", "otp", "mfa"], TWO_FACTORS),
            (&[Email, RecoveryCode], &["email", "recovery_code", "mfa"], TWO_FACTORS),
        ] {
            let methods = Methods(shown.iter().copied().collect());
            assert_eq!((&*methods.amr(), methods.acr()), (amr, acr));
            assert_eq!(Methods::from_stored(&methods.to_stored()), methods);
        }
    }
}
