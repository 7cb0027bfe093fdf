using Inkstone.Data;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>Loss and bits per byte on held-out data, always over the same rows from the beginning.</summary>
/// <param name="Loss">Mean over labels, nats.</param>
/// <param name="BitsPerByte">Bits per byte of the text behind those labels.</param>
/// <param name="Labels">Over how many labels.</param>
public readonly record struct Validation(double Loss, double BitsPerByte, long Labels)
{
    /// <summary>Measures.</summary>
    /// <param name="device">where the model lives</param>
    /// <param name="objective">the loss</param>
    /// <param name="source">held-out rows, one pass from its beginning</param>
    /// <param name="text">the text behind labels</param>
    /// <param name="batch">memory for one batch</param>
    /// <param name="maxBatches">0: all</param>
    /// <param name="cancelled">ends it between two batches</param>
    public static Validation Measure(Device device, Objective objective, IBatchSource source, LabelBytes text, Batch batch, int maxBatches, CancellationToken cancelled = default)
    {
        source.State = default;
        double nats = 0;
        long labels = 0, bytes = 0;
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
                bytes += text.Of(batch);
            }
        }
        return labels == 0 ? new Validation(double.NaN, double.NaN, 0)
            : new Validation(nats / labels, LabelBytes.BitsPerByte(nats, bytes), labels);
    }
}
