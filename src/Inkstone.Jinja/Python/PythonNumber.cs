using System.Globalization;
using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>What bool, int and float have in common: conversion, equality across the three, order, and how floats are written.</summary>
internal static class PythonNumber
{
    /// <summary>A whole number, bool included; null for everything else.</summary>
    public static BigInteger? Index(Value value) =>
        value switch
        {
            IntValue number => number.Number,
            BoolValue flag => flag.IsTrue ? BigInteger.One : BigInteger.Zero,
            _ => null,
        };

    public static bool IsNumber(Value? value) => value is IntValue or FloatValue or BoolValue;

    /// <summary>float(number) of an int, bool or float.</summary>
    public static double Real(Value number)
    {
        if (number is FloatValue real)
        {
            return real.Number;
        }
        double value = Real(Index(number)!.Value);
        return double.IsFinite(value) ? value : throw new TemplateFault("int too large to convert to float");
    }

    /// <summary>The nearest float; the cast of a large BigInteger truncates, parsing its digits rounds.</summary>
    public static double Real(BigInteger number) =>
        number.GetBitLength() <= 53
            ? (double)number
            : double.Parse(number.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    public static bool Equal(Value a, Value? b)
    {
        if (!IsNumber(b))
        {
            return false;
        }
        return (a, b) is (FloatValue or BoolValue or IntValue, FloatValue) or (FloatValue, _) ? Order(a, b!) == 0 : Index(a) == Index(b!);
    }

    /// <summary>Negative, zero or positive; null when one is NaN.</summary>
    public static int? Order(Value a, Value b)
    {
        if (a is FloatValue { Number: double x } && b is FloatValue { Number: double y })
        {
            return double.IsNaN(x) || double.IsNaN(y) ? null : x.CompareTo(y);
        }
        if (b is FloatValue)
        {
            return -Order(b, a);
        }
        if (a is not FloatValue { Number: double real })
        {
            return Index(a)!.Value.CompareTo(Index(b)!.Value);
        }
        if (!double.IsFinite(real))
        {
            return double.IsNaN(real) ? null : Math.Sign(real);
        }
        int whole = new BigInteger(Math.Floor(real)).CompareTo(Index(b)!.Value);
        return whole != 0 ? whole
            : Math.Floor(real) < real ? 1
            : 0;
    }

    /// <summary>Equal numbers have equal hashes, whatever their types.</summary>
    public static int Hash(Value number) =>
        number is FloatValue { Number: double real }
            ? double.IsFinite(real) && Math.Floor(real) == real
                ? new BigInteger(real).GetHashCode()
                : real.GetHashCode()
            : Index(number)!.Value.GetHashCode();

    /// <summary>repr(number): the shortest digits that give the number back, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Repr(double number)
    {
        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "nan"
                : number > 0 ? "inf"
                : "-inf";
        }
        string round = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        int mark = round.IndexOf('E', StringComparison.Ordinal);
        string mantissa = mark < 0 ? round : round[..mark];
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        int exponent =
            (mark < 0 ? 0 : int.Parse(round.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))
            + (point < 0 ? mantissa.Length : point);
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal);
        string significant = digits.TrimStart('0');
        exponent -= digits.Length - significant.Length;
        significant = significant.TrimEnd('0');
        string sign = double.IsNegative(number) ? "-" : "";
        return sign + (significant.Length == 0 ? "0.0" : Decimals.Shortest(significant, exponent));
    }

    /// <summary>int(text, radix); null when the text is no such number.</summary>
    public static BigInteger? Parse(string text, int radix)
    {
        text = PythonText.Strip(text, null);
        bool negative = text.StartsWith('-');
        string digits = text.TrimStart('+', '-').Length >= text.Length - 1 ? text[(negative || text.StartsWith('+') ? 1 : 0)..] : "";
        string prefix = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]).ToString() : "";
        int named = prefix switch
        {
            "x" => 16,
            "o" => 8,
            "b" => 2,
            _ => 0,
        };
        if (named > 0 && (radix == 0 || radix == named))
        {
            (digits, radix) = (digits[2..].TrimStart('_'), named);
        }
        bool wellFormed =
            digits.Length > 0 && !digits.StartsWith('_') && !digits.EndsWith('_') && !digits.Contains("__", StringComparison.Ordinal);
        BigInteger? value = wellFormed ? ParseDigits(digits.Replace("_", "", StringComparison.Ordinal), radix == 0 ? 10 : radix) : null;
        return negative ? -value : value;
    }

    public static BigInteger? ParseDigits(string digits, int radix)
    {
        if (digits.Length > 5000)
        {
            return null;
        }
        BigInteger value = BigInteger.Zero;
        foreach (char c in digits)
        {
            int digit =
                char.IsAsciiDigit(c) ? c - '0'
                : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10
                : char.IsDigit(c) ? (int)char.GetNumericValue(c)
                : radix;
            if (digit >= radix)
            {
                return null;
            }
            value = (value * radix) + digit;
        }
        return value;
    }

    /// <summary>float(text); null when the text is no number.</summary>
    public static double? ParseReal(string text)
    {
        text = PythonText.Strip(text, null);
        string name = text.TrimStart('+', '-').ToLowerInvariant();
        if (name is "inf" or "infinity" or "nan" && text.Length - name.Length <= 1)
        {
            return name == "nan" ? double.NaN
                : text[0] == '-' ? double.NegativeInfinity
                : double.PositiveInfinity;
        }
        bool plain =
            text.Length > 0
            && text.All(c => char.IsAsciiDigit(c) || c is '+' or '-' or '.' or 'e' or 'E' or '_')
            && !text.Contains("__", StringComparison.Ordinal)
            && !text.StartsWith('_')
            && !text.EndsWith('_');
        return
            plain
            && double.TryParse(
                text.Replace("_", "", StringComparison.Ordinal),
                NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture,
                out double value
            )
            ? value
            : null;
    }
}
