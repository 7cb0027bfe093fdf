using System.Diagnostics;
using System.Runtime.InteropServices;
using Inkstone.Distributed;

namespace Inkstone.Bench;

/// <summary>
/// Times the sums over processes that training makes, beside what the memory and the wire give at best in the same run. A sum of n bytes
/// over N ranks has to send 2 (N − 1) / N · n bytes from
/// each, so its rate is these over its time, and its limit the rate at which every rank sends to the next while it receives from the one
/// before.
/// </summary>
public static class CollectiveBench
{
    private const int Least = 4 << 10,
        Rounds = 12;

    /// <summary>Bytes per second that all ranks copy at once in memory, each of them.</summary>
    /// <param name="ranks">the processes, which all call it together</param>
    public static double CopyRate(ICommunicator ranks)
    {
        byte[] from = new byte[32 << 20],
            to = new byte[32 << 20];
        from.AsSpan().Fill(1);
        return from.Length / Best(ranks, () => from.CopyTo(to, 0));
    }

    /// <summary>Bytes per second that every rank sends to the next one while it receives as many, in messages of 4 MiB.</summary>
    /// <param name="ranks">the processes, which all call it together</param>
    public static double WireRate(ICommunicator ranks)
    {
        const int Bytes = 4 << 20;
        byte[] send = new byte[Bytes],
            receive = new byte[Bytes];
        (int[] sent, int[] received) = (new int[ranks.Size], new int[ranks.Size]);
        (sent[(ranks.Rank + 1) % ranks.Size], received[(ranks.Rank + ranks.Size - 1) % ranks.Size]) = (Bytes, Bytes);
        return Bytes / Best(ranks, () => ranks.AllToAll(send, sent, receive, received));
    }

    /// <summary>Every size up to <paramref name="most"/> bytes: by the library, in fixed order as float32, and as bfloat16.</summary>
    /// <param name="ranks">the processes, which all call it together</param>
    /// <param name="most">bytes of the largest sum</param>
    /// <param name="wire">the limit, bytes per second, as <see cref="WireRate"/> found it</param>
    /// <param name="cancelled">ends it between two sizes</param>
    public static IEnumerable<KernelEntry> Run(ICommunicator ranks, long most, double wire, CancellationToken cancelled = default)
    {
        for (long bytes = Least; bytes <= most; bytes *= 4)
        {
            cancelled.ThrowIfCancellationRequested();
            float[] values = new float[bytes / sizeof(float)],
                parts = new float[values.Length + ranks.Size * ranks.Size];
            ushort[] narrow = new ushort[values.Length],
                narrowParts = new ushort[parts.Length];
            int[] all =
            [
                .. Enumerable
                    .Range(0, ranks.Size)
                    .Select(r => (int)((r + 1L) * values.Length / ranks.Size - (long)r * values.Length / ranks.Size)),
            ];
            int own = all[ranks.Rank],
                start = all.Take(ranks.Rank).Sum();
            int[] sent = [.. all.Select(n => n * sizeof(float))],
                received = [.. all.Select(_ => own * sizeof(float))];
            int[] sentNarrow = [.. all.Select(n => n * sizeof(ushort))],
                receivedNarrow = [.. all.Select(_ => own * sizeof(ushort))];
            double moved = 2.0 * (ranks.Size - 1) / ranks.Size * bytes;
            yield return Entry("all-reduce", "fp32", moved, () => ranks.AllReduce(values));
            yield return Entry(
                "ordered sum",
                "fp32",
                moved,
                () =>
                {
                    ranks.AllToAll(
                        MemoryMarshal.AsBytes(values.AsSpan()),
                        sent,
                        MemoryMarshal.AsBytes(parts.AsSpan(0, own * ranks.Size)),
                        received
                    );
                    OrderedSum.Reduce(parts.AsSpan(0, own * ranks.Size), ranks.Size);
                    parts.AsSpan(0, own).CopyTo(values.AsSpan(start));
                    ranks.AllGather(MemoryMarshal.AsBytes(values.AsSpan()), sent);
                }
            );
            yield return Entry(
                "ordered sum",
                "bf16",
                moved / 2,
                () =>
                {
                    BFloat16Wire.Narrow(values, narrow);
                    ranks.AllToAll(
                        MemoryMarshal.AsBytes(narrow.AsSpan()),
                        sentNarrow,
                        MemoryMarshal.AsBytes(narrowParts.AsSpan(0, own * ranks.Size)),
                        receivedNarrow
                    );
                    BFloat16Wire.Widen(narrowParts.AsSpan(0, own * ranks.Size), parts);
                    OrderedSum.Reduce(parts.AsSpan(0, own * ranks.Size), ranks.Size);
                    BFloat16Wire.Narrow(parts.AsSpan(0, own), narrow.AsSpan(start));
                    ranks.AllGather(MemoryMarshal.AsBytes(narrow.AsSpan()), sentNarrow);
                    BFloat16Wire.Widen(narrow, values);
                }
            );

            KernelEntry Entry(string name, string type, double sentBytes, Action action)
            {
                double seconds = Best(ranks, action);
                return new KernelEntry(
                    name,
                    $"{bytes >> 10} KiB over {ranks.Size}",
                    type,
                    1,
                    seconds,
                    sentBytes / seconds / 1e9,
                    "GB/s",
                    wire / 1e9
                );
            }
        }
    }

    /// <summary>The fastest of several rounds, each as long as its slowest rank took.</summary>
    private static double Best(ICommunicator ranks, Action action)
    {
        double best = double.PositiveInfinity;
        Span<double> times = new double[ranks.Size];
        for (int i = 0; i < Rounds; i++)
        {
            ranks.Barrier();
            long began = Stopwatch.GetTimestamp();
            action();
            times.Clear();
            times[ranks.Rank] = Stopwatch.GetElapsedTime(began).TotalSeconds;
            ranks.AllReduce(times);
            double slowest = 0;
            foreach (double time in times)
            {
                slowest = Math.Max(slowest, time);
            }
            best = i > 1 ? Math.Min(best, slowest) : best;
        }
        return best;
    }
}
