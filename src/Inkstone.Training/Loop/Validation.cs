using Inkstone.Data;
using Inkstone.Distributed;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>Loss and bits per byte on held-out data, always over the same rows from the beginning.</summary>
/// <param name="Loss">Mean over labels, nats.</param>
/// <param name="BitsPerByte">Bits per byte of the text behind those labels.</param>
/// <param name="Labels">Over how many labels.</param>
public readonly record struct Validation(double Loss, double BitsPerByte, long Labels)
{
    /// <summary>What the objective reports beside the loss, over all that was measured; null: nothing.</summary>
    public IReadOnlyList<Metric>? Metrics { get; init; }

    /// <summary>Measures.</summary>
    /// <typeparam name="TBatch">what a batch is</typeparam>
    /// <param name="device">where the model lives</param>
    /// <param name="objective">the loss, of which counts what <see cref="LossTerms.Plus"/> did not add</param>
    /// <param name="source">held-out rows, one pass from its beginning</param>
    /// <param name="textBytes">bytes of text behind the labels of a batch, or null</param>
    /// <param name="batch">memory for one batch</param>
    /// <param name="maxBatches">0: all</param>
    /// <param name="ranks">processes that share the batches out, each taking every so manieth; null: this one alone</param>
    /// <param name="cancelled">ends it between two batches</param>
    public static Validation Measure<TBatch>(
        Device device,
        Objective<TBatch> objective,
        IBatchSource<TBatch> source,
        Func<TBatch, long>? textBytes,
        TBatch batch,
        int maxBatches,
        ICommunicator? ranks = null,
        CancellationToken cancelled = default
    )
        where TBatch : ITrainingBatch
    {
        source.State = default;
        (int rank, int size) = (ranks?.Rank ?? 0, ranks?.Size ?? 1);
        List<MeasuredBatch> measured = [];
        for (int i = 0; (maxBatches == 0 || i < maxBatches) && (i % size == rank ? source.Next(batch) : source.Skip(batch)); i++)
        {
            cancelled.ThrowIfCancellationRequested();
            if (i % size == rank && batch.LabelCount > 0)
            {
                using (device.Step())
                {
                    LossTerms terms = objective(batch, batch.LabelCount);
                    measured.Add(
                        new MeasuredBatch(
                            i,
                            (terms.Loss.Item() - terms.AddedLoss) * batch.LabelCount,
                            batch.LabelCount,
                            textBytes?.Invoke(batch) ?? 0,
                            terms.Metrics ?? []
                        )
                    );
                }
            }
        }
        double nats = 0;
        long labels = 0,
            bytes = 0;
        List<Metric> metrics = [];
        foreach (MeasuredBatch one in MeasuredBatch.Gather(measured, ranks))
        {
            (nats, labels, bytes) = (nats + one.Nats, labels + one.Labels, bytes + one.TextBytes);
            foreach (MetricTerm term in one.Terms)
            {
                Metric? metric = metrics.Find(m => m.Name == term.Name);
                if (metric is null)
                {
                    metrics.Add(metric = new Metric(term.Name));
                }
                metric.Add(term.Sum, term.Normalizer);
            }
        }
        return labels == 0
            ? new Validation(double.NaN, double.NaN, 0)
            : new Validation(nats / labels, LabelBytes.BitsPerByte(nats, bytes), labels) { Metrics = Closed(metrics) };
    }

    private static List<Metric>? Closed(List<Metric> metrics)
    {
        metrics.ForEach(metric => metric.Close());
        return metrics.Count > 0 ? metrics : null;
    }
}
