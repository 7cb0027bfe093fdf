using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// One optimizer step: all micro-batches forward and backward, then clip, then the optimizers. Nothing is allocated on the managed heap
/// once the first steps have filled the pools.
/// </summary>
public sealed class TrainStep
{
    private readonly Device _device;
    private readonly Parameters _parameters;
    private readonly Objective _objective;
    private readonly IBatchSource _source;
    private readonly IReadOnlyList<IOptimizer> _optimizers;
    private readonly double _clip;
    private readonly Batch[] _batches;

    /// <summary>
    /// The model, whose noise is drawn anew for each micro-batch, which is told that a step has ended, and which knows what of its loss is not the labels' likelihood;
    /// null where the objective has no such parts.
    /// </summary>
    public CausalLm? Model { get; init; }

    /// <summary>The text behind labels; null where nobody asks for it.</summary>
    public LabelBytes? Text { get; init; }

    /// <summary>Seed of the model's noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>A step over <paramref name="accumulation"/> micro-batches of <paramref name="rows"/> × <paramref name="length"/> tokens; fewer where a pass over the data ends.</summary>
    public TrainStep(Device device, Parameters parameters, Objective objective, IBatchSource source, IReadOnlyList<IOptimizer> optimizers,
        int rows, int length, int accumulation, double clip)
    {
        (_device, _parameters, _objective, _source, _optimizers, _clip) = (device, parameters, objective, source, optimizers, clip);
        _batches = new Batch[accumulation];
        for (int i = 0; i < accumulation; i++)
        {
            _batches[i] = new Batch(rows, length);
        }
    }

    /// <summary>Takes step <paramref name="number"/> (from 0) with a learning rate of <paramref name="multiple"/> times the peak. Parameters are untouched when the outcome is not finite.</summary>
    public StepOutcome Run(int number, double multiple)
    {
        int labels = 0, tokens = 0, count = 0;
        long bytes = 0;
        do
        {
            Batch batch = _batches[count++];
            _source.Next(batch);
            labels += batch.LabelCount;
            tokens += batch.TokenCount;
            bytes += Text?.Of(batch) ?? 0;
        }
        while (count < _batches.Length && !_source.PassEnded);
        if (labels == 0)
        {
            return new StepOutcome(0, 0, 0, tokens);   // nothing to learn from: weights, moments and decay stay as they are
        }
        double loss = 0;
        for (int i = 0; i < count; i++)
        {
            if (_batches[i].LabelCount > 0)
            {
                Model?.Noise.Begin(Seed, (long)number * _batches.Length + i);
                loss += Accumulate(_batches[i], labels);
                Model?.Noise.End();
            }
        }
        double norm = GradientClip.Norm(_parameters);
        if (double.IsFinite(loss) && double.IsFinite(norm))
        {
            double scale = GradientClip.Factor(norm, _clip);
            for (int i = 0; i < _optimizers.Count; i++)
            {
                _optimizers[i].Step(multiple, scale);
            }
        }
        _parameters.ZeroGrad();
        double likelihood = loss - (Model?.AddedLoss ?? 0);
        Model?.StepEnded();
        return new StepOutcome(likelihood, norm, labels, tokens, bytes);
    }

    private float Accumulate(Batch batch, int labels)
    {
        using (_device.Step(record: true))
        {
            Tensor loss = _objective(batch, labels);
            _device.Tape.Backward(loss);
            return loss.Item();
        }
    }
}

/// <summary>What a step found.</summary>
/// <param name="Loss">Mean over the labels, nats, without what a family adds.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="Labels">Number of labels.</param>
/// <param name="Tokens">Number of tokens, padding not counted.</param>
/// <param name="TextBytes">Bytes of text behind the labels; 0: unknown.</param>
public readonly record struct StepOutcome(double Loss, double GradientNorm, int Labels, int Tokens, long TextBytes = 0)
{
    /// <summary>The loss in bits per byte of that text, or NaN.</summary>
    public double BitsPerByte => LabelBytes.BitsPerByte(Loss * Labels, TextBytes);
}
