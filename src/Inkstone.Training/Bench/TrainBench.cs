using System.Diagnostics;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

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
public sealed record TrainCost(long Parameters, long ActiveParameters, int Tokens, double Seconds, double FlopsPerSecond, Roof Roof, long ManagedBytes, long PeakBytes, IReadOnlyList<OpCost> Ops)
{
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
    /// <summary>Runs <paramref name="steps"/> measured steps after two that warm up, then one that is profiled; with <paramref name="lora"/> of a new adapter on a bfloat16 model.</summary>
    public static TrainCost Run(Device device, HfConfig config, int rows, int length, int steps, LoraConfig? lora = null, bool recompute = false, CancellationToken cancelled = default)
    {
        Roof roof = Roof.Measure(device);
        using CausalLm model = lora is null ? Pretrained.New(config, device, 1)
            : Pretrained.New(config, device, 1, DType.BFloat16, new Adapter(lora, new FreshParameters(1, 0), trained: true));
        model.Recompute = recompute;
        Parameters trained = model.Adapter?.Parameters ?? model.Parameters;
        AdamW optimizer = new(trained, new AdamWSettings(2e-4));
        int[] ids = new int[rows * length], labels = new int[rows * length];
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
            double time = Step(device, model, trained, optimizer, shape, ids, labels);
            if (step >= 0)
            {
                managed = GC.GetAllocatedBytesForCurrentThread() - before;
                seconds.Add(time);
            }
        }
        device.Profile = new Profile();
        double profiled = Step(device, model, trained, optimizer, shape, ids, labels);
        List<OpCost> ops = [.. device.Profile.Entries.OrderByDescending(e => e.Value.Seconds).Select(e => new OpCost(e.Key, e.Value.Calls, e.Value.Seconds,
            e.Value.Seconds / profiled, e.Value.Flops / e.Value.Seconds / 1e9, e.Value.Bytes / e.Value.Seconds / 1e9))];
        device.Profile = null;
        double median = seconds.Order().ElementAt(seconds.Count / 2);
        long parameters = model.Parameters.ElementCount, active = model.ActiveElementCount;
        return new TrainCost(parameters, active, rows * length, median, (lora is null ? 6.0 * active : model.FlopsPerToken) * rows * length / median, roof, managed, device.Arena.PeakBytes, ops);
    }

    private static double Step(Device device, CausalLm model, Parameters trained, AdamW optimizer, Shape shape, int[] ids, int[] labels)
    {
        long start = Stopwatch.GetTimestamp();
        using (device.Step(record: true))
        {
            Tensor loss = model.Loss(device.Rent(shape, ids), device.Rent(shape, labels), ids.Length, ForwardContext.Rows(device, shape[0], shape[1]));
            device.Tape.Backward(loss);
        }
        optimizer.Step(1, GradientClip.Factor(GradientClip.Norm(trained), 1));
        trained.ZeroGrad();
        model.StepEnded();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
