namespace Inkstone.Data;

/// <summary>What a record is taken as.</summary>
public enum MixKind
{
    /// <summary>What its keys say: preference, choice, conversation, text, in this order.</summary>
    Auto,

    /// <summary>A text to learn from as it stands.</summary>
    Text,

    /// <summary>A conversation in any form that <see cref="ConversationReader"/> knows.</summary>
    Conversation,

    /// <summary>A question with choices, which becomes a question and its answer.</summary>
    Choice,

    /// <summary>Two answers, one chosen and one rejected.</summary>
    Preference,
}

/// <summary>The files that a mixture fills.</summary>
[Flags]
public enum MixOutputs
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>pretrain.jsonl: <c>{text, source, category}</c>; a conversation is written as a text.</summary>
    Pretrain = 1,

    /// <summary>sft.jsonl: <c>{conversations, source, category}</c>.</summary>
    Sft = 2,

    /// <summary>dpo.jsonl: <c>{chosen, rejected, source, category}</c>.</summary>
    Dpo = 4,
}

/// <summary>Files of one origin.</summary>
/// <param name="Name">what <c>source</c> says in the output where a record names none</param>
/// <param name="Paths">files or folders, of any format that is read here</param>
/// <param name="Count">records to take; null: by weight</param>
/// <param name="Weight">its weight in its category; null: its number of records</param>
/// <param name="Share">the share of its records that may be taken at all, chosen by their hash</param>
/// <param name="Kind">what its records are</param>
/// <param name="TextKeys">keys whose texts are joined where it is text</param>
public sealed record MixSource(
    string Name,
    IReadOnlyList<string> Paths,
    long? Count,
    double? Weight,
    double Share,
    MixKind Kind,
    IReadOnlyList<string> TextKeys
);

/// <summary>A part of the mixture.</summary>
/// <param name="Name">such as general, knowledge, math, identity, preference</param>
/// <param name="Count">records to take; null: by weight</param>
/// <param name="Weight">its weight in the total; null where it has a count</param>
/// <param name="Repeat">how often each record that is taken is written</param>
/// <param name="MaxEpochs">how often a record may be written at most, on average</param>
/// <param name="Writes">the files that it goes to; None: all that its records can go to</param>
/// <param name="Sources">where it is taken from</param>
public sealed record MixCategory(
    string Name,
    long? Count,
    double? Weight,
    int Repeat,
    double MaxEpochs,
    MixOutputs Writes,
    IReadOnlyList<MixSource> Sources
);

/// <summary>A mixture: categories with quotas.</summary>
/// <param name="Total">records of the categories that have weights</param>
/// <param name="Seed">decides which records are taken and in which order they stand</param>
/// <param name="Shrink">whether a quota that its sources cannot fill is lowered instead of refused</param>
/// <param name="Categories">its parts</param>
public sealed partial record MixRecipe(long? Total, long Seed, bool Shrink, IReadOnlyList<MixCategory> Categories);
