using System.Numerics;

namespace Inkstone.Jinja;

/// <summary>The positions that <c>[start:stop:step]</c> takes from a row of some length, as Python counts them.</summary>
internal readonly record struct SliceRange(int Start, int Step, int Count)
{
    public int this[int i] => Start + (i * Step);

    public static SliceRange Create(Value start, Value stop, Value step, int length)
    {
        BigInteger by = Number(step) ?? BigInteger.One;
        if (by.IsZero)
        {
            throw new TemplateFault("slice step cannot be zero");
        }
        int least = by.Sign > 0 ? 0 : -1,
            most = by.Sign > 0 ? length : length - 1;
        int from = Clamp(Number(start), by.Sign > 0 ? least : most);
        int to = Clamp(Number(stop), by.Sign > 0 ? most : least);
        int distance = by.Sign > 0 ? to - from : from - to;
        int stride = (int)BigInteger.Min(BigInteger.Abs(by), Math.Max(1, length));
        return new SliceRange(from, stride * by.Sign, distance <= 0 ? 0 : (distance + stride - 1) / stride);

        int Clamp(BigInteger? at, int absent)
        {
            if (at is not { } position)
            {
                return absent;
            }
            position += position.Sign < 0 ? length : 0;
            return (int)BigInteger.Max(least, BigInteger.Min(most, position));
        }
    }

    private static BigInteger? Number(Value value) =>
        value is NoneValue
            ? null
            : PythonNumber.Index(value)
                ?? throw (
                    value is UndefinedValue undefined ? undefined.Fault : new TemplateFault("slice indices must be integers or None")
                );
}
