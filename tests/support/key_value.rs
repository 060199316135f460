//! A key-value store that can be made to fail, and to lie.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall::cache::{Failed, KeyValue};
use rollcall::store::database::BoxFuture;

use super::ports::FixedClock;

/// What a store does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// Nothing instead.
    None,
    /// Everything fails.
    Fails,
    /// Whoever asks stands still for five seconds, and so does everybody else.
    HoldsUp,
    /// Nothing is ever answered.
    NeverAnswers,
    /// It is full: nothing is written, and it says so.
    IsFull,
    /// Nothing is written, and it says otherwise.
    Forgets,
    /// Every value is garbage.
    TellsGarbage,
    /// Every value is that of another key.
    MixesUp,
    /// It tells what was there when this began.
    TellsThePast,
}

/// A store that instances share.
pub(crate) struct FakeKeyValue {
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
    past: Mutex<BTreeMap<String, Vec<u8>>>,
    mischief: Mutex<Mischief>,
    calls: AtomicUsize,
    clock: Arc<FixedClock>,
}

impl FakeKeyValue {
    /// It is empty, and does its work.
    pub(crate) fn new(clock: Arc<FixedClock>) -> Self {
        Self {
            entries: Mutex::default(),
            past: Mutex::default(),
            mischief: Mutex::new(Mischief::None),
            calls: AtomicUsize::new(0),
            clock,
        }
    }

    /// From now on it does this.
    pub(crate) fn make(&self, mischief: Mischief) {
        *self.past.lock().unwrap() = self.entries.lock().unwrap().clone();
        *self.mischief.lock().unwrap() = mischief;
    }

    /// How often it was asked anything.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Everything that is in it, as bytes.
    pub(crate) fn contents(&self) -> Vec<u8> {
        let entries = self.entries.lock().unwrap();
        entries.iter().flat_map(|(key, value)| [key.as_bytes(), value].concat()).collect()
    }

    /// What it does at present, which is asked for as often as it is asked anything.
    fn asked(&self) -> Mischief {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mischief = *self.mischief.lock().unwrap();
        if mischief == Mischief::HoldsUp {
            self.clock.advance(Duration::from_secs(5));
        }
        mischief
    }

    fn look(&self, key: &str, mischief: Mischief) -> Option<Vec<u8>> {
        let entries = self.entries.lock().unwrap();
        match mischief {
            Mischief::TellsGarbage => Some(vec![0xff; 100]),
            Mischief::MixesUp => {
                let (kind, _) = key.split_once('.').unwrap();
                let of_a_kind = |other: &&String| other.starts_with(kind) && *other != key;
                entries.keys().find(of_a_kind).and_then(|other| entries.get(other)).cloned()
            }
            Mischief::TellsThePast => self.past.lock().unwrap().get(key).cloned(),
            _ => entries.get(key).cloned(),
        }
    }
}

impl KeyValue for FakeKeyValue {
    fn get(&self, key: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, Failed>> {
        Box::pin(async move {
            match self.asked() {
                Mischief::Fails => Err(Failed),
                Mischief::NeverAnswers => std::future::pending().await,
                mischief => Ok(self.look(&key, mischief)),
            }
        })
    }

    fn set(&self, key: String, value: Vec<u8>) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            match self.asked() {
                Mischief::Fails | Mischief::IsFull => return Err(Failed),
                Mischief::NeverAnswers => std::future::pending().await,
                Mischief::Forgets => {}
                _ => drop(self.entries.lock().unwrap().insert(key, value)),
            }
            Ok(())
        })
    }
}
