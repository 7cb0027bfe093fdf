namespace Inkstone.Inference;

/// <summary>A token and its log-probability, natural logarithm.</summary>
/// <param name="Id">the token</param>
/// <param name="LogProb">of the model's own distribution, before temperature, truncation and masks</param>
/// <param name="IsLikeliest">whether no other token is likelier, and no equally likely one has a smaller number</param>
public readonly record struct TokenLogProb(int Id, float LogProb, bool IsLikeliest);

/// <summary>The next token of a text, and what may be shown of the text since the one before.</summary>
/// <param name="Id">the token; −1 behind the last one, where text was still held back</param>
/// <param name="Text">may be empty: half a character, or what may yet become a stop text</param>
/// <param name="LogProb">of the token; NaN where log-probabilities were not asked for</param>
/// <param name="Top">the likeliest tokens in falling order, as many as were asked for</param>
public readonly record struct GenerationOutput(int Id, string Text, float LogProb, IReadOnlyList<TokenLogProb> Top);
