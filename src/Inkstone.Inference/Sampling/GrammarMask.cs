using Inkstone.Grammar;

namespace Inkstone.Inference;

/// <summary>A grammar as the mask of one text; the engine itself adds the tokens that end the text.</summary>
/// <param name="grammar">which texts are allowed</param>
public sealed class GrammarMask(CompiledGrammar grammar) : ITokenMask
{
    private readonly ulong[] _mask = new ulong[grammar.Vocabulary.MaskLength];

    /// <summary>The sequence.</summary>
    public TokenMask Sequence { get; } = grammar.NewMask();

    /// <inheritdoc/>
    public bool CanEnd => Sequence.CanEnd;

    /// <inheritdoc/>
    public bool IsFinished => Sequence.MustEnd;

    /// <inheritdoc/>
    public bool Accept(int id) => Sequence.Accept(id);

    /// <inheritdoc/>
    public void Fill(Span<ulong> allowed)
    {
        // A model's vocabulary may be larger than its tokenizer's, or end before it.
        Sequence.Fill(_mask);
        int both = Math.Min(allowed.Length, _mask.Length);
        _mask.AsSpan(0, both).CopyTo(allowed);
        allowed[both..].Clear();
    }
}
