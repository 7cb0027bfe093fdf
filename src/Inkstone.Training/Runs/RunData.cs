using System.IO.Hashing;
using System.Runtime.InteropServices;
using Inkstone.Data;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>What a run learns from and is measured on.</summary>
/// <param name="Tokens">Tokens of one pass.</param>
/// <param name="Longest">Tokens of the longest row.</param>
/// <param name="LengthKey">The recipe key that limits it.</param>
/// <param name="Train">Fingerprint of the content that is learned from.</param>
/// <param name="Valid">Fingerprint of what is held out.</param>
internal sealed record RunData(long Tokens, int Longest, string LengthKey, string Train, string Valid)
{
    /// <summary>Token shards in rows of <paramref name="length"/>.</summary>
    public static RunData Describe(IReadOnlyList<TokenShard> train, IReadOnlyList<TokenShard> valid, int length) =>
        new(train.Sum(s => s.Count), length, "data.sequence_length", Fingerprint(train), Fingerprint(valid));

    /// <summary>Conversations as they are rendered, masked and cut.</summary>
    public static RunData Describe(ConversationSet set) =>
        new(set.Tokens, set.Train.Max(e => e.Ids.Length - 1), "data.max_length", Fingerprint(set.Train), Fingerprint(set.Valid));

    /// <summary>XXH3 of the stream of ids: the same whatever the files are called and wherever it is cut into shards.</summary>
    private static string Fingerprint(IReadOnlyList<TokenShard> shards)
    {
        XxHash3 hash = new();
        int[] buffer = new int[1 << 16];
        foreach (TokenShard shard in shards)
        {
            for (long start = 0; start < shard.Count; start += buffer.Length)
            {
                Span<int> ids = buffer.AsSpan(0, (int)Math.Min(buffer.Length, shard.Count - start));
                shard.Read(start, ids);
                hash.Append(MemoryMarshal.AsBytes(ids));
            }
        }
        return Text(hash);
    }

    private static string Fingerprint(IReadOnlyList<MaskedConversation> examples)
    {
        XxHash3 hash = new();
        foreach (MaskedConversation example in examples)
        {
            hash.Append(BitConverter.GetBytes(example.Ids.Length));
            hash.Append(MemoryMarshal.AsBytes(example.Ids.AsSpan()));
            hash.Append(MemoryMarshal.AsBytes(example.LossMask.AsSpan()));
        }
        return Text(hash);
    }

    private static string Text(XxHash3 hash) => Convert.ToHexStringLower(hash.GetCurrentHash());
}
