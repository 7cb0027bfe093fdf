using Inkstone.Grammar;

namespace Inkstone.Inference;

/// <summary>Holds one sequence to a form: takes tokens that may not come next out of the race.</summary>
public interface ILogitMask
{
    /// <summary>Whether the text is whole and nothing may follow but an end token.</summary>
    bool MustEnd { get; }

    /// <summary>Sets the logits of tokens that may not come next to −∞.</summary>
    /// <param name="logits">[V]; may go beyond the tokenizer's vocabulary</param>
    void Apply(Span<float> logits);

    /// <summary>Takes the chosen token.</summary>
    /// <exception cref="InvalidOperationException">it may not come</exception>
    void Accept(int token);
}

/// <summary>A grammar as a mask of logits.</summary>
public sealed class GrammarLogitMask(CompiledGrammar grammar, IEnumerable<int> endTokens) : ILogitMask
{
    private readonly ulong[] _mask = new ulong[grammar.Vocabulary.MaskLength];

    /// <summary>The sequence.</summary>
    public TokenMask Sequence { get; } = grammar.NewMask([.. endTokens]);

    /// <inheritdoc/>
    public bool MustEnd => Sequence.MustEnd;

    /// <inheritdoc/>
    public void Apply(Span<float> logits)
    {
        Sequence.Fill(_mask);
        for (int word = 0, at = 0; at < logits.Length; word++, at += 64)
        {
            Span<float> part = logits.Slice(at, Math.Min(64, logits.Length - at));
            ulong allowed = word < _mask.Length ? _mask[word] : 0;
            if (allowed == 0)
            {
                part.Fill(float.NegativeInfinity);
                continue;
            }
            for (int i = 0; allowed != ulong.MaxValue && i < part.Length; i++)
            {
                part[i] = (allowed >> i & 1) == 0 ? float.NegativeInfinity : part[i];
            }
        }
    }

    /// <inheritdoc/>
    public void Accept(int token)
    {
        if (!Sequence.Accept(token))
        {
            throw new InvalidOperationException($"token {token} was chosen, and the grammar does not allow it here.");
        }
    }
}
