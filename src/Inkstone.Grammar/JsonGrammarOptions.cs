namespace Inkstone.Grammar;

/// <summary>How JSON may be written.</summary>
/// <param name="MaxWhitespace">most white space between two parts, in characters; 0 gives compact JSON. Bounded, because a model may write white space for ever</param>
/// <param name="MaxDigits">most digits before and behind the point of a number, for the same reason; constants of a schema may have more</param>
public sealed record JsonGrammarOptions(int MaxWhitespace = 40, int MaxDigits = 24)
{
    /// <summary>The usual ones.</summary>
    public static JsonGrammarOptions Usual { get; } = new();
}
