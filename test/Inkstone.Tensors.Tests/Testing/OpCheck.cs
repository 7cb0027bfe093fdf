namespace Inkstone.Tensors.Tests;

/// <summary>
/// Everything an op must satisfy, in one place: its value against a double-precision reference, its gradients against finite differences of
/// that
/// reference, on guarded memory, at every instruction-set level, with equal bits for every number of threads, and in every wiring of the
/// graph.
/// </summary>
/// <param name="op">the op, given a bench for its int32 inputs and its float inputs</param>
/// <param name="reference">the same in double precision, inputs and result flat</param>
/// <param name="inputs">float inputs</param>
internal sealed class OpCheck(Func<OpBench, Tensor[], Tensor> op, Func<double[][], double[]> reference, params OpInput[] inputs)
{
    /// <summary>How an op's inputs stand in the graph, which decides where its gradient contributions go.</summary>
    private enum Wiring
    {
        /// <summary>Inputs are parameters; two passes accumulate.</summary>
        Parameters,

        /// <summary>Inputs are results without a gradient yet, which may take over the output's gradient.</summary>
        Intermediates,

        /// <summary>Inputs are results that have a gradient from another consumer already.</summary>
        Shared,
    }

    /// <summary>Allowed error of values, as a part of the largest.</summary>
    public double Tolerance { get; init; } = 1e-6;

    /// <summary>Allowed error of gradients, as a part of the largest.</summary>
    public double GradTolerance { get; init; } = 4e-6;

    /// <summary>Size of the terms of a gradient that may cancel: its error is measured against at least this.</summary>
    public double GradScale { get; init; }

    /// <summary>Runs all of it.</summary>
    public void Run(Devices devices)
    {
        Correct(devices.Levels);
        EqualOnEveryThreadCount(devices);
    }

    /// <summary>Value and gradients on the given devices.</summary>
    public void Correct(params IEnumerable<Device> devices)
    {
        double[] expected = reference([.. inputs.Select(input => OpInput.Doubles(input.Values))]);
        GradCheck slopes = new(reference, inputs, OutputWeights(expected.Length));
        Dictionary<int, double>[] byElement = [.. inputs.Select((_, k) => slopes.ByElement(k))];
        double[] along = [.. inputs.Select((input, k) => slopes.Along(k, Direction(k)))];
        foreach (Device device in devices)
        {
            foreach (Wiring wiring in Enum.GetValues<Wiring>())
            {
                for (int only = -1; only < (inputs.Length > 1 ? inputs.Length : 0); only++)
                {
                    string what = $"{device.Isa} {wiring}{(only < 0 ? "" : $" only input {only}")}";
                    (float[] y, float[]?[] grads) = Evaluate(device, wiring, only);
                    Near.Check(y, expected, Tolerance, $"{what} value");
                    for (int k = 0; k < inputs.Length; k++)
                    {
                        if (only >= 0 && k != only)
                        {
                            grads[k].ShouldBeNull(what);
                            continue;
                        }
                        CheckGrad(grads[k]!, byElement[k], along[k], k, wiring, $"{what} gradient {k}");
                    }
                }
            }
        }
    }

    /// <summary>The same bits, whatever the number of threads.</summary>
    public void EqualOnEveryThreadCount(Devices devices)
    {
        (float[] y, float[]?[] grads) = Evaluate(devices.ThreadCounts.First(), Wiring.Shared, -1);
        foreach (Device device in devices.ThreadCounts.Skip(1))
        {
            (float[] other, float[]?[] otherGrads) = Evaluate(device, Wiring.Shared, -1);
            Near.SameBits(other, y, $"value with {device.Workers.Count} threads");
            for (int k = 0; k < inputs.Length; k++)
            {
                Near.SameBits(otherGrads[k], grads[k], $"gradient {k} with {device.Workers.Count} threads");
            }
        }
    }

    private void CheckGrad(float[] grad, Dictionary<int, double> byElement, double along, int k, Wiring wiring, string what)
    {
        int times = wiring == Wiring.Parameters ? 2 : 1;
        float[] extra = wiring == Wiring.Shared ? InputWeights(k) : new float[grad.Length];
        double largest = Math.Max(GradScale, Near.Largest([.. byElement.Select(pair => times * pair.Value + extra[pair.Key])]));
        double projection = 0,
            length = 0;
        float[] direction = Direction(k);
        for (int i = 0; i < grad.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(grad[i]));
            projection += (grad[i] - (double)extra[i]) * direction[i];
            length += Math.Abs(direction[i]);
        }
        foreach ((int i, double slope) in byElement)
        {
            Near.Check(grad[i], times * slope + extra[i], GradTolerance * largest, $"{what}[{i}]");
        }
        Near.Check(
            projection,
            times * along,
            GradTolerance * largest * Math.Max(1, length / Math.Sqrt(grad.Length)),
            $"{what} along a direction"
        );
    }

    /// <summary>The op's value and the gradients of Σ c∘y by its inputs.</summary>
    /// <param name="device">where</param>
    /// <param name="wiring">how the inputs stand in the graph</param>
    /// <param name="only">the only input that wants a gradient; −1 for all</param>
    private (float[] Value, float[]?[] Grads) Evaluate(Device device, Wiring wiring, int only)
    {
        using OpBench bench = new(device);
        Tensor[] parameters = [.. inputs.Select((input, k) => bench.Float(input.Shape, input.Values, only < 0 || k == only))];
        float[] value = [];
        for (int pass = 0; pass < (wiring == Wiring.Parameters ? 2 : 1); pass++)
        {
            using (device.Step(record: true))
            {
                Tensor[] x = wiring == Wiring.Parameters ? parameters : [.. parameters.Select(p => Ops.Scale(p, 1))];
                Tensor y = op(bench, x);
                value = y.Span.ToArray();
                Tensor loss = Ops.Sum(Ops.Multiply(y, bench.Float(y.Shape, OutputWeights(value.Length))));
                for (int k = 0; k < x.Length && wiring == Wiring.Shared; k++)
                {
                    loss = Ops.Add(loss, Ops.Sum(Ops.Multiply(x[k], bench.Float(x[k].Shape, InputWeights(k)))));
                }
                device.Tape.Backward(loss);
            }
        }
        return (value, [.. parameters.Select(p => p.Grad?.Span.ToArray())]);
    }

    private static float[] OutputWeights(int count) => OpInput.Numbers(count, 77, -1, 1);

    private float[] InputWeights(int k) => OpInput.Numbers(inputs[k].Shape.Count, 500 + k, -1, 1);

    private float[] Direction(int k) => OpInput.Numbers(inputs[k].Shape.Count, 900 + k, -1, 1);
}
