using System.Globalization;
using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>A decimal number without rounding: <paramref name="Mantissa"/> / 10^<paramref name="Scale"/>, in lowest terms.</summary>
internal readonly record struct ExactNumber(BigInteger Mantissa, int Scale) : IComparable<ExactNumber>
{
    private const int MostExponent = 400;

    public static ExactNumber One { get; } = new(1, 0);

    /// <summary>Of a number as JSON writes it.</summary>
    public static ExactNumber Parse(string text)
    {
        int e = text.IndexOfAny(['e', 'E']);
        int exponent =
            e < 0 ? 0
            : int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int n)
            && Math.Abs(n) <= MostExponent
                ? n
            : throw new GrammarException($"the number {text} has an exponent beyond {MostExponent}");
        string digits = e < 0 ? text : text[..e];
        int point = digits.IndexOf('.', StringComparison.Ordinal);
        int scale = (point < 0 ? 0 : digits.Length - point - 1) - exponent;
        BigInteger mantissa = BigInteger.Parse(
            digits.Replace(".", "", StringComparison.Ordinal),
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture
        );
        for (; scale < 0; scale++)
        {
            mantissa *= 10;
        }
        while (scale > 0 && mantissa % 10 == 0)
        {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        return new ExactNumber(mantissa, scale);
    }

    public bool IsNegative => Mantissa.Sign < 0;

    /// <summary>Digits before the point, without sign.</summary>
    public string Whole => Digits[..^Scale];

    /// <summary>Digits behind the point, without zeros at the end.</summary>
    public string Fraction => Digits[^Scale..];

    public int CompareTo(ExactNumber other) =>
        (Mantissa * BigInteger.Pow(10, other.Scale)).CompareTo(other.Mantissa * BigInteger.Pow(10, Scale));

    private string Digits => BigInteger.Abs(Mantissa).ToString(CultureInfo.InvariantCulture).PadLeft(Scale + 1, '0');
}
