namespace Inkstone.Data;

/// <summary>Physical types, by their numbers in parquet.thrift.</summary>
internal enum PhysicalType
{
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    ByteArray,
    FixedLengthByteArray,
}

internal enum Repetition
{
    Required,
    Optional,
    Repeated,
}

/// <summary>What a column or group means, whether its writer said so in the logical types or in the older converted types.</summary>
internal enum Annotation
{
    None,
    Text,
    List,
    Map,
    Decimal,
    Date,
    TimeMillis,
    TimeMicros,
    TimeNanos,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    Unsigned,
    Float16,
    Uuid,
    Binary,
}

/// <summary>One element of the flattened schema.</summary>
internal sealed record SchemaElement(
    string Name,
    PhysicalType? Type,
    int TypeLength,
    Repetition Repetition,
    int Children,
    Annotation Annotation,
    bool IsUtc,
    int Scale,
    int Precision
);
