//! Pages of a list: keyset pagination with signed cursors.

use super::encoding::BASE64URL_NOPAD;

use super::secret::{Purpose, SecretKey, equal};
use crate::error::Invalid;

/// How many items a page has unless its caller says otherwise.
pub const DEFAULT_LIMIT: u32 = 20;
/// The most items that a page can have.
pub const MAX_LIMIT: u32 = 200;

/// What a cursor looks like, as a regular expression of ECMA-262.
pub const CURSOR_PATTERN: &str = "^[A-Za-z0-9_-]+$";
/// The longest cursor, in bytes.
pub const MAX_CURSOR_BYTES: usize = 2048;

const TAG_BYTES: usize = 16;

/// How many items to give at most: 1 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// As many as a page can have.
    pub const MAX: Self = Self(MAX_LIMIT);

    /// Reads a number from 1 to [`MAX_LIMIT`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) => Ok(Self(limit)),
            _ => Err(Invalid::new("out_of_range", format!("must be from 1 to {MAX_LIMIT}"))),
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// At most so many items.
    pub limit: Limit,
    /// Behind this key; from the start if there is none.
    pub after: Option<String>,
}

/// A part of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// The key behind which the next page begins, if there is one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of what was read: one item more than the limit was asked
    /// for, and tells by its presence that there is a next page.
    pub fn of(mut items: Vec<T>, limit: Limit, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }
}

/// Writes a key as a cursor of the list that `query` describes. Signed, so that
/// nobody makes one up; bound to the query, so that none is used elsewhere.
pub fn write_cursor(secret: &SecretKey, query: &str, key: &str) -> String {
    let tag = tag(secret, query, key);
    BASE64URL_NOPAD.encode(&[&tag[..], key.as_bytes()].concat())
}

/// Reads a cursor of the same query.
pub fn read_cursor(secret: &SecretKey, query: &str, cursor: &str) -> Result<String, Invalid> {
    let invalid = || Invalid::new("invalid_cursor", "must be a next_cursor of this list");
    if cursor.len() > MAX_CURSOR_BYTES {
        return Err(invalid());
    }
    let bytes = BASE64URL_NOPAD.decode(cursor).ok_or_else(invalid)?;
    let (given, key) = bytes.split_first_chunk::<TAG_BYTES>().ok_or_else(invalid)?;
    let key = String::from_utf8(key.to_vec()).map_err(|_| invalid())?;
    if equal(&tag(secret, query, &key), given) { Ok(key) } else { Err(invalid()) }
}

fn tag(secret: &SecretKey, query: &str, key: &str) -> [u8; TAG_BYTES] {
    let length = query.len().to_be_bytes();
    let mac = secret.authenticate(Purpose::Cursors, &[&length, query.as_bytes(), key.as_bytes()]);
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(mac.split_at(TAG_BYTES).0);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SecretKey {
        SecretKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
    }

    #[test]
    fn a_cursor_is_good_for_its_query_only_and_cannot_be_changed() {
        let cursor = write_cursor(&secret(), "users", "key");
        assert_eq!(read_cursor(&secret(), "users", &cursor).unwrap(), "key");
        assert!(read_cursor(&secret(), "events", &cursor).is_err());
        for place in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(read_cursor(&secret(), "users", &changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_page_tells_whether_there_is_more() {
        let limit = Limit::parse("2").unwrap();
        let page = Page::of(vec![1, 2, 3], limit, i32::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], Some("2".to_owned())));
        let page = Page::of(vec![1, 2], limit, i32::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
        for text in ["0", "201", "-1", "", "x", "1.5"] {
            assert!(Limit::parse(text).is_err(), "{text}");
        }
    }
}
