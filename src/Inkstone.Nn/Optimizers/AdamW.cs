using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>Adam with decoupled weight decay (arXiv:1711.05101) as torch.optim.AdamW computes it; only tensors of two or more dimensions
/// decay, and of them not <c>A_log</c>, the rates of linear attention, which some families store with four.</summary>
public sealed class AdamW : IOptimizer
{
    private readonly Parameters _parameters;
    private readonly FlatTensors _expAvg,
        _expAvgSq;
    private readonly TensorList _weights,
        _means,
        _squares;
    private readonly bool[] _decays;
    private readonly AdamWSettings _settings;

    /// <summary>An optimizer with zero moments; what it trains is moved into a <see cref="ParameterArena"/> where it does not lie in one
    /// yet.</summary>
    public AdamW(Parameters parameters, AdamWSettings settings)
    {
        (_parameters, _settings) = (parameters, settings.Validate());
        parameters.Flatten();
        Shape[] shapes = [.. parameters.Select(p => p.Tensor.Shape)];
        Device? device = parameters.Count > 0 ? parameters[0].Tensor.Device : null;
        (_expAvg, _expAvgSq) = (new FlatTensors(device, shapes), new FlatTensors(device, shapes));
        _decays = [.. parameters.Select(p => p.Tensor.Shape.Rank >= 2 && !p.Name.EndsWith(".A_log", StringComparison.Ordinal))];
        _weights = new TensorList(parameters.Select(p => p.Tensor));
        _means = new TensorList(shapes.Select((_, i) => _expAvg[i]));
        _squares = new TensorList(shapes.Select((_, i) => _expAvgSq[i]));
    }

    /// <inheritdoc/>
    public long StepCount { get; set; }

    /// <inheritdoc/>
    public IEnumerable<Parameter> State =>
        _parameters
            .Select((p, i) => new Parameter($"exp_avg.{p.Name}", _expAvg[i]))
            .Concat(_parameters.Select((p, i) => new Parameter($"exp_avg_sq.{p.Name}", _expAvgSq[i])));

    /// <inheritdoc/>
    public void Step(double multiple, double gradientScale = 1)
    {
        StepCount++;
        double bias1 = 1 - Math.Pow(_settings.Beta1, StepCount),
            bias2 = 1 - Math.Pow(_settings.Beta2, StepCount);
        Ops.AdamWStep(
            _weights,
            _means,
            _squares,
            _decays,
            new AdamWCoefficients(
                _settings.Rate * multiple,
                _settings.Beta1,
                _settings.Beta2,
                _settings.Epsilon,
                _settings.WeightDecay,
                bias1,
                bias2,
                gradientScale
            )
        );
    }
}

/// <summary>Settings of <see cref="AdamW"/>.</summary>
/// <param name="Rate">peak learning rate</param>
/// <param name="Beta1">decay of the mean gradient</param>
/// <param name="Beta2">decay of the mean squared gradient</param>
/// <param name="Epsilon">added to the root of the mean squared gradient</param>
/// <param name="WeightDecay">on tensors of two or more dimensions</param>
public sealed record AdamWSettings(
    double Rate = 1e-3,
    double Beta1 = 0.9,
    double Beta2 = 0.95,
    double Epsilon = 1e-8,
    double WeightDecay = 0.1
)
{
    /// <summary>Throws with the name of the first setting that makes no sense; returns itself. The ranges are those of
    /// torch.optim.AdamW.</summary>
    public AdamWSettings Validate()
    {
        SettingRange.Check(nameof(Rate), Rate, Rate >= 0, "0 or more");
        SettingRange.Check(nameof(Beta1), Beta1, Beta1 is >= 0 and < 1, "from 0 to below 1");
        SettingRange.Check(nameof(Beta2), Beta2, Beta2 is >= 0 and < 1, "from 0 to below 1");
        SettingRange.Check(nameof(Epsilon), Epsilon, Epsilon >= 0, "0 or more");
        SettingRange.Check(nameof(WeightDecay), WeightDecay, WeightDecay >= 0, "0 or more");
        return this;
    }
}
