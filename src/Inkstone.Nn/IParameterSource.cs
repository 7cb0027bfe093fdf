using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>What a parameter holds when a model is new.</summary>
public enum Initial
{
    /// <summary>Normal numbers with the model's initializer_range as deviation.</summary>
    Normal,

    /// <summary>Zeros: biases, zero-centred norm weights.</summary>
    Zeros,

    /// <summary>Ones: norm weights.</summary>
    Ones,

    /// <summary>Uniform in ±1/√inputs: the first matrix of a low-rank adapter.</summary>
    KaimingUniform,

    /// <summary>Logarithms of numbers between 0 and 16: the rates at which heads of linear attention forget (Mamba-2,
    /// arXiv:2405.21060).</summary>
    LogRate,

    /// <summary>Logarithms of numbers between 1 and 16: the rates at which channels of linear attention forget
    /// (arXiv:2510.26692).</summary>
    LogRateFromOne,

    /// <summary>Numbers whose softplus is between 0.001 and 0.1, evenly by their logarithm: steps of time (Mamba, arXiv:2312.00752, section
    /// 3.6).</summary>
    TimeStep,
}

/// <summary>Where parameters get their values from.</summary>
public interface IParameterSource
{
    /// <summary>Fills a parameter; returns null, or why it cannot, e.g. <c>missing lm_head.weight</c>.</summary>
    string? Fill(string name, Tensor parameter, Initial initial);

    /// <summary>Whether there is a value of that name. A source that can make any value has them all.</summary>
    bool Has(string name) => true;

    /// <summary>Size of the first dimension of a stored value; null where there is none, or where any size can be made.</summary>
    int? RowsOf(string name) => null;

    /// <summary>Type in which a parameter is to lie in memory where <paramref name="wanted"/> is asked for: sources may keep matrices as
    /// they have them.</summary>
    DType TypeOf(string name, Shape shape, DType wanted) => wanted;

    /// <summary>Whether parameters get memory; false gives a model of names and sizes alone.</summary>
    bool Allocates => true;

    /// <summary>Whether values are made up here and come from nowhere.</summary>
    bool IsNew => false;

    /// <summary>What is left over and should not be, once the model has asked for everything it has.</summary>
    IEnumerable<string> Unexpected(Parameters parameters);

    /// <summary>The source's name in messages.</summary>
    string Name { get; }
}

/// <summary>No values: a model of names and sizes, which tells what it would need.</summary>
public sealed class ParameterSizes : IParameterSource
{
    /// <inheritdoc/>
    public string Name => "a model without weights";

    /// <inheritdoc/>
    public bool Allocates => false;

    /// <inheritdoc/>
    public string? Fill(string name, Tensor parameter, Initial initial) => null;

    /// <inheritdoc/>
    public IEnumerable<string> Unexpected(Parameters parameters) => [];
}

/// <summary>Random values that depend on the seed and the parameter's name alone, never on the order of construction.</summary>
public sealed class FreshParameters(ulong seed, float deviation) : IParameterSource
{
    /// <inheritdoc/>
    public string Name => "a new model";

    /// <inheritdoc/>
    public bool IsNew => true;

    /// <inheritdoc/>
    public string? Fill(string name, Tensor parameter, Initial initial)
    {
        switch (initial)
        {
            case Initial.Normal:
                new PhiloxRandom(seed, StableHash.Compute(name)).FillNormal(parameter, deviation);
                break;
            case Initial.KaimingUniform:
                float bound = 1 / MathF.Sqrt(parameter.Shape.Last);
                new PhiloxRandom(seed, StableHash.Compute(name)).FillUniform(parameter, -bound, bound);
                break;
            case Initial.LogRate:
                PhiloxRandom random = new(seed, StableHash.Compute(name));
                float[] rates = new float[parameter.Count];
                for (int i = 0; i < rates.Length; i++)
                {
                    rates[i] = MathF.Log(MathF.Max(16 * random.Uniform((ulong)i), 1e-4f)); // 0 has no logarithm
                }
                parameter.CopyFrom(rates);
                break;
            case Initial.LogRateFromOne:
                Each(name, parameter, uniform => Math.Log(1 + 15 * uniform));
                break;
            case Initial.TimeStep:
                Each(
                    name,
                    parameter,
                    uniform => Math.Exp(Math.Log(1e-3) + uniform * Math.Log(100)) is var step ? step + Math.Log(-double.ExpM1(-step)) : 0
                );
                break;
            default:
                Ops.Fill(parameter, initial == Initial.Ones ? 1 : 0);
                break;
        }
        return null;
    }

    /// <inheritdoc/>
    public IEnumerable<string> Unexpected(Parameters parameters) => [];

    private void Each(string name, Tensor parameter, Func<double, double> value)
    {
        PhiloxRandom random = new(seed, StableHash.Compute(name));
        float[] values = new float[parameter.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)value(random.Uniform((ulong)i));
        }
        parameter.CopyFrom(values);
    }
}
