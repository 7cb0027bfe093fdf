namespace Inkstone.Text;

/// <summary>Why a word became its tokens.</summary>
public enum TokenOrigin
{
    /// <summary>Its symbols were merged.</summary>
    Merges,

    /// <summary>The vocabulary has the whole word, and the tokenizer takes such words without merging (ignore_merges).</summary>
    WholeWord,

    /// <summary>It is an added token, which is found before text is cut into words.</summary>
    Added,

    /// <summary>The tokenizer puts it around every text.</summary>
    Around,
}

/// <summary>One merge within a word.</summary>
/// <param name="Rank">its number in the list of merges: the lowest one that a word has comes first</param>
/// <param name="At">the place of the symbol that the two became</param>
/// <param name="Id">that symbol</param>
/// <param name="Symbols">all symbols of the word after it</param>
public sealed record MergeStep(int Rank, int At, int Id, int[] Symbols);

/// <summary>A word as a tokenizer cuts it.</summary>
/// <param name="Text">its bytes in UTF-8, normalized as the tokenizer does it</param>
/// <param name="Origin">why it became its tokens</param>
/// <param name="Ids">its tokens</param>
/// <param name="Symbols">what the merges begin with: bytes or characters</param>
/// <param name="Merges">the merges in their order</param>
public sealed record TokenizedWord(byte[] Text, TokenOrigin Origin, int[] Ids, int[] Symbols, IReadOnlyList<MergeStep> Merges);
