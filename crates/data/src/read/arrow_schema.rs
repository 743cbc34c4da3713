//! Types of the columns of an Arrow stream, also as Parquet files carry them.

use super::columnar::{SECONDS_PER_DAY, Target, decimal, digits, seconds};
use half::f16;
use polars_arrow_format::ipc::planus::{ReadAsRoot as _, Vector};
use polars_arrow_format::ipc::{
    DateUnit, DictionaryEncodingRef, Endianness, FieldRef, IntRef, MessageHeaderRef, MessageRef, MetadataVersion,
    Precision, SchemaRef, TimeUnit, TypeRef, UnionMode,
};

/// Types within types.
const DEPTH: usize = 32;
/// Fields of all depths.
const FIELDS: usize = 200_000;

/// What is wrong with a file, in words.
pub(super) type Reason = String;

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    /// Whole numbers of `bytes` bytes, to be divided by ten to the power of `scale`.
    Decimal {
        bytes: usize,
        scale: i32,
    },
    /// Counts of a unit since 1970, to seconds.
    Dates {
        wide: bool,
        per_second: i64,
    },
    /// Days since 1970, to seconds.
    Days,
    /// Counts of a unit, to hours.
    Hours {
        wide: bool,
        per_second: i64,
    },
}

impl Number {
    /// Bytes of one.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 | Self::Days => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Decimal { bytes, .. } => bytes,
            Self::Dates { wide, .. } | Self::Hours { wide, .. } => {
                if wide {
                    8
                } else {
                    4
                }
            }
        }
    }

    /// The numbers of `data` behind `to`. Bytes that do not make a whole number are left.
    pub(super) fn read(self, data: &[u8], to: &mut Vec<f64>) {
        fn each<const N: usize>(data: &[u8], to: &mut Vec<f64>, value: impl Fn([u8; N]) -> f64) {
            to.extend(data.as_chunks::<N>().0.iter().map(|&bytes| value(bytes)));
        }
        match self {
            Self::U8 => to.extend(data.iter().map(|&b| f64::from(b))),
            Self::I8 => to.extend(data.iter().map(|&b| f64::from(b as i8))),
            Self::U16 => each(data, to, |b| f64::from(u16::from_le_bytes(b))),
            Self::I16 => each(data, to, |b| f64::from(i16::from_le_bytes(b))),
            Self::F16 => each(data, to, |b| f64::from(f16::from_le_bytes(b))),
            Self::U32 => each(data, to, |b| f64::from(u32::from_le_bytes(b))),
            Self::I32 => each(data, to, |b| f64::from(i32::from_le_bytes(b))),
            Self::F32 => each(data, to, |b| f64::from(f32::from_le_bytes(b))),
            Self::U64 => each(data, to, |b| u64::from_le_bytes(b) as f64),
            Self::I64 => each(data, to, |b| i64::from_le_bytes(b) as f64),
            Self::F64 => each(data, to, f64::from_le_bytes),
            Self::Days => each(data, to, |b| f64::from(i32::from_le_bytes(b)) * SECONDS_PER_DAY as f64),
            Self::Dates { wide: true, per_second } => each(data, to, |b| seconds(i64::from_le_bytes(b), per_second)),
            Self::Dates { wide: false, per_second } => {
                each(data, to, |b| seconds(i64::from(i32::from_le_bytes(b)), per_second));
            }
            Self::Hours { wide: true, per_second } => {
                each(data, to, |b| seconds(i64::from_le_bytes(b), per_second) / 3600.0);
            }
            Self::Hours { wide: false, per_second } => {
                each(data, to, |b| seconds(i64::from(i32::from_le_bytes(b)), per_second) / 3600.0);
            }
            Self::Decimal { bytes, scale } => to.extend(data.chunks_exact(bytes).map(|b| decimal(b, scale))),
        }
    }

    /// Whether they are whole numbers that double precision may round.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Self::U64 | Self::I64 | Self::Decimal { scale: 0, .. })
    }

    /// All digits of a whole number.
    pub(super) fn digits(self, data: &[u8]) -> String {
        let unsigned = (self == Self::U64).then_some(0);
        digits(&data.iter().copied().chain(unsigned).collect::<Vec<_>>())
    }

    fn is_date(self) -> bool {
        matches!(self, Self::Days | Self::Dates { .. })
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but missing values.
    Null,
    Bool,
    Number(Number),
    /// Text with offsets of four bytes, or of eight.
    Text {
        wide: bool,
    },
    /// Text of which short ones lie in the column itself.
    TextView,
    /// Lists of so many numbers each.
    Lists {
        size: usize,
        of: Number,
    },
    /// What a table does not hold, by its name.
    Other(&'static str),
}

/// A column, or a part of a nested one.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The values are places in a list of values: its number, and the type of the places.
    pub(super) dictionary: Option<(i64, Number)>,
    /// Buffers of its own, in a record batch.
    pub(super) buffers: usize,
    /// Whether more buffers follow, as many as the batch says.
    pub(super) is_variadic: bool,
    pub(super) children: Vec<Field>,
}

impl Field {
    /// What it becomes in a table; none where there is no way.
    pub(super) fn target(&self) -> Option<Target> {
        match self.kind {
            Kind::Number(number) if number.is_date() => Some(Target::Dates),
            Kind::Null | Kind::Number(_) => Some(Target::Numbers),
            Kind::Bool | Kind::Text { .. } | Kind::TextView => Some(Target::Text),
            Kind::Lists { .. } if self.dictionary.is_some() => None,
            Kind::Lists { size, .. } => Some(Target::Lists(size)),
            Kind::Other(_) => None,
        }
    }
}

/// The columns that the message of a schema describes, where it is one.
pub(super) fn fields_of_message(message: &[u8]) -> Option<Vec<Field>> {
    let message = MessageRef::read_as_root(message).ok()?;
    match message.header().ok()?? {
        MessageHeaderRef::Schema(schema) => fields(schema, message.version().ok()?).ok(),
        _ => None,
    }
}

/// The columns of a schema.
pub(super) fn fields(schema: SchemaRef<'_>, version: MetadataVersion) -> Result<Vec<Field>, Reason> {
    if schema.endianness().map_err(words)? == Endianness::Big {
        return Err("its numbers have their big end first".to_owned());
    }
    let mut left = FIELDS;
    all(schema.fields().map_err(words)?, version, &mut left, 0)
}

type Fields<'a> = Option<Vector<'a, polars_arrow_format::ipc::planus::Result<FieldRef<'a>>>>;

fn all(fields: Fields<'_>, version: MetadataVersion, left: &mut usize, depth: usize) -> Result<Vec<Field>, Reason> {
    let fields = fields.into_iter().flatten();
    fields.map(|field| one(field.map_err(words)?, version, left, depth)).collect()
}

fn one(field: FieldRef<'_>, version: MetadataVersion, left: &mut usize, depth: usize) -> Result<Field, Reason> {
    *left = left.checked_sub(1).filter(|_| depth < DEPTH).ok_or("its types are nested too deeply")?;
    let name = field.name().map_err(words)?.unwrap_or_default().to_owned();
    let children = all(field.children().map_err(words)?, version, left, depth + 1)?;
    let data_type = field.type_().map_err(words)?.ok_or("a column has no type")?;
    let (kind, buffers) = kind(data_type, &children, version).map_err(words)?;
    let is_variadic = matches!(data_type, TypeRef::Utf8View(_) | TypeRef::BinaryView(_));
    Ok(match field.dictionary().map_err(words)? {
        // Its values, of the type of the field, come in batches of their own.
        Some(encoding) => {
            let dictionary = Some(index(encoding).map_err(words)?);
            Field { name, kind, dictionary, buffers: 2, is_variadic: false, children: Vec::new() }
        }
        None => Field { name, kind, dictionary: None, buffers, is_variadic, children },
    })
}

fn index(encoding: DictionaryEncodingRef<'_>) -> polars_arrow_format::ipc::planus::Result<(i64, Number)> {
    Ok((encoding.id()?, encoding.index_type()?.map_or(Ok(Number::I32), integer)?))
}

fn integer(of: IntRef<'_>) -> polars_arrow_format::ipc::planus::Result<Number> {
    Ok(match (of.bit_width()?, of.is_signed()?) {
        (8, true) => Number::I8,
        (8, false) => Number::U8,
        (16, true) => Number::I16,
        (16, false) => Number::U16,
        (64, true) => Number::I64,
        (64, false) => Number::U64,
        (_, true) => Number::I32,
        (_, false) => Number::U32,
    })
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// What the values of a type are, and how many buffers a column of it has.
fn kind(
    of: TypeRef<'_>,
    children: &[Field],
    version: MetadataVersion,
) -> polars_arrow_format::ipc::planus::Result<(Kind, usize)> {
    let number = |number| (Kind::Number(number), 2);
    let other = |name, buffers| (Kind::Other(name), buffers);
    Ok(match of {
        TypeRef::Null(_) => (Kind::Null, 0),
        TypeRef::Bool(_) => (Kind::Bool, 2),
        TypeRef::Int(int) => number(integer(int)?),
        TypeRef::FloatingPoint(float) => number(match float.precision()? {
            Precision::Half => Number::F16,
            Precision::Single => Number::F32,
            Precision::Double => Number::F64,
        }),
        TypeRef::Decimal(decimal) => match decimal.bit_width()? {
            bits @ (32 | 64 | 128 | 256) => {
                number(Number::Decimal { bytes: bits as usize / 8, scale: decimal.scale()? })
            }
            _ => other("decimal", 2),
        },
        TypeRef::Date(date) => number(match date.unit()? {
            DateUnit::Day => Number::Days,
            DateUnit::Millisecond => Number::Dates { wide: true, per_second: 1_000 },
        }),
        TypeRef::Timestamp(stamp) => number(Number::Dates { wide: true, per_second: per_second(stamp.unit()?) }),
        TypeRef::Time(time) => {
            number(Number::Hours { wide: time.bit_width()? != 32, per_second: per_second(time.unit()?) })
        }
        TypeRef::Duration(span) => number(Number::Hours { wide: true, per_second: per_second(span.unit()?) }),
        TypeRef::Utf8(_) => (Kind::Text { wide: false }, 3),
        TypeRef::LargeUtf8(_) => (Kind::Text { wide: true }, 3),
        TypeRef::Utf8View(_) => (Kind::TextView, 2),
        TypeRef::FixedSizeList(list) => match (usize::try_from(list.list_size()?), children) {
            (Ok(size @ 1..), [Field { kind: Kind::Number(of), dictionary: None, .. }]) if !of.is_date() => {
                (Kind::Lists { size, of: *of }, 1)
            }
            _ => other("list", 1),
        },
        TypeRef::Interval(_) => other("interval", 2),
        TypeRef::FixedSizeBinary(_) | TypeRef::BinaryView(_) => other("binary", 2),
        TypeRef::Binary(_) | TypeRef::LargeBinary(_) => other("binary", 3),
        TypeRef::List(_) | TypeRef::LargeList(_) => other("list", 2),
        TypeRef::ListView(_) | TypeRef::LargeListView(_) => other("list", 3),
        TypeRef::Map(_) => other("map", 2),
        TypeRef::Struct(_) => other("struct", 1),
        TypeRef::Union(union) => {
            // Before version 5 a union had a bitmap of its own.
            let bitmap = usize::from(version < MetadataVersion::V5);
            other("union", bitmap + if union.mode()? == UnionMode::Dense { 2 } else { 1 })
        }
        TypeRef::RunEndEncoded(_) => other("run-end encoded values", 0),
    })
}

pub(super) fn words(e: polars_arrow_format::ipc::planus::Error) -> Reason {
    format!("{e}")
}
