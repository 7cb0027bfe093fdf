namespace Inkstone.Grammar;

/// <summary>How JSON may be written.</summary>
/// <param name="MaxWhitespace">most characters of white space between two parts, which is one blank, or a new line with its
/// indentation; 0 gives compact JSON. Bounded, because small models write white space for ever</param>
/// <param name="MaxDigits">most digits of a number that has a fraction, for the same reason; 15 are what a double keeps apart. Whole
/// numbers may have four more, as those
/// of 64 bits have, and beside a constant of a schema there is always room for one digit more than it has</param>
public sealed record JsonGrammarOptions(int MaxWhitespace = 25, int MaxDigits = 15)
{
    /// <summary>The usual ones.</summary>
    public static JsonGrammarOptions Usual { get; } = new();
}
