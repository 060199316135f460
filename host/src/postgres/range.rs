//! Ranges, intervals and other types that the driver does not have.

use std::error::Error;

use bytes::{Buf, BufMut, BytesMut};
use postgres_protocol::IsNull as Null;
use postgres_protocol::types::{self as wire, RangeBound};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::bindings::postgres::{Interval, RangeBoundKind};

type Fallible<T> = Result<T, Box<dyn Error + Sync + Send>>;

/// A bound and its kind; `None` is unbounded.
pub(super) type Bound<T> = Option<(T, RangeBoundKind)>;

/// A range. An empty one reads as unbounded on both sides, as on Spin.
#[derive(Debug)]
pub(super) struct Range<T>(pub(super) Bound<T>, pub(super) Bound<T>);

impl<'a, T: FromSql<'a>> FromSql<'a> for Range<T> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Fallible<Self> {
        let Kind::Range(element) = kind.kind() else {
            return Err("not a range".into());
        };
        let bound = |bound: RangeBound<Option<&'a [u8]>>| -> Fallible<Bound<T>> {
            let (raw, kind) = match bound {
                RangeBound::Unbounded
                | RangeBound::Inclusive(None)
                | RangeBound::Exclusive(None) => {
                    return Ok(None);
                }
                RangeBound::Inclusive(Some(raw)) => (raw, RangeBoundKind::Inclusive),
                RangeBound::Exclusive(Some(raw)) => (raw, RangeBoundKind::Exclusive),
            };
            Ok(Some((T::from_sql(element, raw)?, kind)))
        };
        match wire::range_from_sql(raw)? {
            wire::Range::Empty => Ok(Self(None, None)),
            wire::Range::Nonempty(lower, upper) => Ok(Self(bound(lower)?, bound(upper)?)),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(kind.kind(), Kind::Range(element) if T::accepts(element))
    }
}

impl<T: ToSql> ToSql for Range<T> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        let Kind::Range(element) = kind.kind() else {
            return Err("not a range".into());
        };
        let write = |bound: &Bound<T>, out: &mut BytesMut| -> Fallible<RangeBound<Null>> {
            let Some((value, kind)) = bound else {
                return Ok(RangeBound::Unbounded);
            };
            let null = match value.to_sql(element, out)? {
                IsNull::Yes => Null::Yes,
                IsNull::No => Null::No,
            };
            Ok(match kind {
                RangeBoundKind::Inclusive => RangeBound::Inclusive(null),
                RangeBoundKind::Exclusive => RangeBound::Exclusive(null),
            })
        };
        wire::range_to_sql(|out| write(&self.0, out), |out| write(&self.1, out), out)?;
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(kind.kind(), Kind::Range(element) if T::accepts(element))
    }

    to_sql_checked!();
}

/// `interval`, as it is on the wire.
#[derive(Debug)]
pub(super) struct WireInterval(pub(super) Interval);

impl FromSql<'_> for WireInterval {
    fn from_sql(_: &Type, mut raw: &[u8]) -> Fallible<Self> {
        if raw.len() != size_of::<i64>() + 2 * size_of::<i32>() {
            return Err("unexpected binary format for Postgres INTERVAL".into());
        }
        Ok(Self(Interval { micros: raw.get_i64(), days: raw.get_i32(), months: raw.get_i32() }))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INTERVAL
    }
}

impl ToSql for WireInterval {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        out.put_i64(self.0.micros);
        out.put_i32(self.0.days);
        out.put_i32(self.0.months);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INTERVAL
    }

    to_sql_checked!();
}

/// The bytes of a type that Spin does not know.
#[derive(Debug)]
pub(super) struct Unknown(pub(super) Vec<u8>);

impl FromSql<'_> for Unknown {
    fn from_sql(_: &Type, raw: &[u8]) -> Fallible<Self> {
        Ok(Self(raw.to_owned()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `NULL` of whatever type the statement wants.
#[derive(Debug)]
pub(super) struct SqlNull;

impl ToSql for SqlNull {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Fallible<IsNull> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
