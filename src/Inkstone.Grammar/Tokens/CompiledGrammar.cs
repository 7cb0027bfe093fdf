namespace Inkstone.Grammar;

/// <summary>A grammar for one vocabulary: its automaton, and the masks that have been asked for. It is made once and shared by all
/// sequences and threads.</summary>
public sealed class CompiledGrammar
{
    private readonly MaskWalk _walk;
    private readonly long _mostBytes;

    /// <param name="grammar">which texts are allowed</param>
    /// <param name="vocabulary">of which tokens they are made</param>
    /// <param name="cacheBytes">most bytes of kept masks; beyond that they are dropped and made anew</param>
    /// <exception cref="GrammarException">the grammar cannot be held; the message says why</exception>
    public CompiledGrammar(TextGrammar grammar, TokenVocabulary vocabulary, long cacheBytes = 128L << 20)
    {
        (Vocabulary, _walk, _mostBytes) = (vocabulary, new MaskWalk(vocabulary), cacheBytes);
        Space = new StateSpace(
            token => vocabulary.Tokenizer.TokenToId(token) is { } id && vocabulary.Tokenizer.IsSpecial(id),
            vocabulary.Trie.Deepest
        );
        Start = grammar.Build(Space, Space.End);
    }

    /// <summary>The tokens.</summary>
    public TokenVocabulary Vocabulary { get; }

    internal StateSpace Space { get; }

    internal State Start { get; }

    /// <summary>A new sequence.</summary>
    /// <param name="endTokens">tokens that end it; they are allowed where the grammar may end</param>
    public TokenMask NewMask(params ReadOnlySpan<int> endTokens) => new(this, endTokens.ToArray());

    internal MaskPart Mask(State state) =>
        state.Mask ?? (state.MaskTwin is var twin && twin != state ? state.Mask = Mask(twin) : Make(state, null));

    internal MaskPart Mask(State then, Exits exits) => then.Continued.TryGetValue(exits, out MaskPart? part) ? part : Make(then, exits);

    private MaskPart Make(State state, Exits? exits)
    {
        lock (Space)
        {
            if (_walk.Bytes > _mostBytes)
            {
                Space.ForgetMasks();
                _walk.Forget();
            }
            if (exits is null)
            {
                return state.Mask ??= _walk.FromState(state);
            }
            return state.Continued.TryGetValue(exits, out MaskPart? part) ? part : state.Continued[exits] = _walk.FromExits(state, exits);
        }
    }
}
