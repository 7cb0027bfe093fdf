using System.Runtime.InteropServices;

namespace Inkstone.Distributed;

/// <summary>What is made of the collectives of <see cref="ICommunicator"/>.</summary>
public static class Collectives
{
    /// <summary>What each rank has to say, in the order of ranks.</summary>
    public static byte[][] GatherAll(this ICommunicator ranks, ReadOnlySpan<byte> own)
    {
        if (ranks.Size == 1)
        {
            return [own.ToArray()];
        }
        int[] lengths = new int[ranks.Size],
            four = new int[ranks.Size];
        lengths[ranks.Rank] = own.Length;
        Array.Fill(four, sizeof(int));
        ranks.AllGather(MemoryMarshal.AsBytes(lengths.AsSpan()), four);
        byte[] all = new byte[lengths.Sum()];
        own.CopyTo(all.AsSpan(lengths.Take(ranks.Rank).Sum()));
        ranks.AllGather(all, lengths);
        byte[][] parts = new byte[ranks.Size][];
        for (int r = 0, at = 0; r < parts.Length; at += lengths[r], r++)
        {
            parts[r] = all[at..(at + lengths[r])];
        }
        return parts;
    }

    /// <summary>The number that a rank has.</summary>
    public static int From(this ICommunicator ranks, int root, int value)
    {
        Span<int> one = [value];
        ranks.Broadcast(MemoryMarshal.AsBytes(one), root);
        return one[0];
    }
}
