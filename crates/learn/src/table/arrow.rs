//! Parquet and Arrow IPC: columns that know their types.

use std::io::Cursor;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::cells::{self, Decimal, Interner};
use super::{Column, Limits, NO_TIME, Table, TableError, Values};

/// What a table makes of a column's type.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    Numeric,
    Boolean,
    Datetime,
    Strings,
}

pub(super) fn read_parquet(bytes: Vec<u8>, limits: &Limits) -> Result<Table, TableError> {
    if !bytes.starts_with(b"PAR1") {
        return Err(not("Parquet", &bytes));
    }
    let broken = |error: &dyn std::fmt::Display| TableError::Broken(error.to_string());
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(|e| broken(&e))?;
    // The footer says how large everything is once unpacked; a file that lies there is cut off while it is read.
    let groups = builder.metadata().row_groups();
    let unpacked: i64 = groups.iter().map(|group| group.total_byte_size().max(0)).fold(0, i64::saturating_add);
    at_most("bytes once unpacked", u64::try_from(unpacked).unwrap_or(0), limits.bytes)?;
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    at_most("rows", rows, limits.rows as u64)?;
    let schema = builder.schema().clone();
    let reader = builder.build().map_err(|e| broken(&e))?;
    gather(&schema, reader, limits)
}

pub(super) fn read_ipc(bytes: &[u8], limits: &Limits) -> Result<Table, TableError> {
    let broken = |error: ArrowError| TableError::Broken(error.to_string());
    if bytes.starts_with(b"ARROW1") {
        let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
        gather(&reader.schema(), reader, limits)
    } else if bytes.starts_with(&[0xff; 4]) {
        let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
        gather(&reader.schema(), reader, limits)
    } else {
        Err(not("Arrow IPC", bytes))
    }
}

fn not(expected: &'static str, bytes: &[u8]) -> TableError {
    let found = super::sniff::signature(bytes).unwrap_or("something else (text?)");
    if bytes.is_empty() { TableError::Empty } else { TableError::NotWhatItSays { expected, found } }
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), TableError> {
    if found > limit { Err(TableError::TooLarge { what, found, limit }) } else { Ok(()) }
}

fn target(name: &str, kind: &DataType) -> Result<Target, TableError> {
    match kind {
        DataType::Boolean => Ok(Target::Boolean),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(Target::Datetime),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(Target::Strings),
        DataType::Dictionary(_, values) => target(name, values),
        DataType::Null | DataType::Decimal128(..) | DataType::Decimal256(..) => Ok(Target::Numeric),
        kind if kind.is_numeric() => Ok(Target::Numeric),
        kind => Err(TableError::UnsupportedType { column: name.to_owned(), found: kind.to_string() }),
    }
}

/// A column while batches come in.
enum Growing {
    Numeric(Vec<f64>),
    Boolean(Vec<Option<bool>>),
    Datetime(Vec<i64>),
    Strings(Interner),
}

fn gather(
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    limits: &Limits,
) -> Result<Table, TableError> {
    at_most("columns", schema.fields().len() as u64, limits.columns as u64)?;
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(match target(field.name(), field.data_type())? {
            Target::Numeric => Growing::Numeric(Vec::new()),
            Target::Boolean => Growing::Boolean(Vec::new()),
            Target::Datetime => Growing::Datetime(Vec::new()),
            Target::Strings => Growing::Strings(Interner::default()),
        });
    }
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    for batch in batches {
        let batch = batch.map_err(|error| TableError::Broken(error.to_string()))?;
        rows += batch.num_rows() as u64;
        bytes = bytes.saturating_add(batch.get_array_memory_size() as u64);
        at_most("rows", rows, limits.rows as u64)?;
        at_most("bytes once unpacked", bytes, limits.bytes)?;
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            append(column, array).map_err(|error| TableError::Broken(error.to_string()))?;
        }
    }
    let mut finished = Vec::with_capacity(columns.len());
    for (field, column) in schema.fields().iter().zip(columns) {
        let name = field.name();
        let values = match column {
            Growing::Numeric(values) => Values::Numeric(values),
            Growing::Boolean(values) => Values::Boolean(values),
            Growing::Datetime(values) => Values::Datetime(values),
            Growing::Strings(interner) => {
                let strings = interner.finish();
                let kind = cells::kind_of(&strings);
                cells::from_strings(name, strings, kind, Decimal::Point)?
            }
        };
        finished.push(Column { name: name.clone(), values });
    }
    Table::new(finished)
}

fn append(column: &mut Growing, array: &ArrayRef) -> Result<(), ArrowError> {
    match column {
        Growing::Numeric(values) => {
            let cast = cast(array, &DataType::Float64)?;
            values.extend(cast.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)));
        }
        Growing::Boolean(values) => {
            let cast = cast(array, &DataType::Boolean)?;
            values.extend(cast.as_boolean().iter());
        }
        Growing::Datetime(values) => {
            let cast = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            values.extend(cast.as_primitive::<TimestampMicrosecondType>().iter().map(|v| v.unwrap_or(NO_TIME)));
        }
        Growing::Strings(interner) => {
            let cast = cast(array, &DataType::LargeUtf8)?;
            cast.as_string::<i64>().iter().for_each(|cell| interner.push(cell.filter(|c| !cells::is_missing(c))));
        }
    }
    Ok(())
}
