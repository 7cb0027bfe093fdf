using System.Text;
using Inkstone.Data;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>Conversations as tokens and masks, ready to be batched, and what became of those that are not.</summary>
/// <param name="Train">What is learned from.</param>
/// <param name="Valid">What is held out.</param>
/// <param name="Truncated">Conversations that were cut at the longest length.</param>
/// <param name="Skipped">Conversations that were left out, by reason.</param>
public sealed record ConversationSet(IReadOnlyList<MaskedConversation> Train, IReadOnlyList<MaskedConversation> Valid, int Truncated,
    IReadOnlyDictionary<string, int> Skipped)
{
    /// <summary>A conversation without an assistant's turn, or with none left after truncation.</summary>
    public const string NothingToLearn = "nothing to learn (no assistant turn within max_length)";

    /// <summary>A conversation that is longer than max_length, where these are skipped.</summary>
    public const string TooLong = "longer than max_length";

    /// <summary>All tokens of the training part.</summary>
    public long Tokens => Train.Sum(e => (long)e.Ids.Length);

    /// <summary>Those of them that are learned.</summary>
    public long Learned => Train.Sum(e => (long)e.Learned.Count(l => l));

    /// <summary>Renders, masks and cuts conversations; equal ones always land on the same side of the held-out border.</summary>
    /// <param name="conversations">to learn from</param>
    /// <param name="heldOut">held out; empty: a part of the others is</param>
    /// <param name="section">lengths, masks, held-out part</param>
    /// <param name="masks">template and tokenizer</param>
    public static ConversationSet Make(IEnumerable<Conversation> conversations, IEnumerable<Conversation> heldOut, ConversationSection section, ChatMasks masks)
    {
        List<MaskedConversation> train = [], valid = [];
        Dictionary<string, int> skipped = [];
        int truncated = 0;
        foreach ((Outcome outcome, bool held) in Outcomes(conversations, section, masks).Select(o => (o, false)).AsEnumerable().Concat(Outcomes(heldOut, section, masks).Select(o => (o, true)).AsEnumerable()))
        {
            truncated += outcome.Truncated ? 1 : 0;
            if (outcome.Example is null)
            {
                skipped[outcome.Reason!] = skipped.GetValueOrDefault(outcome.Reason!) + 1;
            }
            else
            {
                (held || (section.Valid.Count == 0 && outcome.Draw < section.ValidRatio) ? valid : train).Add(outcome.Example);
            }
        }
        return new ConversationSet(train, valid, truncated, skipped);
    }

    /// <summary>Tokens and mask of one conversation; a fault names its place.</summary>
    public static MaskedConversation Mask(Conversation conversation, ChatMasks masks)
    {
        try
        {
            return masks.Of(conversation.Messages, conversation.Tools);
        }
        catch (Exception e) when (e is InvalidDataException or TemplateException)
        {
            throw new InvalidDataException($"{conversation.Place}: {e.Message}", e);
        }
    }

    private static ParallelQuery<Outcome> Outcomes(IEnumerable<Conversation> conversations, ConversationSection section, ChatMasks masks)
        => conversations.AsParallel().AsOrdered().Select(c => One(c, section, masks));

    private static Outcome One(Conversation conversation, ConversationSection section, ChatMasks masks)
    {
        MaskedConversation whole = Mask(conversation, masks);
        double draw = new PhiloxRandom(StableHash.Of(Encoding.UTF8.GetBytes(conversation.Messages.ToJsonString())), 0).UniformDouble(0);
        bool longer = whole.Ids.Length > section.MaxLength + 1;
        if (longer && section.Overlong == "skip")
        {
            return new Outcome(null, TooLong, false, draw);
        }
        MaskedConversation cut = longer ? new(whole.Ids[..(section.MaxLength + 1)], whole.Learned[..(section.MaxLength + 1)]) : whole;
        // The first token is never predicted, so it cannot be learned.
        if (!cut.Learned.AsSpan(Math.Min(1, cut.Learned.Length)).Contains(true))
        {
            return new Outcome(null, NothingToLearn, false, draw);
        }
        return new Outcome(section.CompletionsOnly ? cut : cut with { Learned = [.. cut.Ids.Select(_ => true)] }, null, longer, draw);
    }

    private sealed record Outcome(MaskedConversation? Example, string? Reason, bool Truncated, double Draw);
}
