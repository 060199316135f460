//! Passwords: NIST SP 800-63B-4, 3.1.1.2.

use zeroize::Zeroizing;

use super::common_passwords;
use super::email::Email;
use super::name::Name;
use super::unicode::nfc;
use crate::error::Invalid;

/// The longest password, in characters (Unicode code points).
pub const MAX_CHARS: usize = 256;

/// How many characters a password must have besides what anybody knows.
const MIN_OWN_CHARS: usize = 8;
/// Shorter words are in too many others to mean anything.
const MIN_WORD_CHARS: usize = 3;

/// A password as it was given, in NFC. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Reads a password to compare with: no policy, but no endless text either.
    pub fn given(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("required", "must not be empty"));
        }
        if text.chars().count() > MAX_CHARS {
            let message = format!("must have at most {MAX_CHARS} characters");
            return Err(Invalid::new("too_long", message));
        }
        Ok(Self(Zeroizing::new(nfc(text))))
    }

    /// Reads a password to be set: at least `min` characters, each counting as one,
    /// and none that is tried first wherever somebody guesses.
    pub fn chosen(text: &str, min: usize) -> Result<Self, Invalid> {
        let password = Self::given(text)?;
        if password.0.chars().count() < min {
            let message = format!("must have at least {min} characters");
            return Err(Invalid::new("too_short", message));
        }
        if common_passwords::contain(&password.0) {
            let message = "is one of the passwords that are guessed first";
            return Err(Invalid::new("too_common", message));
        }
        Ok(password)
    }

    /// Fails if hardly anything is left of a password to be set without the words
    /// that anybody knows of its owner.
    pub fn check_for(&self, owner: &Owner<'_>) -> Result<(), Invalid> {
        let whole = Zeroizing::new(self.0.to_lowercase());
        let mut left = whole.clone();
        for word in owner.words() {
            left = Zeroizing::new(left.replace(word.as_str(), ""));
        }
        if left.len() < whole.len() && left.chars().count() < MIN_OWN_CHARS {
            let message = format!(
                "must have at least {MIN_OWN_CHARS} characters besides the name, the address and \
                 the name of this service"
            );
            return Err(Invalid::new("too_personal", message));
        }
        Ok(())
    }

    /// The bytes to hash.
    pub fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whose a password is to be, and where: what others try first.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The address.
    pub email: &'a Email,
    /// The name.
    pub name: &'a Name,
    /// What the application is called.
    pub app_name: &'a Name,
}

impl Owner<'_> {
    /// The words, in lower case, the longest first: a word may be part of another.
    fn words(&self) -> Vec<String> {
        let texts = [self.email.as_str(), self.name.as_str(), self.app_name.as_str()];
        let words = texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
        // Short words mean something where all of them stand together.
        let email = self.email.as_str();
        let name = self.name.as_str().split_whitespace().collect::<String>();
        let whole = email.split('@').chain([email, name.as_str()]);
        let words = words.chain(whole).filter(|word| word.chars().count() >= MIN_WORD_CHARS);
        let mut words: Vec<_> = words.map(str::to_lowercase).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused_in_any_case() {
        for text in ["password", "Password123", "QWERTYUIOP", "iloveyou"] {
            assert_eq!(Password::chosen(text, 8).unwrap_err().code, "too_common", "{text}");
        }
        assert!(Password::chosen("a long walk by the river", 8).is_ok());
    }

    #[test]
    fn what_anybody_knows_of_the_owner_counts_for_nothing() {
        let (email, name) = (Email::parse("grace.h@navy.example"), Name::parse("Grace Hopper"));
        let (email, name) = (email.unwrap(), name.unwrap());
        let app_name = Name::parse("Rollcall").unwrap();
        let owner = Owner { email: &email, name: &name, app_name: &app_name };
        let check = |text: &str| Password::chosen(text, 8).unwrap().check_for(&owner);
        for text in [
            "GraceHopper",
            "grace.h@navy.example",
            "hopper1906",
            "Rollcall2026!",
            "navy-grace-1906",
        ] {
            assert_eq!(check(text).unwrap_err().code, "too_personal", "{text}");
        }
        for text in ["a long walk by the river", "grace walks by the river", "zxsw1906", "rollcal7"]
        {
            assert!(check(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn short_words_count_for_nothing_either_where_they_are_the_whole() {
        let (email, name) = (Email::parse("li.wu@ab.cn"), Name::parse("Li Wu"));
        let (email, name) = (email.unwrap(), name.unwrap());
        let owner = Owner { email: &email, name: &name, app_name: &Name::parse("R").unwrap() };
        for text in ["li.wu@ab.cn", "LiWuLiWu", "li.wu-2026", "ab.cn1234567"] {
            let judged = Password::chosen(text, 8).unwrap().check_for(&owner);
            assert_eq!(judged.unwrap_err().code, "too_personal", "{text}");
        }
        assert!(Password::chosen("willow branch", 8).unwrap().check_for(&owner).is_ok());
    }

    #[test]
    fn every_character_counts_once_and_forms_are_one() {
        assert!(Password::chosen("пароль12", 8).is_ok());
        assert!(Password::chosen("пароль1", 8).is_err());
        assert!(Password::chosen(&"é".repeat(256), 8).is_ok());
        assert!(Password::chosen(&"é".repeat(257), 8).is_err());
        let (composed, decomposed) = ("caf\u{e9} au lait", "cafe\u{301} au lait");
        let read = |text| Password::chosen(text, 8).unwrap();
        assert_eq!(read(composed).reveal(), read(decomposed).reveal());
        assert_ne!(read("Password 1").reveal(), read("password 1").reveal());
        assert_ne!(read(" spaces ").reveal(), read("spaces ab").reveal());
    }

    #[test]
    fn a_password_is_never_printed() {
        assert_eq!(format!("{:?}", Password::given("hunter2").unwrap()), "Password(…)");
    }
}
