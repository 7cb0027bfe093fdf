using System.Text;
using Inkstone.Data;
using Inkstone.Jinja;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>Conversations as examples of tokens and masks, ready to be batched, and what became of those that are not.</summary>
/// <param name="Train">What is learned from.</param>
/// <param name="Valid">What is held out.</param>
/// <param name="TrainConversations">Conversations that <paramref name="Train"/> is made of.</param>
/// <param name="ValidConversations">Conversations that <paramref name="Valid"/> is made of.</param>
/// <param name="Split">Conversations that became several examples, one for each answer.</param>
/// <param name="SplitExamples">Those examples.</param>
/// <param name="Truncated">Examples that were cut at the longest length, or null when none was.</param>
/// <param name="Skipped">Examples that were left out, by reason.</param>
public sealed record ConversationSet(
    IReadOnlyList<MaskedConversation> Train,
    IReadOnlyList<MaskedConversation> Valid,
    int TrainConversations,
    int ValidConversations,
    int Split,
    int SplitExamples,
    SkippedRecords? Truncated,
    IReadOnlyList<SkippedRecords> Skipped
)
{
    /// <summary>An example without an assistant's turn that is learned, or with none left after truncation.</summary>
    public const string NothingToLearn = "nothing to learn (no assistant turn within max_length, or none that its weight lets learn)";

    /// <summary>An example that is longer than max_length, where these are skipped.</summary>
    public const string TooLong = "longer than max_length";

    /// <summary>All tokens of the training part.</summary>
    public long Tokens => Train.Sum(e => (long)e.Ids.Length);

    /// <summary>Those of them that are learned.</summary>
    public long LossTokens => Train.Sum(e => (long)e.LossMask.Count(l => l));

    /// <summary>Renders, masks and cuts conversations; equal ones always land on the same side of the held-out border, and so do all
    /// examples of one.</summary>
    /// <param name="conversations">to learn from</param>
    /// <param name="heldOut">held out; empty: a part of the others is</param>
    /// <param name="section">lengths, held-out part</param>
    /// <param name="masks">template and tokenizer</param>
    /// <param name="examples">examples that are tokens already, to learn from, with their places</param>
    /// <param name="heldOutExamples">the same, held out</param>
    public static ConversationSet Make(
        IEnumerable<Conversation> conversations,
        IEnumerable<Conversation> heldOut,
        ConversationSection section,
        ChatMasks masks,
        IEnumerable<(string Place, MaskedConversation Example)>? examples = null,
        IEnumerable<(string Place, MaskedConversation Example)>? heldOutExamples = null
    )
    {
        List<MaskedConversation> train = [],
            valid = [];
        SkippedRecordCounter skipped = new(),
            truncated = new();
        int trainConversations = 0,
            validConversations = 0,
            split = 0,
            splitExamples = 0;
        foreach (
            (Rendered rendered, bool held) in Render(conversations, masks)
                .Select(r => (r, false))
                .AsEnumerable()
                .Concat(Render(heldOut, masks).Select(r => (r, true)).AsEnumerable())
                .Concat(Ready(examples).Select(r => (r, false)))
                .Concat(Ready(heldOutExamples).Select(r => (r, true)))
        )
        {
            bool isValid = held || (section.Valid.Count == 0 && rendered.HashUnit < section.ValidRatio);
            List<MaskedConversation> side = isValid ? valid : train;
            int before = side.Count;
            if (rendered.Examples.Count == 0)
            {
                skipped.Add(NothingToLearn, rendered.Place);
            }
            foreach (MaskedConversation example in rendered.Examples)
            {
                (MaskedConversation? fitting, string? reason) = Fit(example, section);
                if (fitting is null)
                {
                    skipped.Add(reason!, rendered.Place);
                    continue;
                }
                side.Add(fitting);
                if (fitting.Ids.Length < example.Ids.Length)
                {
                    truncated.Add($"cut at data.max_length {section.MaxLength}", rendered.Place);
                }
            }
            trainConversations += !isValid && side.Count > before ? 1 : 0;
            validConversations += isValid && side.Count > before ? 1 : 0;
            (split, splitExamples) =
                rendered.Examples.Count > 1 ? (split + 1, splitExamples + rendered.Examples.Count) : (split, splitExamples);
        }
        return new ConversationSet(
            train,
            valid,
            trainConversations,
            validConversations,
            split,
            splitExamples,
            truncated.Records is [var cut] ? cut : null,
            skipped.Records
        );
    }

    /// <summary>The examples of one conversation; a fault names its place.</summary>
    public static IReadOnlyList<MaskedConversation> Mask(Conversation conversation, ChatMasks masks)
    {
        try
        {
            return masks.Mask(conversation.Messages, conversation.Tools, conversation.TemplateVariables);
        }
        catch (Exception e) when (e is InvalidDataException or TemplateException)
        {
            throw new InvalidDataException($"{conversation.Place}: {e.Message}", e);
        }
    }

    private static ParallelQuery<Rendered> Render(IEnumerable<Conversation> conversations, ChatMasks masks) =>
        conversations
            .AsParallel()
            .AsOrdered()
            .Select(c => new Rendered(
                Mask(c, masks),
                c.Place,
                new PhiloxRandom(StableHash.Compute(Encoding.UTF8.GetBytes(c.Messages.ToJsonString())), 0).UniformDouble(0)
            ));

    private static IEnumerable<Rendered> Ready(IEnumerable<(string Place, MaskedConversation Example)>? examples) =>
        (examples ?? []).Select(e => new Rendered(
            [e.Example],
            e.Place,
            new PhiloxRandom(
                StableHash.Compute(System.Runtime.InteropServices.MemoryMarshal.AsBytes(e.Example.Ids.AsSpan())),
                0
            ).UniformDouble(0)
        ));

    /// <summary>The example as long as it may be, or why it is left out.</summary>
    private static (MaskedConversation? Example, string? Reason) Fit(MaskedConversation whole, ConversationSection section)
    {
        bool longer = whole.Ids.Length > section.MaxLength + 1;
        if (longer && section.Overlong == "skip")
        {
            return (null, TooLong);
        }
        MaskedConversation cut = longer ? new(whole.Ids[..(section.MaxLength + 1)], whole.LossMask[..(section.MaxLength + 1)]) : whole;
        // The first token is never predicted, so it cannot be learned.
        return cut.LossMask.AsSpan(Math.Min(1, cut.LossMask.Length)).Contains(true) ? (cut, null) : (null, NothingToLearn);
    }

    private sealed record Rendered(IReadOnlyList<MaskedConversation> Examples, string Place, double HashUnit);
}
