using System.Diagnostics;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Training;

namespace Inkstone.Bench;

/// <summary>What a training step costs.</summary>
/// <param name="Parameters">of the model</param>
/// <param name="ActiveParameters">that work for a token: all but the experts that it is not routed to</param>
/// <param name="Tokens">of a step</param>
/// <param name="Seconds">of the median step</param>
/// <param name="FlopsPerSecond">by the rule of six operations per active parameter and token</param>
/// <param name="Roof">measured in the same run</param>
/// <param name="ManagedBytes">allocated on the managed heap by one step after warm-up</param>
/// <param name="PeakBytes">native memory of activations at most</param>
/// <param name="Ops">time by op, most first</param>
public sealed record TrainCost(
    long Parameters,
    long ActiveParameters,
    int Tokens,
    double Seconds,
    double FlopsPerSecond,
    Roofline Roof,
    long ManagedBytes,
    long PeakBytes,
    IReadOnlyList<OpCost> Ops
)
{
    /// <summary>Processes that took the steps together.</summary>
    public int Ranks { get; init; } = 1;

    /// <summary>Seconds of a step in which gradients were summed over processes.</summary>
    public double ReduceSeconds { get; init; }

    /// <summary>Those of them in which this process computed nothing.</summary>
    public double ReduceWaitSeconds { get; init; }

    /// <summary>Tokens of a step over its time.</summary>
    public double TokensPerSecond => Tokens / Seconds;

    /// <summary>Share of the measured arithmetic limit.</summary>
    public double FractionOfRoof => FlopsPerSecond / Roof.FlopsPerSecond;
}

/// <summary>One op's part of a step.</summary>
public sealed record OpCost(string Name, long Calls, double Seconds, double Share, double GigaflopsPerSecond, double GigabytesPerSecond);

/// <summary>Times whole training steps of a model on random tokens: forward, backward, clipping and AdamW.</summary>
public static class TrainBench
{
    /// <summary>Runs <paramref name="steps"/> measured steps after two that warm up, then one that is profiled; with
    /// <paramref name="lora"/> of a new adapter on a bfloat16 model.</summary>
    /// <param name="device">what computes; it is profiled for one step</param>
    /// <param name="config">the model, whose weights are random</param>
    /// <param name="rows">sequences of a step</param>
    /// <param name="length">tokens of each</param>
    /// <param name="steps">that are measured</param>
    /// <param name="lora">the adapter that is trained; null: all weights</param>
    /// <param name="recompute">whether blocks are computed twice to save memory</param>
    /// <param name="together">the processes that train together; null: this one alone</param>
    /// <param name="cancelled">ends it between two steps</param>
    /// <remarks>Several processes take <paramref name="rows"/> rows each and sum gradients as training does; the tokens of all of them
    /// count.</remarks>
    public static TrainCost Run(
        Device device,
        HfConfig config,
        int rows,
        int length,
        int steps,
        LoraConfig? lora = null,
        bool recompute = false,
        Cooperation? together = null,
        CancellationToken cancelled = default
    )
    {
        Roofline roof = Roofline.Measure(device);
        using CausalLm model = lora is null
            ? Pretrained.New(config, device, 1)
            : Pretrained.New(config, device, 1, DType.BFloat16, new Adapter(lora, new FreshParameters(1, 0), trained: true));
        model.Recompute = recompute;
        Parameters trained = model.Adapter?.Parameters ?? model.Parameters;
        AdamW optimizer = new(trained, new AdamWSettings(2e-4));
        int ranks = together?.Ranks.Size ?? 1;
        using SharedGradients? gradients = ranks > 1 ? new SharedGradients(trained, !model.IsTied, ranks, together!) : null;
        List<double> reduced = [],
            waited = [];
        int[] ids = new int[rows * length],
            labels = new int[rows * length];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = (int)(i * 7919L % model.VocabSize);
            labels[i] = (int)((i + 1) * 7919L % model.VocabSize);
        }
        Shape shape = new(rows, length);
        List<double> seconds = [];
        long managed = 0;
        for (int step = -2; step < steps; step++)
        {
            cancelled.ThrowIfCancellationRequested();
            long before = GC.GetAllocatedBytesForCurrentThread();
            double time = Step(device, model, trained, optimizer, shape, ids, labels, gradients);
            if (step >= 0)
            {
                managed = GC.GetAllocatedBytesForCurrentThread() - before;
                seconds.Add(time);
                reduced.Add(gradients?.Seconds ?? 0);
                waited.Add(gradients?.WaitSeconds ?? 0);
            }
        }
        device.Profile = new Profile();
        double profiled = Step(device, model, trained, optimizer, shape, ids, labels, gradients);
        List<OpCost> ops =
        [
            .. device
                .Profile.Entries.OrderByDescending(e => e.Value.Seconds)
                .Select(e => new OpCost(
                    e.Key,
                    e.Value.Calls,
                    e.Value.Seconds,
                    e.Value.Seconds / profiled,
                    e.Value.Flops / e.Value.Seconds / 1e9,
                    e.Value.Bytes / e.Value.Seconds / 1e9
                )),
        ];
        device.Profile = null;
        double median = Median(seconds);
        long parameters = model.Parameters.ElementCount,
            active = model.ActiveElementCount;
        return new TrainCost(
            parameters,
            active,
            ranks * rows * length,
            median,
            (lora is null ? 6.0 * active : model.FlopsPerToken) * ranks * rows * length / median,
            roof with
            {
                FlopsPerSecond = ranks * roof.FlopsPerSecond,
                BytesPerSecond = ranks * roof.BytesPerSecond,
            },
            managed,
            device.Arena.PeakBytes,
            ops
        )
        {
            Ranks = ranks,
            ReduceSeconds = Median(reduced),
            ReduceWaitSeconds = Median(waited),
        };
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static double Step(
        Device device,
        CausalLm model,
        Parameters trained,
        AdamW optimizer,
        Shape shape,
        int[] ids,
        int[] labels,
        SharedGradients? gradients
    )
    {
        long start = Stopwatch.GetTimestamp();
        gradients?.Begin();
        gradients?.Listen(device.Tape, last: true);
        using (device.Step(record: true))
        {
            Tensor loss = model.Loss(
                device.Rent(shape, ids),
                device.Rent(shape, labels),
                ids.Length,
                ForwardContext.Rows(device, shape[0], shape[1])
            );
            device.Tape.Backward(loss);
        }
        gradients?.Leaf(device.Tape);
        gradients?.Finish();
        optimizer.Step(1, GradientClip.Factor(GradientClip.Norm(trained), 1));
        trained.ZeroGrad();
        model.AfterStep();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
