using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>Filters that make numbers.</summary>
internal static class NumberFilters
{
    private const int MostPlaces = 400;

    public static readonly BuiltinTable Table = new()
    {
        { "abs", "", (_, v, _) => Absolute(v) },
        { "int", "default=0 base=10", (_, v, a) => Whole(v, a) ?? a[0] },
        { "float", "default=0.0", (_, v, a) => Real(v) is { } number ? new FloatValue(number) : a[0] },
        { "round", "precision=0 method='common'", Round },
        { "filesizeformat", "binary=false", FileSize },
    };

    private static Value Absolute(Value value) =>
        value switch
        {
            FloatValue real => new FloatValue(Math.Abs(real.Number)),
            UndefinedValue undefined => throw undefined.Fault,
            _ when PythonNumber.Index(value) is { } number => new IntValue(BigInteger.Abs(number)),
            _ => throw new TemplateFault($"bad operand type for abs(): '{value.TypeName}'"),
        };

    private static IntValue? Whole(Value value, Arguments a)
    {
        if (PythonNumber.Index(value) is { } number)
        {
            return new IntValue(number);
        }
        if (value is StringValue text && PythonNumber.Parse(text.Content, a.Int(1)) is { } parsed)
        {
            return new IntValue(parsed);
        }
        if (value is FloatValue { Number: double infinite } && double.IsInfinity(infinite))
        {
            throw new TemplateFault("cannot convert float infinity to integer");
        }
        return Real(value) is { } real && double.IsFinite(real) ? new IntValue(new BigInteger(real)) : null;
    }

    private static double? Real(Value value) =>
        value switch
        {
            StringValue text => PythonNumber.ParseReal(text.Content),
            UndefinedValue undefined => throw undefined.Fault,
            _ => PythonNumber.IsNumber(value) ? PythonNumber.Real(value) : null,
        };

    private static Value Round(Interpreter run, Value value, Arguments a)
    {
        int places = a.Int(0);
        string method = a[1].Text;
        if (method is not ("common" or "ceil" or "floor"))
        {
            throw new TemplateFault("the method of round must be common, ceil or floor");
        }
        if (!PythonNumber.IsNumber(value))
        {
            throw value is UndefinedValue undefined
                ? undefined.Fault
                : new TemplateFault($"type {value.TypeName} doesn't define __round__ method");
        }
        if (places is < -MostPlaces or > MostPlaces)
        {
            throw new TemplateFault($"round cannot keep {places} places; {MostPlaces} are the most");
        }
        if (method == "common")
        {
            return PythonNumber.Index(value) is { } whole
                ? new IntValue(places >= 0 ? whole : RoundTo(whole, BigInteger.Pow(10, -places)))
                : new FloatValue(RoundReal(PythonNumber.Real(value), places));
        }
        Value power = Arithmetic.Apply("**", new IntValue(10), a[0]);
        double scaled = PythonNumber.Real(Arithmetic.Apply("*", value, power));
        if (!double.IsFinite(scaled))
        {
            throw new TemplateFault($"cannot convert float {PythonNumber.Repr(scaled)} to integer");
        }
        return Arithmetic.Apply("/", new IntValue(new BigInteger(method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled))), power);
    }

    private static BigInteger RoundTo(BigInteger number, BigInteger unit)
    {
        BigInteger twice = 2 * BigInteger.Remainder(BigInteger.Abs(number), unit),
            down = BigInteger.Abs(number) / unit;
        BigInteger rounded = (twice > unit || (twice == unit && !down.IsEven) ? down + 1 : down) * unit;
        return number.Sign < 0 ? -rounded : rounded;
    }

    private static double RoundReal(double number, int places)
    {
        if (!double.IsFinite(number))
        {
            return number;
        }
        double rounded =
            places >= 0
                ? double.Parse(Decimals.Fixed(Math.Abs(number), places), System.Globalization.CultureInfo.InvariantCulture)
                : (double)RoundTo(
                    new BigInteger(Math.Abs(number)) * 2 + (Math.Floor(Math.Abs(number)) == Math.Abs(number) ? 0 : 1),
                    BigInteger.Pow(10, -places) * 2
                ) / 2;
        return Math.CopySign(rounded, number);
    }

    private static StringValue FileSize(Interpreter run, Value value, Arguments a)
    {
        double bytes = Real(value) ?? throw new TemplateFault($"could not convert {value.Repr} to float");
        double unit = a.IsTrue(0) ? 1024 : 1000;
        string[] prefixes = a.IsTrue(0)
            ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
            : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        if (bytes < unit)
        {
            return new StringValue(bytes == 1 ? "1 Byte" : $"{new BigInteger(bytes)} Bytes");
        }
        int i = 0;
        double size = unit * unit;
        while (bytes >= size && i < prefixes.Length - 1)
        {
            size *= unit;
            i++;
        }
        return new StringValue(FormatSpec.Parse(".1f").Apply(new FloatValue(unit * bytes / size)) + " " + prefixes[i]);
    }
}
