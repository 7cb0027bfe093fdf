using Inkstone.Text;

namespace Inkstone.Grammar;

/// <summary>The tokens of a tokenizer, arranged so that masks over them are quick to make. It is made once for a tokenizer and shared by
/// all grammars and threads.</summary>
/// <param name="tokenizer">any byte-level or SentencePiece-like tokenizer</param>
public sealed class TokenVocabulary(Tokenizer tokenizer)
{
    /// <summary>Highest id + 1: the number of bits of a mask.</summary>
    public int Size => tokenizer.VocabularySize;

    /// <summary>Words of 64 bits that a mask has.</summary>
    public int MaskLength => (Size + 63) / 64;

    internal Tokenizer Tokenizer => tokenizer;

    internal TokenTrie Trie { get; } = new(tokenizer);

    /// <summary>Ranks of tokens that hold two quotation marks or more: within one, the name of a property may begin and end.</summary>
    internal int[] Quoted => _quoted ??= WithQuotes(2);

    /// <summary>Ranks of tokens that hold three or more: within one, a string may end and a name begin and end.</summary>
    internal int[] QuotedThrice => _quotedThrice ??= WithQuotes(3);

    /// <summary>Ranks of tokens that go on behind a quotation mark: they may begin a name.</summary>
    internal int[] OpenQuotes => _openQuotes ??= [.. WithQuotes(1).Where(rank => Trie.Bytes[rank][^1] != '"')];

    private int[]? _openQuotes;
    private int[]? _quoted;
    private int[]? _quotedThrice;

    private int[] WithQuotes(int least) =>
        [.. Enumerable.Range(0, Trie.Bytes.Length).Where(rank => Trie.Bytes[rank].AsSpan().Count((byte)'"') >= least)];
}
