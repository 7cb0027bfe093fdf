using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>Python's operators on values.</summary>
internal static class Arithmetic
{
    private const int MostBits = 1 << 17;

    public static Value Apply(string op, Value a, Value b)
    {
        if ((a as UndefinedValue ?? b as UndefinedValue) is { } undefined && !(op == "%" && a is StringValue))
        {
            throw undefined.Fault;
        }
        return op switch
        {
            "+" => Add(a, b),
            "*" => Multiply(a, b),
            "%" when a is StringValue format => format.With(PercentFormat.Apply(format.Content, b)),
            _ when !PythonNumber.IsNumber(a) || !PythonNumber.IsNumber(b) => throw Unsupported(op, a, b),
            "-" => Numbers(a, b, (x, y) => x - y, (x, y) => x - y),
            "/" => Divide(a, b),
            "//" => FloorDivide(a, b),
            "%" => Modulo(a, b),
            _ => Power(a, b),
        };
    }

    public static Value Add(Value a, Value b)
    {
        switch (a, b)
        {
            case (StringValue x, StringValue y):
                return x.IsMarkup == y.IsMarkup
                    ? x.With(x.Content + y.Content)
                    : new StringValue(Markup.Escape(x).Content + Markup.Escape(y).Content, true);
            case (SequenceValue x, SequenceValue y) when x is ListValue == y is ListValue:
                return x.With([.. x.Elements, .. y.Elements]);
            case (StringValue or SequenceValue, _):
                throw new TemplateFault($"can only concatenate {a.TypeName} (not \"{b.TypeName}\") to {a.TypeName}");
            default:
                return PythonNumber.IsNumber(a) && PythonNumber.IsNumber(b)
                    ? Numbers(a, b, (x, y) => x + y, (x, y) => x + y)
                    : throw Unsupported("+", a, b);
        }
    }

    public static Value Sign(bool negative, Value value) =>
        value switch
        {
            UndefinedValue undefined => throw undefined.Fault,
            FloatValue real => new FloatValue(negative ? -real.Number : real.Number),
            _ when PythonNumber.Index(value) is { } number => new IntValue(negative ? -number : number),
            _ => throw new TemplateFault($"bad operand type for unary {(negative ? '-' : '+')}: '{value.TypeName}'"),
        };

    private static TemplateFault Unsupported(string op, Value a, Value b) =>
        new($"unsupported operand type(s) for {op}: '{a.TypeName}' and '{b.TypeName}'");

    private static Value Numbers(Value a, Value b, Func<BigInteger, BigInteger, BigInteger> whole, Func<double, double, double> real) =>
        PythonNumber.Index(a) is { } x && PythonNumber.Index(b) is { } y
            ? Whole(whole(x, y))
            : new FloatValue(real(PythonNumber.Real(a), PythonNumber.Real(b)));

    private static IntValue Whole(BigInteger number) =>
        number.GetBitLength() <= MostBits ? new IntValue(number) : throw new TemplateFault($"a whole number has more than {MostBits} bits");

    private static Value Multiply(Value a, Value b)
    {
        if (a is not (StringValue or SequenceValue))
        {
            (a, b) = b is StringValue or SequenceValue ? (b, a) : (a, b);
        }
        switch (a)
        {
            case StringValue text when PythonNumber.Index(b) is { } times:
                return text.With(PythonText.Repeat(text.Content, Times(times)));
            case SequenceValue row when PythonNumber.Index(b) is { } times:
                return Repeat(row, Times(times));
            case StringValue or SequenceValue:
                throw new TemplateFault($"can't multiply sequence by non-int of type '{b.TypeName}'");
            default:
                return PythonNumber.IsNumber(a) && PythonNumber.IsNumber(b)
                    ? Numbers(a, b, (x, y) => x * y, (x, y) => x * y)
                    : throw Unsupported("*", a, b);
        }

        static int Times(BigInteger times) => (int)BigInteger.Max(0, BigInteger.Min(times, StringValue.MaxLength + 1));
    }

    private static SequenceValue Repeat(SequenceValue row, int times)
    {
        long length = (long)row.Elements.Count * times;
        if (length > SequenceValue.MaxLength)
        {
            throw new TemplateFault($"a {row.TypeName} of {length} elements is longer than a template may make, {SequenceValue.MaxLength}");
        }
        Value[] elements = new Value[length];
        for (int i = 0; i < elements.Length; i++)
        {
            elements[i] = row.Elements[i % row.Elements.Count];
        }
        return row.With(elements);
    }

    private static FloatValue Divide(Value a, Value b)
    {
        RefuseZero(b, "division by zero");
        if (PythonNumber.Index(a) is not { } x || PythonNumber.Index(b) is not { } y || (x.GetBitLength() <= 53 && y.GetBitLength() <= 53))
        {
            return new FloatValue(PythonNumber.Real(a) / PythonNumber.Real(b));
        }
        // Long division to more bits than a double holds, the rest as a sticky bit, then one rounding.
        int shift = (int)Math.Max(0, 120 + y.GetBitLength() - x.GetBitLength());
        BigInteger quotient = BigInteger.DivRem(BigInteger.Abs(x) << shift, BigInteger.Abs(y), out BigInteger rest);
        double value = Math.ScaleB(PythonNumber.Real((quotient << 1) | (rest.IsZero ? 0 : 1)), -shift - 1);
        return double.IsFinite(value)
            ? new FloatValue(x.Sign * y.Sign < 0 ? -value : value)
            : throw new TemplateFault("integer division result too large for a float");
    }

    private static Value FloorDivide(Value a, Value b)
    {
        RefuseZero(b, "integer division or modulo by zero");
        return Numbers(a, b, Floor, FloorDivide);
    }

    /// <summary>The whole quotient that goes with <see cref="Remainder"/>, so that both together give x back.</summary>
    private static double FloorDivide(double x, double y)
    {
        double quotient = (x - Remainder(x, y)) / y;
        double floor = Math.Floor(quotient);
        return quotient == 0 ? Math.CopySign(0, x / y)
            : quotient - floor > 0.5 ? floor + 1
            : floor;
    }

    private static BigInteger Floor(BigInteger x, BigInteger y)
    {
        BigInteger quotient = BigInteger.DivRem(x, y, out BigInteger rest);
        return !rest.IsZero && rest.Sign != y.Sign ? quotient - 1 : quotient;
    }

    private static Value Modulo(Value a, Value b)
    {
        RefuseZero(b, "integer modulo by zero");
        return Numbers(a, b, (x, y) => x - (Floor(x, y) * y), Remainder);
    }

    /// <summary>The remainder with the sign of the divisor.</summary>
    private static double Remainder(double x, double y)
    {
        double rest = x % y;
        return rest == 0 ? Math.CopySign(0, y)
            : rest < 0 != y < 0 ? rest + y
            : rest;
    }

    private static Value Power(Value a, Value b)
    {
        if (PythonNumber.Index(a) is { } x && PythonNumber.Index(b) is { } y && y.Sign >= 0)
        {
            if (BigInteger.Abs(x) > 1 && x.GetBitLength() * y > MostBits)
            {
                throw new TemplateFault($"a whole number has more than {MostBits} bits");
            }
            return new IntValue(
                BigInteger.Abs(x) <= 1
                    ? (
                        y.IsZero ? 1
                        : y.IsEven ? x * x
                        : x
                    )
                    : BigInteger.Pow(x, (int)y)
            );
        }
        double real = PythonNumber.Real(a),
            exponent = PythonNumber.Real(b);
        if (real == 0 && exponent < 0)
        {
            throw new TemplateFault("0.0 cannot be raised to a negative power");
        }
        double power = Math.Pow(real, exponent);
        if (double.IsNaN(power) && !double.IsNaN(real) && !double.IsNaN(exponent))
        {
            throw new TemplateFault("a negative number with a fractional power is complex, and templates have no complex numbers");
        }
        return double.IsInfinity(power) && double.IsFinite(real) && double.IsFinite(exponent)
            ? throw new TemplateFault("the result of ** is too large for a float")
            : new FloatValue(power);
    }

    private static void RefuseZero(Value divisor, string complaint)
    {
        if (!divisor.IsTrue)
        {
            throw new TemplateFault(divisor is FloatValue ? "float division by zero" : complaint);
        }
    }
}
