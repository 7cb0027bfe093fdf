using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Inkstone.Distributed;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>What all processes of a run must have alike: recipe, data and weights before the first step, and every checkpoint that the
/// first one writes.</summary>
internal static class RankAgreement
{
    private static readonly string[] What = ["the recipe", "the data to learn from", "the held-out data", "the weights"];

    /// <summary>Compares fingerprints.</summary>
    /// <exception cref="InvalidDataException">A process has something else than the first.</exception>
    public static void Check(ICommunicator ranks, string recipe, RunData data, Parameters weights)
    {
        if (ranks.Size == 1)
        {
            return;
        }
        ulong[] own = [Of(recipe), Of(data.Train), Of(data.Valid), Of(weights)];
        byte[][] all = ranks.GatherAll(MemoryMarshal.AsBytes(own.AsSpan()));
        ReadOnlySpan<ulong> first = MemoryMarshal.Cast<byte, ulong>(all[0]);
        for (int r = 1; r < all.Length; r++)
        {
            ReadOnlySpan<ulong> other = MemoryMarshal.Cast<byte, ulong>(all[r]);
            for (int i = 0; i < first.Length; i++)
            {
                if (first[i] != other[i])
                {
                    throw new InvalidDataException(
                        $"{What[i]} of process {r} {(i == 3 ? "are" : "is")} not as that of process 0; give all hosts the same files and the same version of ink"
                    );
                }
            }
        }

        static ulong Of(object what)
        {
            XxHash3 hash = new();
            if (what is string text)
            {
                hash.Append(Encoding.UTF8.GetBytes(text));
            }
            foreach (Parameter p in what as Parameters ?? Parameters.FromList([]))
            {
                byte[] row = new byte[1 << 16];
                int size = row.Length / sizeof(float);
                for (long at = 0; p.Tensor.DType == Tensors.DType.Float32 && at < p.Tensor.Count; at += size)
                {
                    Span<byte> piece = row.AsSpan(0, (int)Math.Min(size, p.Tensor.Count - at) * sizeof(float));
                    p.Tensor.CopyTo(piece, at);
                    hash.Append(piece);
                }
            }
            return hash.GetCurrentHashAsUInt64();
        }
    }

    /// <summary>Waits for the checkpoint of a step and reads it as a resumed run would: files, lengths and hashes.</summary>
    /// <exception cref="InvalidDataException">A process does not find it, or not whole.</exception>
    public static void Verify(ICommunicator ranks, CheckpointFolder checkpoints, int step)
    {
        if (ranks.Size == 1)
        {
            return;
        }
        ranks.Barrier();
        if (ranks.Rank > 0)
        {
            string path = checkpoints.GetPath(step);
            if (!Directory.Exists(path))
            {
                throw new InvalidDataException(
                    $"process {ranks.Rank} on {Environment.MachineName} does not see {path}, which process 0 has written: out must name a directory that all hosts share"
                );
            }
            if (checkpoints.Damage(step) is { } damage)
            {
                throw new InvalidDataException($"process {ranks.Rank} finds {path} damaged: {damage}");
            }
        }
        ranks.Barrier();
    }
}
