using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What an objective found for one micro-batch: the loss that the backward pass begins at, and what logs show beside it.</summary>
/// <param name="Loss">One element: what is minimised, with all that was added.</param>
public readonly record struct LossTerms(Tensor Loss)
{
    /// <summary>How much of the loss is not what logs call the loss, because <see cref="Plus"/> added it.</summary>
    public double AddedLoss { get; private init; }

    /// <summary>What logs show beside the loss; null: nothing.</summary>
    public IReadOnlyList<MetricTerm>? Metrics { get; private init; }

    /// <summary>A loss alone.</summary>
    public static implicit operator LossTerms(Tensor loss) => new(loss);

    /// <summary>Adds weight · part to what is minimised. Logs show the part without its weight, and the loss without the part, so that
    /// losses with and without it can be compared.</summary>
    /// <param name="name">as logs call it</param>
    /// <param name="part">one element, divided by the step's normalizer as the loss is</param>
    /// <param name="weight">its weight</param>
    public LossTerms Plus(string name, Tensor part, double weight = 1)
    {
        double value = part.Item();
        return new LossTerms(Ops.Add(Loss, Ops.Scale(part, (float)weight)))
        {
            AddedLoss = AddedLoss + weight * value,
            Metrics = [.. Metrics ?? [], new MetricTerm(name, value, 0)],
        };
    }

    /// <summary>Shows several numbers beside those that are shown already.</summary>
    public LossTerms With(IEnumerable<MetricTerm> terms) => this with { Metrics = [.. Metrics ?? [], .. terms] };

    /// <summary>Shows a mean that is not minimised, such as the share of pairs that are told apart: over a step Σ <paramref name="sum"/> /
    /// Σ <paramref name="count"/>.</summary>
    /// <param name="name">as logs call it</param>
    /// <param name="sum">this micro-batch's sum</param>
    /// <param name="count">what it is a sum over</param>
    public LossTerms With(string name, double sum, double count) =>
        this with
        {
            Metrics = [.. Metrics ?? [], new MetricTerm(name, sum, count)],
        };
}

/// <summary>A micro-batch's part of a number that logs show of the step.</summary>
/// <param name="Name">As logs call it.</param>
/// <param name="Sum">What it adds to the sum.</param>
/// <param name="Normalizer">What it adds to the number that the sum is divided by; 0 in all parts: the sum itself is shown.</param>
public readonly record struct MetricTerm(string Name, double Sum, double Normalizer);
