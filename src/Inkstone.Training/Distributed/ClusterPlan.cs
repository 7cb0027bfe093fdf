using System.Globalization;

namespace Inkstone.Training;

/// <summary>What connects hosts.</summary>
/// <param name="BytesPerSecond">that a host sends at most</param>
/// <param name="Latency">seconds until a small message is there</param>
public sealed record NetworkLink(double BytesPerSecond, double Latency)
{
    /// <summary>Part of a wire's bits that are a program's: frames and TCP take the rest.</summary>
    private const double Payload = 0.94;

    /// <summary>By its name, such as 1gbit, 25gbit or 100mbit.</summary>
    /// <exception cref="ArgumentException">It is no such name.</exception>
    public static NetworkLink Parse(string name, double latencyMicroseconds)
    {
        string text = name.ToLowerInvariant();
        double unit =
            text.EndsWith("gbit", StringComparison.Ordinal) ? 1e9
            : text.EndsWith("mbit", StringComparison.Ordinal) ? 1e6
            : 0;
        return unit > 0 && double.TryParse(text[..^4], NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number > 0
            ? new NetworkLink(number * unit * Payload / 8, latencyMicroseconds * 1e-6)
            : throw new ArgumentException($"--network must be a rate such as 1gbit, 25gbit or 100mbit, got '{name}'");
    }
}

/// <summary>What a step costs one process alone, and what of it travels.</summary>
/// <param name="MicroBatchSeconds">forward and backward of one micro-batch</param>
/// <param name="OptimizerSeconds">norm and optimizer over all that is trained</param>
/// <param name="Parameters">numbers that are trained</param>
/// <param name="LateShare">the part of them whose gradients are whole with the whole backward pass only</param>
/// <param name="ActivationBytes">of a micro-batch</param>
public sealed record StepCost(double MicroBatchSeconds, double OptimizerSeconds, long Parameters, double LateShare, long ActivationBytes)
{
    /// <summary>Of the parameters Muon's.</summary>
    public long Muon { get; init; }

    /// <summary>Of the parameters those in matrices of blocks, which can be sharded.</summary>
    public long InBlocks { get; init; }

    /// <summary>Of these those of the largest block.</summary>
    public long LargestBlock { get; init; }

    /// <summary>Of a host's cores those that the process used: processes on one host share its cores and its memory's rate.</summary>
    public double CoreShare { get; init; } = 1;
}

/// <summary>A step on so many hosts, as simulated.</summary>
/// <param name="Hosts">hosts</param>
/// <param name="Ranks">processes</param>
/// <param name="Seconds">of the step</param>
/// <param name="TokensPerSecond">of all together</param>
/// <param name="Efficiency">over what one process does in a second, as many times as there are processes with cores of their own</param>
/// <param name="Hidden">share of the time of sums behind which something was computed</param>
/// <param name="SentBytes">by each host in a step</param>
/// <param name="MemoryBytes">of each process, without the program itself</param>
/// <param name="Limit">what keeps it from being as many times as fast</param>
public sealed record PlannedStep(
    int Hosts,
    int Ranks,
    double Seconds,
    double TokensPerSecond,
    double Efficiency,
    double Hidden,
    double SentBytes,
    long MemoryBytes,
    string Limit
);

/// <summary>
/// Predicts a step on several hosts by simulation: buckets become ready while the last micro-batch goes backward, in proportion to the
/// parameters that are passed, and one after the other cross
/// the wire that the ranks of a host share. Hosts are taken to be alike, and the wire to be theirs alone.
/// </summary>
public static class ClusterPlan
{
    private const double BackwardShare = 2.0 / 3,
        MessageSeconds = 10e-6;

    // Of a wire's rate what sums reach, whose phases wait for each other; several processes of a host fill each other's pauses.
    private const double SumsOfWire = 0.55,
        SumsOfSharedWire = 0.7;

    /// <summary>Predicts; null where the step's rows cannot be dealt out to so many.</summary>
    /// <param name="cost">of one process</param>
    /// <param name="train">batch and accumulation</param>
    /// <param name="tokensPerRow">T</param>
    /// <param name="options">how processes work together</param>
    /// <param name="link">what connects hosts</param>
    /// <param name="hosts">hosts</param>
    /// <param name="ranksPerHost">processes on each</param>
    public static PlannedStep? Estimate(
        StepCost cost,
        TrainOptions train,
        int tokensPerRow,
        DistributedOptions options,
        NetworkLink link,
        int hosts,
        int ranksPerHost = 1
    )
    {
        int ranks = hosts * ranksPerHost,
            rows = train.BatchSize * train.Accumulation;
        if (rows % ranks != 0)
        {
            return null;
        }
        // Rows are what a micro-batch costs: where there are fewer micro-batches than ranks, each has some of a batch's rows.
        int own = rows / ranks,
            batch = Math.Min(train.BatchSize, own);
        double crowded = Math.Max(1, ranksPerHost * cost.CoreShare),
            microBatch = cost.MicroBatchSeconds * crowded,
            computing = microBatch * own / train.BatchSize,
            last = microBatch * batch / train.BatchSize;
        double began = computing - BackwardShare * last,
            wireBytes = options.Bf16Wire ? 2 : 4;
        bool sharded = options.Zero > 0 && ranks > 1,
            byBlock = options.Zero == 3 && ranks > 1;
        int passes = byBlock ? own / batch : 1; // gradients of each micro-batch travel
        if (byBlock)
        {
            // Weights of all blocks are gathered twice for each micro-batch, while the block before is computed.
            double gathering = 2 * Cross(cost.InBlocks * 4.0, Math.Ceiling(cost.InBlocks * 4.0 / (options.BucketMegabytes * (1 << 20)))),
                slower = Math.Max(0, gathering + Cross(cost.Parameters * wireBytes, 1) - last);
            computing += slower * passes;
        }
        double bucket = Math.Min(options.BucketMegabytes * (1 << 18), cost.Parameters),
            buckets = Math.Ceiling(cost.Parameters / bucket);
        double reduced = 0,
            done = began,
            sent = 0;
        for (int i = 0; i < buckets && ranks > 1; i++)
        {
            double elements = Math.Min(bucket, cost.Parameters - i * bucket),
                passed = (i * bucket + elements) / cost.Parameters;
            double ready = passed > 1 - cost.LateShare ? computing : began + passed / (1 - cost.LateShare) * BackwardShare * last;
            double seconds = Cross(elements * wireBytes * (sharded ? 1 : 2), sharded ? 1 : 2);
            (done, reduced) = (Math.Max(ready, done) + seconds, reduced + seconds);
            sent += OverWire(elements * wireBytes * (sharded ? 1 : 2));
        }
        double exposed = Math.Max(0, done - computing),
            gathered = sharded ? Cross((cost.Parameters - (byBlock ? cost.InBlocks : 0)) * 4.0, byBlock ? 1 : buckets) : 0;
        double optimizer = crowded * cost.OptimizerSeconds / (sharded ? ranks : 1),
            meeting = ranks > 1 ? 4 * (link.Latency + ranks * MessageSeconds) : 0;
        double step = computing + exposed + gathered + optimizer + meeting,
            alone = cost.MicroBatchSeconds * train.Accumulation + cost.OptimizerSeconds;
        long tokens = (long)rows * tokensPerRow,
            memory =
                RankMemory.Estimate(cost.Parameters, cost.Muon, cost.InBlocks, cost.LargestBlock, ranks, own / batch, options).Total
                + cost.ActivationBytes * batch / train.BatchSize;
        return new PlannedStep(
            hosts,
            ranks,
            step,
            tokens / step,
            crowded * alone / (step * ranks),
            reduced > 0 ? 1 - exposed / reduced : 1,
            ranksPerHost
                * (
                    sent * passes
                    + (byBlock ? OverWire(4.0 * (cost.Parameters - cost.InBlocks)) + 2 * passes * OverWire(4.0 * cost.InBlocks) : 0)
                    + (sharded && !byBlock ? OverWire(4.0 * cost.Parameters) : 0)
                ),
            memory,
            ranks == 1 ? "arithmetic"
                : exposed + gathered > optimizer + meeting && exposed + gathered > 0.05 * step ? "wire"
                : meeting > 0.05 * step ? "latency"
                : optimizer > 0.05 * step ? "optimizer"
                : "arithmetic"
        );

        // Of n bytes over N ranks each rank sends (N − 1) / N · n, what goes to its own host not over the wire.
        double OverWire(double bytes) => bytes * (ranks - ranksPerHost) / ranks;

        double Cross(double bytes, double phases) =>
            OverWire(bytes) * ranksPerHost / ((ranksPerHost == 1 ? SumsOfWire : SumsOfSharedWire) * link.BytesPerSecond)
            + phases * (link.Latency + (ranks - 1) * MessageSeconds);
    }
}
