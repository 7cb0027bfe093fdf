namespace Inkstone.Data;

/// <summary>
/// Ideographic description sequences (The Unicode Standard, 18.2): an operator and the parts of a character that has no code, as in ⿰氵門.
/// OpenCC converts
/// none of the parts, because they spell one character.
/// </summary>
internal static class IdeographicDescription
{
    public const char FirstOperator = '\u2FF0',
        LastOperator = '\u2FFF';

    private const int MostDepth = 16,
        MostCodePoints = 64;

    /// <summary>UTF-16 units of the sequence with which the text begins; 0 where it begins with none that is whole.</summary>
    public static int Length(ReadOnlySpan<char> text)
    {
        int codePoints = 0;
        return Operands(text[0]) > 0 ? Length(text, MostDepth, ref codePoints) : 0;
    }

    private static int Length(ReadOnlySpan<char> text, int depth, ref int codePoints)
    {
        if (text.IsEmpty || depth == 0 || codePoints++ >= MostCodePoints)
        {
            return 0;
        }
        int length = text.Length > 1 && char.IsSurrogatePair(text[0], text[1]) ? 2 : 1;
        for (int left = Operands(text[0]); left > 0; left--)
        {
            int operand = Length(text[length..], depth - 1, ref codePoints);
            if (operand == 0)
            {
                return 0;
            }
            length += operand;
        }
        return length;
    }

    private static int Operands(char c) =>
        c switch
        {
            '\u2FF2' or '\u2FF3' => 3,
            '\u2FFE' or '\u2FFF' => 1,
            >= FirstOperator and < '\u2FFE' => 2,
            _ => 0,
        };
}
