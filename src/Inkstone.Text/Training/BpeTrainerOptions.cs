namespace Inkstone.Text;

/// <summary>What to train.</summary>
/// <param name="VocabularySize">Tokens in the end, special tokens and byte alphabet included; fewer when the corpus has no more
/// pairs.</param>
/// <param name="Pattern">How text is cut into words.</param>
/// <param name="MinFrequency">Pairs seen less often are not merged.</param>
/// <param name="SpecialTokens">Take the first ids, in this order.</param>
/// <param name="InitialAlphabet">All 256 bytes get a token, also those that the corpus lacks.</param>
/// <param name="MaxPreTokenLength">Words longer than this many bytes are cut, between characters, while learning; 0 = no cap, as Hugging
/// Face has it.</param>
/// <param name="Threads">0 = one for each processor. The result does not depend on it.</param>
/// <param name="BosToken">Role written to tokenizer_config.json; null = by the usual names among the special tokens.</param>
/// <param name="EosToken">As <paramref name="BosToken"/>.</param>
/// <param name="PadToken">As <paramref name="BosToken"/>; never the end token.</param>
public sealed record BpeTrainerOptions(
    int VocabularySize,
    SplitPattern Pattern = SplitPattern.Gpt4,
    long MinFrequency = 0,
    IReadOnlyList<string>? SpecialTokens = null,
    bool InitialAlphabet = true,
    int MaxPreTokenLength = 0,
    int Threads = 0,
    string? BosToken = null,
    string? EosToken = null,
    string? PadToken = null
);

/// <summary>The two things a trainer does.</summary>
public enum BpeStage
{
    /// <summary>Reading the corpus and counting its words; progress in bytes.</summary>
    Count,

    /// <summary>Learning merges; progress in tokens of the vocabulary.</summary>
    Merge,
}

/// <summary>How far training is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Done">Bytes read or tokens made.</param>
/// <param name="Total">Bytes or tokens in all; 0 when unknown (documents from memory).</param>
/// <param name="InvalidBytes">Ill-formed UTF-8 sequences so far, each replaced by U+FFFD.</param>
public sealed record BpeProgress(BpeStage Stage, long Done, long Total, long InvalidBytes);
