//! Values between Postgres and the guest.

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use rust_decimal::Decimal;
use tokio_postgres::types::{FromSql, ToSql, Type};
use uuid::Uuid;

use super::range::{Bound, Range, SqlNull, Unknown, WireInterval};
use crate::bindings::postgres::{Column, DbDataType, DbValue, ParameterValue};

/// A parameter in the form that the driver takes.
pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

/// The columns of a row.
pub(super) fn columns(row: &tokio_postgres::Row) -> Vec<Column> {
    row.columns()
        .iter()
        .map(|column| Column {
            name: column.name().to_owned(),
            data_type: data_type(column.type_()),
        })
        .collect()
}

fn data_type(kind: &Type) -> DbDataType {
    match *kind {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(kind.name().to_owned()),
    }
}

/// The values of a row.
///
/// # Errors
///
/// When one cannot be converted. A `timestamptz` never can: Spin reads it as a
/// time without a zone, which the driver refuses.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Vec<DbValue>> {
    (0..row.len()).map(|index| value(row, index)).collect()
}

fn value(row: &tokio_postgres::Row, index: usize) -> Result<DbValue> {
    let kind = row.columns()[index].type_();
    match *kind {
        Type::BOOL => read(row, index, DbValue::Boolean),
        Type::BYTEA => read(row, index, DbValue::Binary),
        Type::FLOAT4 => read(row, index, DbValue::Floating32),
        Type::FLOAT8 => read(row, index, DbValue::Floating64),
        Type::INT2 => read(row, index, DbValue::Int16),
        Type::INT4 => read(row, index, DbValue::Int32),
        Type::INT8 => read(row, index, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => read(row, index, DbValue::Str),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => read(row, index, |time: NaiveDateTime| {
            let (year, month, day) = from_date(time.date());
            let (hour, minute, second, nanosecond) = from_time(time.time());
            DbValue::Datetime((year, month, day, hour, minute, second, nanosecond))
        }),
        Type::DATE => read(row, index, |date| DbValue::Date(from_date(date))),
        Type::TIME => read(row, index, |time| DbValue::Time(from_time(time))),
        Type::UUID => read(row, index, |uuid: Uuid| DbValue::Uuid(uuid.to_string())),
        Type::JSONB => read(row, index, |json: serde_json::Value| {
            DbValue::Jsonb(json.to_string().into_bytes())
        }),
        Type::NUMERIC => read(row, index, |number: Decimal| DbValue::Decimal(number.to_string())),
        Type::INT4_RANGE => read(row, index, |Range(from, to)| DbValue::RangeInt32((from, to))),
        Type::INT8_RANGE => read(row, index, |Range(from, to)| DbValue::RangeInt64((from, to))),
        Type::NUM_RANGE => read(row, index, |Range(from, to)| {
            DbValue::RangeDecimal((from_decimal(from), from_decimal(to)))
        }),
        Type::INT4_ARRAY => read(row, index, DbValue::ArrayInt32),
        Type::INT8_ARRAY => read(row, index, DbValue::ArrayInt64),
        Type::NUMERIC_ARRAY => read(row, index, |numbers: Vec<Option<Decimal>>| {
            let text = |number: Option<Decimal>| number.map(|number| number.to_string());
            DbValue::ArrayDecimal(numbers.into_iter().map(text).collect())
        }),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => {
            read(row, index, DbValue::ArrayStr)
        }
        Type::INTERVAL => read(row, index, |WireInterval(interval)| DbValue::Interval(interval)),
        _ => read(row, index, |Unknown(bytes)| DbValue::Unsupported(bytes)),
    }
}

fn read<'a, T: FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    index: usize,
    convert: impl FnOnce(T) -> DbValue,
) -> Result<DbValue> {
    let value: Option<T> = row.try_get(index)?;
    Ok(value.map_or(DbValue::DbNull, convert))
}

/// The parameters in the form that the driver takes.
///
/// # Errors
///
/// When one is none of its type, such as a 30th of February.
pub(super) fn to_sql(parameters: &[ParameterValue]) -> Result<Vec<Parameter>> {
    parameters.iter().map(parameter).collect()
}

fn parameter(value: &ParameterValue) -> Result<Parameter> {
    Ok(match value {
        ParameterValue::Boolean(value) => Box::new(*value),
        ParameterValue::Int8(value) => Box::new(*value),
        ParameterValue::Int16(value) => Box::new(*value),
        ParameterValue::Int32(value) => Box::new(*value),
        ParameterValue::Int64(value) => Box::new(*value),
        ParameterValue::Floating32(value) => Box::new(*value),
        ParameterValue::Floating64(value) => Box::new(*value),
        ParameterValue::Str(value) => Box::new(value.clone()),
        ParameterValue::Binary(value) => Box::new(value.clone()),
        ParameterValue::Date(date) => Box::new(to_date(*date)?),
        ParameterValue::Time(time) => Box::new(to_time(*time)?),
        ParameterValue::Datetime((year, month, day, hour, minute, second, nanosecond)) => {
            let date = to_date((*year, *month, *day))?;
            let time = to_time((*hour, *minute, *second, *nanosecond))?;
            Box::new(NaiveDateTime::new(date, time))
        }
        ParameterValue::Timestamp(seconds) => Box::new(
            DateTime::<Utc>::from_timestamp(*seconds, 0)
                .with_context(|| format!("invalid epoch timestamp {seconds}"))?,
        ),
        ParameterValue::Uuid(text) => {
            Box::new(Uuid::parse_str(text).with_context(|| format!("invalid UUID {text}"))?)
        }
        ParameterValue::Jsonb(bytes) => Box::new(
            serde_json::from_slice::<serde_json::Value>(bytes)
                .with_context(|| format!("invalid JSON {}", String::from_utf8_lossy(bytes)))?,
        ),
        ParameterValue::Decimal(text) => Box::new(to_decimal(text)?),
        ParameterValue::RangeInt32((from, to)) => Box::new(Range(*from, *to)),
        ParameterValue::RangeInt64((from, to)) => Box::new(Range(*from, *to)),
        ParameterValue::RangeDecimal((from, to)) => {
            Box::new(Range(to_decimal_bound(from)?, to_decimal_bound(to)?))
        }
        ParameterValue::ArrayInt32(values) => Box::new(values.clone()),
        ParameterValue::ArrayInt64(values) => Box::new(values.clone()),
        ParameterValue::ArrayDecimal(values) => Box::new(
            values
                .iter()
                .map(|value| value.as_deref().map(to_decimal).transpose())
                .collect::<Result<Vec<_>>>()?,
        ),
        ParameterValue::ArrayStr(values) => Box::new(values.clone()),
        ParameterValue::Interval(interval) => Box::new(WireInterval(*interval)),
        ParameterValue::DbNull => Box::new(SqlNull),
    })
}

fn from_date(date: NaiveDate) -> (i32, u8, u8) {
    (date.year(), small(date.month()), small(date.day()))
}

fn from_time(time: NaiveTime) -> (u8, u8, u8, u32) {
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    (small(hour), small(minute), small(second), time.nanosecond())
}

/// A part of a date or time, none of which exceeds 60.
fn small(part: u32) -> u8 {
    u8::try_from(part).unwrap_or(u8::MAX)
}

fn to_date((year, month, day): (i32, u8, u8)) -> Result<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| anyhow!("invalid date y={year}, m={month}, d={day}"))
}

fn to_time((hour, minute, second, nanosecond): (u8, u8, u8, u32)) -> Result<NaiveTime> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
        .ok_or_else(|| anyhow!("invalid time {hour}:{minute}:{second}:{nanosecond}"))
}

fn to_decimal(text: &str) -> Result<Decimal> {
    Decimal::from_str_exact(text).with_context(|| format!("invalid decimal {text}"))
}

fn to_decimal_bound(bound: &Bound<String>) -> Result<Bound<Decimal>> {
    bound.as_ref().map(|(text, kind)| Ok((to_decimal(text)?, *kind))).transpose()
}

fn from_decimal(bound: Bound<Decimal>) -> Bound<String> {
    bound.map(|(number, kind)| (number.to_string(), kind))
}
