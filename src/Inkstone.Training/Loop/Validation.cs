using Inkstone.Data;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>Loss and bits per byte on held-out data, always over the same rows from the beginning.</summary>
/// <param name="Loss">Mean over labels, nats.</param>
/// <param name="BitsPerByte">Bits per byte of the text behind those labels, or NaN where the shards do not know it.</param>
/// <param name="Labels">Over how many labels.</param>
public readonly record struct Validation(double Loss, double BitsPerByte, long Labels)
{
    /// <summary>Measures.</summary>
    /// <param name="device">where the model lives</param>
    /// <param name="objective">the loss</param>
    /// <param name="source">held-out rows, one pass from its beginning</param>
    /// <param name="bytesPerToken">text behind a token, or NaN</param>
    /// <param name="batch">memory for one batch</param>
    /// <param name="maxBatches">0: all</param>
    /// <param name="cancelled">ends it between two batches</param>
    public static Validation Measure(Device device, Objective objective, IBatchSource source, double bytesPerToken, Batch batch, int maxBatches, CancellationToken cancelled = default)
    {
        source.State = default;
        double nats = 0;
        long labels = 0;
        for (int i = 0; (maxBatches == 0 || i < maxBatches) && source.Next(batch); i++)
        {
            cancelled.ThrowIfCancellationRequested();
            if (batch.LabelCount > 0)
            {
                using (device.Step())
                {
                    nats += (double)objective(batch, batch.LabelCount).Item() * batch.LabelCount;
                }
                labels += batch.LabelCount;
            }
        }
        return labels == 0 ? new Validation(double.NaN, double.NaN, 0)
            : new Validation(nats / labels, nats / labels / Math.Log(2) / bytesPerToken, labels);
    }

    /// <summary>Bytes of text per token over all shards, or NaN where one does not know its text's size.</summary>
    public static double BytesPerToken(IReadOnlyList<TokenShard> shards)
    {
        long bytes = 0, tokens = 0;
        foreach (TokenShard shard in shards)
        {
            if (shard.Header.TextBytes is not > 0)
            {
                return double.NaN;
            }
            bytes += shard.Header.TextBytes.Value;
            tokens += shard.Count;
        }
        return tokens == 0 ? double.NaN : (double)bytes / tokens;
    }
}
