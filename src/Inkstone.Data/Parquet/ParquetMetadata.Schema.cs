namespace Inkstone.Data;

internal sealed partial record ParquetMetadata
{
    private static SchemaElement ReadElement(ref ThriftReader thrift)
    {
        string name = "";
        PhysicalType? type = null;
        Repetition repetition = Repetition.Required;
        int length = 0,
            children = 0,
            scale = 0,
            precision = 0;
        Annotation converted = Annotation.None,
            logical = Annotation.None;
        bool isUtc = false;
        ThriftField field = default;
        while (thrift.TryReadField(ref field))
        {
            switch (field.Id)
            {
                case 1:
                    type = ReadType(ref thrift, field);
                    break;
                case 2:
                    length = thrift.ReadInt(field);
                    break;
                case 3:
                    repetition = (Repetition)thrift.ReadInt(field);
                    break;
                case 4:
                    name = thrift.ReadText(field);
                    break;
                case 5:
                    children = thrift.ReadInt(field);
                    break;
                case 6:
                    converted = Converted(thrift.ReadInt(field));
                    break;
                case 7:
                    scale = thrift.ReadInt(field);
                    break;
                case 8:
                    precision = thrift.ReadInt(field);
                    break;
                case 10:
                    logical = ReadLogical(ref thrift, field, ref isUtc, ref scale, ref precision);
                    break;
                default:
                    thrift.Skip(field);
                    break;
            }
        }
        if (!Enum.IsDefined(repetition))
        {
            throw new FormatException($"column '{name}' has no known repetition");
        }
        if (converted is Annotation.TimestampMillis or Annotation.TimestampMicros && logical == Annotation.None)
        {
            isUtc = true;
        }
        return new SchemaElement(
            name,
            type,
            length,
            repetition,
            children,
            logical != Annotation.None ? logical : converted,
            isUtc,
            scale,
            precision
        );
    }

    private static Annotation Converted(int type) =>
        type switch
        {
            0 or 4 or 19 => Annotation.Text,
            1 or 2 => Annotation.Map,
            3 => Annotation.List,
            5 => Annotation.Decimal,
            6 => Annotation.Date,
            7 => Annotation.TimeMillis,
            8 => Annotation.TimeMicros,
            9 => Annotation.TimestampMillis,
            10 => Annotation.TimestampMicros,
            >= 11 and <= 14 => Annotation.Unsigned,
            20 or 21 => Annotation.Binary,
            _ => Annotation.None,
        };

    /// <summary>LogicalType is a union: a struct with one field.</summary>
    private static Annotation ReadLogical(ref ThriftReader thrift, ThriftField union, ref bool isUtc, ref int scale, ref int precision)
    {
        Annotation annotation = Annotation.None;
        ThriftField kind = ThriftReader.EnterStruct(union);
        while (thrift.TryReadField(ref kind))
        {
            int unit = 0;
            bool isSigned = true;
            ThriftField field = ThriftReader.EnterStruct(kind);
            while (thrift.TryReadField(ref field))
            {
                switch (kind.Id, field.Id)
                {
                    case (5, 1):
                        scale = thrift.ReadInt(field);
                        break;
                    case (5, 2):
                        precision = thrift.ReadInt(field);
                        break;
                    case (7 or 8, 1):
                        isUtc = ThriftReader.ReadBool(field);
                        break;
                    case (7 or 8, 2):
                        unit = ReadUnit(ref thrift, field);
                        break;
                    case (10, 2):
                        isSigned = ThriftReader.ReadBool(field);
                        break;
                    default:
                        thrift.Skip(field);
                        break;
                }
            }
            annotation = kind.Id switch
            {
                1 or 4 or 12 => Annotation.Text,
                2 => Annotation.Map,
                3 => Annotation.List,
                5 => Annotation.Decimal,
                6 => Annotation.Date,
                7 => unit switch
                {
                    1 => Annotation.TimeMillis,
                    2 => Annotation.TimeMicros,
                    _ => Annotation.TimeNanos,
                },
                8 => unit switch
                {
                    1 => Annotation.TimestampMillis,
                    2 => Annotation.TimestampMicros,
                    _ => Annotation.TimestampNanos,
                },
                10 => isSigned ? Annotation.None : Annotation.Unsigned,
                13 => Annotation.Binary,
                14 => Annotation.Uuid,
                15 => Annotation.Float16,
                16 or 17 or 18 => Annotation.Binary,
                _ => Annotation.None,
            };
        }
        return annotation;
    }

    private static int ReadUnit(ref ThriftReader thrift, ThriftField union)
    {
        int unit = 0;
        ThriftField field = ThriftReader.EnterStruct(union);
        while (thrift.TryReadField(ref field))
        {
            unit = field.Id;
            thrift.Skip(field);
        }
        return unit;
    }
}
