//! The passwords that are tried first wherever somebody guesses.

use super::secret::sha256;

/// The first four bytes of the SHA-256 of each, sorted; `build.rs` makes them.
static MARKS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords"));

/// Whether a password is one of them, in whatever case it is written.
pub fn contain(password: &str) -> bool {
    let [a, b, c, d, ..] = sha256(password.to_lowercase().as_bytes());
    let (marks, _) = MARKS.as_chunks::<4>();
    marks.binary_search(&[a, b, c, d]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = include_str!("passwords/common.txt");

    #[test]
    fn every_password_of_the_list_is_common() {
        assert_eq!(LIST.lines().count(), 15_796);
        assert_eq!(LIST.lines().filter(|line| !contain(line)).count(), 0);
        assert!(contain("Password1"));
        assert!(contain("QWERTYUIOP"));
    }

    #[test]
    fn others_are_not() {
        for password in ["a long walk by the river", "correct horse battery staple", "密码密码密码"]
        {
            assert!(!contain(password), "{password}");
        }
        // One in 270,000 is expected to be taken for one of them by chance.
        let taken = (0..100_000).filter(|number| contain(&format!("number {number} of many")));
        assert!(taken.count() < 5);
    }
}
