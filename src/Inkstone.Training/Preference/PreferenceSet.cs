using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Inkstone.Data;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>Preferences as tokens, to learn from and held out, and what became of those that are neither.</summary>
/// <param name="Train">what is learned from</param>
/// <param name="Valid">what is held out</param>
/// <param name="Skipped">records that were left out, by reason</param>
/// <param name="Truncated">answers that were cut at the longest length, or null</param>
/// <param name="Moved">borders between prompt and answers that lie elsewhere among the tokens than in the text, or null</param>
public sealed record PreferenceSet(
    IReadOnlyList<PreferenceExample> Train,
    IReadOnlyList<PreferenceExample> Valid,
    IReadOnlyList<SkippedRecords> Skipped,
    SkippedRecords? Truncated,
    SkippedRecords? Moved
)
{
    private const string Equal = "the two answers are equal",
        Empty = "an answer has no token to learn",
        NoRoom = "the prompt fills data.max_length",
        TooLong = "longer than data.max_length";

    /// <summary>All tokens of the training part.</summary>
    public long Tokens => Train.Sum(e => (long)e.Tokens);

    /// <summary>Tokenizes and cuts; equal records always land on the same side of the held-out border.</summary>
    /// <param name="records">to learn from</param>
    /// <param name="heldOut">held out; empty: a part of the others is</param>
    /// <param name="section">lengths, held-out part</param>
    /// <param name="tokens">template and tokenizer</param>
    /// <param name="reader">which has counted what it left out, once all is read</param>
    public static PreferenceSet Make(
        IEnumerable<PreferenceRecord> records,
        IEnumerable<PreferenceRecord> heldOut,
        PreferenceSection section,
        PreferenceTokens tokens,
        PreferenceReader reader
    )
    {
        List<PreferenceExample> train = [],
            valid = [];
        SkippedRecordCounter skipped = new(),
            truncated = new(),
            moved = new();
        foreach (
            (PreferenceRecord record, (PreferenceExample example, bool isMoved), bool held) in Encode(records, tokens, false)
                .Concat(Encode(heldOut, tokens, true))
        )
        {
            (PreferenceExample? fitting, string? reason) = Fit(example, section);
            if (fitting is null)
            {
                skipped.Add(reason!, record.Place);
                continue;
            }
            if (isMoved)
            {
                moved.Add(
                    "a token spans the end of the prompt, or the template writes the prompt otherwise before an answer",
                    record.Place
                );
            }
            if (fitting.Tokens < example.Tokens)
            {
                truncated.Add($"cut at data.max_length {section.MaxLength}", record.Place);
            }
            bool isValid = held || (section.Valid.Count == 0 && HashToUnit(record) < section.ValidRatio);
            (isValid ? valid : train).Add(fitting);
        }
        return new PreferenceSet(train, valid, [.. reader.Skipped, .. skipped.Records], One(truncated), One(moved));
    }

    /// <summary>Tells what was left out, cut and moved.</summary>
    internal void Tell(Action<string> warn)
    {
        foreach (SkippedRecords records in Skipped)
        {
            warn(records.Sentence("record", "left out"));
        }
        if (Truncated is { } cut)
        {
            warn(cut.Sentence("record", "shortened"));
        }
        if (Moved is { } moved)
        {
            warn(moved.Sentence("border", "moved"));
        }
    }

    /// <summary>What a run is told of its data.</summary>
    internal RunData RunData() =>
        new(
            Tokens,
            Train.Max(e => e.Prompt.Length + e.Answers.Max(a => a.Length)),
            "data.max_length",
            Fingerprint(Train),
            Fingerprint(Valid)
        );

    private static string Fingerprint(IReadOnlyList<PreferenceExample> examples)
    {
        XxHash3 hash = new();
        foreach (PreferenceExample example in examples)
        {
            hash.Append(BitConverter.GetBytes(example.Good ? example.Margin ?? double.NaN : double.NegativeInfinity));
            foreach (int[] ids in (int[][])[example.Prompt, .. example.Answers])
            {
                hash.Append(BitConverter.GetBytes(ids.Length));
                hash.Append(MemoryMarshal.AsBytes(ids.AsSpan()));
            }
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    // No ParallelQuery: its Concat has a type that contains itself, which a build ahead of time cannot follow to its end.
    private static IEnumerable<(PreferenceRecord, (PreferenceExample, bool), bool)> Encode(
        IEnumerable<PreferenceRecord> records,
        PreferenceTokens tokens,
        bool held
    ) => records.AsParallel().AsOrdered().Select(r => (r, tokens.Encode(r), held)).AsSequential();

    /// <summary>The record as long as it may be, or why it is left out.</summary>
    private static (PreferenceExample? Example, string? Reason) Fit(PreferenceExample whole, PreferenceSection section)
    {
        int room = section.MaxLength - whole.Prompt.Length;
        if (room <= 0)
        {
            return (null, NoRoom);
        }
        if (section.Overlong == "skip" && whole.Answers.Any(a => a.Length > room))
        {
            return (null, TooLong);
        }
        int[][] answers = [.. whole.Answers.Select(a => a.Length > room ? a[..room] : a)];
        // Without a prompt nothing foretells the first token.
        return answers.Any(a => a.Length <= (whole.Prompt.Length == 0 ? 1 : 0)) ? (null, Empty)
            : answers is [var one, var other] && one.AsSpan().SequenceEqual(other) ? (null, Equal)
            : (whole with { Answers = answers }, null);
    }

    private static double HashToUnit(PreferenceRecord record) =>
        new PhiloxRandom(StableHash.Compute(Encoding.UTF8.GetBytes(record.Prompt.Key)), 0).UniformDouble(0);

    private static SkippedRecords? One(SkippedRecordCounter counter) => counter.Records is [var records] ? records : null;
}
