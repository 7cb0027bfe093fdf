namespace Inkstone.Tensors.Tests;

/// <summary>
/// Derivatives of Σ c∘f(x) by central differences of a double-precision reference f: four points, so that the error is h⁴ and rounding
/// 1e-16/h,
/// about 1e-11 together.
/// </summary>
internal sealed class GradCheck
{
    private const double Step = 3e-4;
    private const int AllUpTo = 300,
        Sample = 24;

    private readonly Func<double[][], double[]> _reference;
    private readonly double[][] _inputs;
    private readonly float[] _outputWeights;

    public GradCheck(Func<double[][], double[]> reference, IEnumerable<OpInput> inputs, float[] outputWeights)
    {
        _reference = reference;
        _inputs = [.. inputs.Select(input => OpInput.Doubles(input.Values))];
        _outputWeights = outputWeights;
    }

    /// <summary>Derivatives by single elements of one input: all of them, or a sample of a large input.</summary>
    public Dictionary<int, double> ByElement(int input)
    {
        double[] values = _inputs[input];
        Random random = new(input);
        IEnumerable<int> picked =
            values.Length <= AllUpTo
                ? Enumerable.Range(0, values.Length)
                : Enumerable.Range(0, Sample).Select(_ => random.Next(values.Length)).Append(values.Length - 1).Distinct();
        return picked.ToDictionary(
            i => i,
            i =>
            {
                double x = values[i];
                double slope = Slope(h => values[i] = x + h);
                values[i] = x;
                return slope;
            }
        );
    }

    /// <summary>Derivative along a direction that moves every element of one input.</summary>
    public double Along(int input, float[] direction)
    {
        double[] values = _inputs[input],
            x = [.. values];
        double slope = Slope(h =>
        {
            for (int i = 0; i < x.Length; i++)
            {
                values[i] = x[i] + h * direction[i];
            }
        });
        x.CopyTo(values, 0);
        return slope;
    }

    private double Slope(Action<double> moveTo)
    {
        double At(double h)
        {
            moveTo(h);
            double[] y = _reference(_inputs);
            double loss = 0;
            for (int i = 0; i < y.Length; i++)
            {
                loss += y[i] * _outputWeights[i];
            }
            return loss;
        }
        return (8 * (At(Step) - At(-Step)) - (At(2 * Step) - At(-2 * Step))) / (12 * Step);
    }
}
