//! The audit trail: events as they are stored, and the chain that holds them
//! together. `docs/audit.md` tells its form to those who verify it elsewhere.

use super::encoding::HEX;
use serde::Serialize;

use super::secret::sha256;
use super::time::Timestamp;
use crate::error::Invalid;

/// What the first event names as the hash before it.
pub const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The longest text that a filter compares with, in bytes.
pub const MAX_TERM_BYTES: usize = 128;

/// An event in the very words that are stored: a kind that this version of the
/// service does not know is a part of the chain, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Names the event.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// What it happened to, if to anything.
    pub subject: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The request in which it happened.
    pub request_id: String,
}

/// Where an event stands in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// 1 for the first event, and one more for each that follows.
    pub position: i64,
    /// The hash of the event before.
    pub previous_hash: String,
    /// The hash of the event, its position and the hash before it.
    pub hash: String,
}

/// An event, and its place in the chain once it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub record: Record,
    /// Where it stands; nothing for a moment after it happened.
    pub seal: Option<Seal>,
}

/// A place in the chain: all events up to here are told by one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The position of the last of them; 0 before the first.
    pub position: i64,
    /// Its hash.
    pub hash: String,
}

impl Place {
    /// Before the first event.
    pub fn origin() -> Self {
        Self { position: 0, hash: ORIGIN.to_owned() }
    }

    /// The seal of the event that comes next.
    pub fn seal(&self, record: &Record) -> Seal {
        let position = self.position.saturating_add(1);
        let previous_hash = self.hash.clone();
        let hash = hash(record, position, &previous_hash);
        Seal { position, previous_hash, hash }
    }
}

impl From<&Seal> for Place {
    fn from(seal: &Seal) -> Self {
        Self { position: seal.position, hash: seal.hash.clone() }
    }
}

/// What is wrong at a position of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no event.
    Missing,
    /// The event is not what was hashed.
    Altered,
    /// The event does not name the hash of the one before it.
    Unlinked,
    /// The chain ended before.
    BeyondEnd,
}

impl Fault {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Unlinked => "unlinked",
            Self::BeyondEnd => "beyond_end",
        }
    }
}

/// The first position at which the chain does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// Where.
    pub position: i64,
    /// What is wrong there.
    pub fault: Fault,
}

/// Follows the chain from `start` over the entries behind it, which are in order,
/// and says how far it holds. With `end`, the entries are all that there are, and
/// the chain must end there.
pub fn follow(start: Place, entries: &[Entry], end: Option<&Place>) -> (Place, Option<Break>) {
    let mut before = start.clone();
    let mut place = start;
    for entry in entries {
        let expected = place.seal(&entry.record);
        let broken = |fault| Some(Break { position: expected.position, fault });
        let fault = match &entry.seal {
            Some(seal) if end.is_some_and(|end| seal.position > end.position) => {
                // What is missing before it counts as what is wrong, if anything is.
                let missing = end.is_some_and(|end| expected.position <= end.position);
                if missing { broken(Fault::Missing) } else { broken(Fault::BeyondEnd) }
            }
            Some(seal) if seal.position != expected.position => broken(Fault::Missing),
            Some(seal) if seal.previous_hash != expected.previous_hash => broken(Fault::Unlinked),
            Some(seal) if seal.hash != expected.hash => broken(Fault::Altered),
            Some(_) => None,
            None => broken(Fault::Missing),
        };
        if fault.is_some() {
            return (place, fault);
        }
        before = std::mem::replace(&mut place, Place::from(&expected));
    }
    match end {
        Some(end) if place.position < end.position => {
            let position = place.position.saturating_add(1);
            (place, Some(Break { position, fault: Fault::Missing }))
        }
        Some(end) if place.position == end.position && place.hash != end.hash => {
            (before, Some(Break { position: place.position, fault: Fault::Altered }))
        }
        Some(_) | None => (place, None),
    }
}

/// An event as it is hashed: members in the order of their names, as RFC 8785
/// writes them.
#[derive(Serialize)]
struct Canonical<'a> {
    actor: &'a str,
    at: String,
    id: &'a str,
    kind: &'a str,
    position: i64,
    previous_hash: &'a str,
    request_id: &'a str,
    subject: Option<&'a str>,
}

fn hash(record: &Record, position: i64, previous_hash: &str) -> String {
    let canonical = Canonical {
        actor: &record.actor,
        at: record.at.to_string(),
        id: &record.id,
        kind: &record.kind,
        position,
        previous_hash,
        request_id: &record.request_id,
        subject: record.subject.as_deref(),
    };
    // Texts and numbers can always be written.
    let text = serde_json::to_string(&canonical).unwrap_or_default();
    HEX.encode(&sha256(text.as_bytes()))
}

/// What events are compared with: an id, a kind, an actor or a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term(String);

impl Term {
    /// What a term looks like, as a regular expression of ECMA-262.
    pub const PATTERN: &str = "^[A-Za-z0-9_.:-]+$";

    /// Reads letters, digits and `_-.:`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
        if (1..=MAX_TERM_BYTES).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("invalid_term", "must be letters, digits and _-.: only"))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which events are asked for: those that meet every part that is there.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<Term>,
    /// By this actor.
    pub actor: Option<Term>,
    /// That happened to this subject.
    pub subject: Option<Term>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u8) -> Record {
        Record {
            id: format!("019b76da-a800-7000-8000-00000000000{number}"),
            kind: "user.created".to_owned(),
            actor: "operator".to_owned(),
            subject: (number > 1).then(|| "019b76da-a800-7000-8000-0000000000ff".to_owned()),
            at: Timestamp::from_micros(1_767_225_600_000_000 + i64::from(number)),
            request_id: "r\"1".to_owned(),
        }
    }

    /// Five sealed events and where they end.
    fn chain() -> (Vec<Entry>, Place) {
        let mut place = Place::origin();
        let mut entries = Vec::new();
        for number in 1..=5 {
            let record = record(number);
            let seal = place.seal(&record);
            place = Place::from(&seal);
            entries.push(Entry { record, seal: Some(seal) });
        }
        (entries, place)
    }

    fn broken(entries: &[Entry], end: &Place) -> Option<(i64, Fault)> {
        let (_, broken) = follow(Place::origin(), entries, Some(end));
        broken.map(|broken| (broken.position, broken.fault))
    }

    /// The hash of `docs/audit.md`, computed by other means.
    #[test]
    fn a_hash_is_that_of_the_documented_form() {
        let (entries, _) = chain();
        let expected = "dc30ecb4a6bb339ced0364055bc75bf387d02b5ec55a504a770d3fb616935607";
        assert_eq!(entries[0].seal.as_ref().unwrap().hash, expected);
    }

    #[test]
    fn a_chain_holds_from_everywhere_to_its_end() {
        let (entries, end) = chain();
        for begin in 0..=5 {
            let start = match begin {
                0 => Place::origin(),
                _ => Place::from(entries[begin - 1].seal.as_ref().unwrap()),
            };
            assert_eq!(follow(start, &entries[begin..], Some(&end)), (end.clone(), None));
        }
        let part = Place::from(entries[2].seal.as_ref().unwrap());
        assert_eq!(follow(Place::origin(), &entries[..3], None), (part, None));
    }

    #[test]
    fn whatever_is_changed_the_first_bad_position_is_named() {
        let (entries, end) = chain();
        let edits: [fn(&mut Entry); 8] = [
            |entry| entry.record.id.push('0'),
            |entry| entry.record.kind = "user.deleted".to_owned(),
            |entry| entry.record.actor = "service".to_owned(),
            |entry| entry.record.subject = None,
            |entry| entry.record.at = Timestamp::from_micros(0),
            |entry| entry.record.request_id.clear(),
            |entry| entry.seal.as_mut().unwrap().hash = ORIGIN.to_owned(),
            |entry| entry.seal.as_mut().unwrap().previous_hash = ORIGIN.to_owned(),
        ];
        for (number, edit) in edits.into_iter().enumerate() {
            let mut changed = entries.clone();
            edit(&mut changed[2]);
            let fault = if number == 7 { Fault::Unlinked } else { Fault::Altered };
            assert_eq!(broken(&changed, &end), Some((3, fault)), "edit {number}");
        }
    }

    #[test]
    fn events_that_are_gone_moved_or_added_are_found() {
        let (entries, end) = chain();
        for gone in 0..5 {
            let mut changed = entries.clone();
            changed.remove(gone);
            let position = i64::try_from(gone).unwrap() + 1;
            assert_eq!(broken(&changed, &end), Some((position, Fault::Missing)));
        }
        let mut swapped = entries.clone();
        let (second, third) = (swapped[1].record.clone(), swapped[2].record.clone());
        (swapped[1].record, swapped[2].record) = (third, second);
        assert_eq!(broken(&swapped, &end), Some((2, Fault::Altered)));

        let mut longer = entries.clone();
        let seal = end.seal(&record(6));
        longer.push(Entry { record: record(6), seal: Some(seal) });
        assert_eq!(broken(&longer, &end), Some((6, Fault::BeyondEnd)));

        // Somebody who writes the whole chain anew is found by who remembers its end.
        let other = Place { hash: ORIGIN.to_owned(), ..end };
        assert_eq!(broken(&entries, &other), Some((5, Fault::Altered)));
    }
}
