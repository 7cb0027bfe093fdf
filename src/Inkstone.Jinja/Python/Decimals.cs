using System.Globalization;
using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>
/// Floats written with a chosen number of digits, rounded correctly: a float is a whole number times a power of two, so it has finitely
/// many
/// decimal digits, and rounding those to even at a half is exact.
/// </summary>
internal static class Decimals
{
    /// <summary>Digits and where the point stands, as repr writes them.</summary>
    public static string Shortest(string digits, int point)
    {
        int exponent = point - 1;
        if (exponent is < -4 or >= 16)
        {
            return (digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}") + Exponent('e', exponent);
        }
        return point <= 0 ? "0." + new string('0', -point) + digits
            : digits.Length <= point ? digits + new string('0', point - digits.Length) + ".0"
            : digits[..point] + "." + digits[point..];
    }

    /// <summary>%.{places}f of a number that is not negative.</summary>
    public static string Fixed(double number, int places)
    {
        (string digits, int point) = Digits(number);
        digits = Rounded(digits, point, (long)point + places, out point);
        string whole = point > 0 ? digits.PadRight(point, '0')[..point] : "0";
        string fraction = point > 0 ? digits[Math.Min(point, digits.Length)..] : new string('0', -point) + digits;
        return places == 0 ? whole : $"{whole}.{fraction.PadRight(places, '0').AsSpan(0, places)}";
    }

    /// <summary>%.{places}e of a number that is not negative.</summary>
    public static string Scientific(double number, int places, char letter)
    {
        (string digits, int point) = Digits(number);
        digits = Rounded(digits, point, places + 1L, out point).PadRight(places + 1, '0')[..(places + 1)];
        return (places == 0 ? digits : $"{digits[0]}.{digits.AsSpan(1)}") + Exponent(letter, number == 0 ? 0 : point - 1);
    }

    /// <summary>
    /// %.{precision}g of a number that is not negative; <paramref name="keepZeros"/> keeps those at the end, and
    /// <paramref name="asFloat"/> leaves room for at least one digit behind the point.
    /// </summary>
    public static string General(double number, int precision, char letter, bool keepZeros, bool asFloat = false)
    {
        precision = Math.Max(1, precision);
        (string exact, int at) = Digits(number);
        Rounded(exact, at, precision, out int point);
        int exponent = number == 0 ? 0 : point - 1;
        string text =
            exponent < -4 || exponent >= precision - (asFloat ? 1 : 0)
                ? Scientific(number, precision - 1, letter)
                : Fixed(number, Math.Max(0, precision - 1 - exponent));
        int mark = text.IndexOf(letter, StringComparison.Ordinal);
        if (!keepZeros && text.Contains('.', StringComparison.Ordinal))
        {
            text = mark < 0 ? text.TrimEnd('0').TrimEnd('.') : text[..mark].TrimEnd('0').TrimEnd('.') + text[mark..];
        }
        return asFloat && mark < 0 && !text.Contains('.', StringComparison.Ordinal) ? text + ".0" : text;
    }

    private static string Exponent(char letter, int exponent) =>
        $"{letter}{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)}";

    /// <summary>All digits of a finite number that is not negative; the point stands before the digit with the returned number.</summary>
    private static (string Digits, int Point) Digits(double number)
    {
        if (number == 0)
        {
            return ("0", 1);
        }
        long bits = BitConverter.DoubleToInt64Bits(number);
        int power = (int)((bits >> 52) & 0x7FF);
        BigInteger mantissa = (bits & 0xFFFFFFFFFFFFF) | (power == 0 ? 0 : 1L << 52);
        power = Math.Max(1, power) - 1075;
        string digits = (power >= 0 ? mantissa << power : mantissa * BigInteger.Pow(5, -power)).ToString(CultureInfo.InvariantCulture);
        return (digits, digits.Length - Math.Max(0, -power));
    }

    /// <summary>The first digits of a number, rounded half to even; fewer than asked for when there are no more.</summary>
    private static string Rounded(string digits, int point, long keep, out int newPoint)
    {
        newPoint = point;
        if (keep >= digits.Length)
        {
            return digits;
        }
        if (keep < 0)
        {
            return "";
        }
        int kept = (int)keep;
        bool half = digits[kept] == '5' && digits.AsSpan(kept + 1).TrimEnd('0').IsEmpty;
        bool up = half ? kept > 0 && (digits[kept - 1] - '0') % 2 == 1 : digits[kept] >= '5';
        BigInteger head = kept == 0 ? BigInteger.Zero : BigInteger.Parse(digits.AsSpan(0, kept), CultureInfo.InvariantCulture);
        string rounded = up ? (head + 1).ToString(CultureInfo.InvariantCulture) : digits[..kept];
        newPoint += up && rounded.Length > kept ? 1 : 0;
        return rounded;
    }
}
