using Inkstone.Text;

namespace Inkstone.Grammar;

/// <summary>The tokens of a tokenizer, arranged so that masks over them are quick to make. It is made once for a tokenizer and shared by all grammars and threads.</summary>
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
    internal int[] Quoted => _quoted ??= [.. Enumerable.Range(0, Trie.Bytes.Length).Where(rank => Trie.Bytes[rank].AsSpan().Count((byte)'"') >= 2)];

    private int[]? _quoted;
}
