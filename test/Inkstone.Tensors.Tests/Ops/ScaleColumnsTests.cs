namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class ScaleColumnsTests(Devices devices)
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 17)]
    [InlineData(130, 33)]
    public void ColumnsGetTheirMagnitude(int rows, int width)
    {
        float[] norms = OpInput.Numbers(width, 9, 0.5f, 3);
        new OpCheck(
            (bench, x) => Ops.ScaleColumns(x[0], x[1], bench.Float(new Shape(width), norms), x[2], x[3]),
            x =>
            {
                double[] y = new double[rows * width];
                for (int i = 0; i < y.Length; i++)
                {
                    int j = i % width;
                    y[i] = x[0][i] * x[1][j] / norms[j] + x[2][j] + x[3][i];
                }
                return y;
            },
            OpInput.Random(new Shape(rows, width), 1),
            OpInput.Random(new Shape(width), 2),
            OpInput.Random(new Shape(width), 3),
            OpInput.Random(new Shape(rows, width), 4)
        ).Run(devices);
    }

    [Theory]
    [InlineData(DType.Float32, 3, 5, 1)]
    [InlineData(DType.Float32, 70, 129, 8)]
    [InlineData(DType.BFloat16, 33, 40, 4)]
    public void NormsAndMergedRows_AreThoseOfTheSum(DType type, int outputs, int inputs, int rank)
    {
        const float Scale = 0.7f;
        float[] w = OpInput.Numbers(outputs * inputs, 1),
            b = OpInput.Numbers(outputs * rank, 2),
            a = OpInput.Numbers(rank * inputs, 3),
            m = OpInput.Numbers(outputs, 4, 0.5f, 2);
        if (type == DType.BFloat16)
        {
            w = [.. w.Select(x => BFloat16Bits.ToFloat(BFloat16Bits.FromFloat(x)))];
        }
        double[] sums = new double[w.Length],
            norms = new double[outputs];
        for (int i = 0; i < w.Length; i++)
        {
            (int row, int column) = Math.DivRem(i, inputs);
            sums[i] = w[i] + Scale * Enumerable.Range(0, rank).Sum(r => (double)b[row * rank + r] * a[r * inputs + column]);
            norms[row] += sums[i] * sums[i];
        }
        norms = [.. norms.Select(Math.Sqrt)];
        foreach (Device device in devices.Levels.Concat(devices.ThreadCounts))
        {
            using StepScope step = device.Step();
            foreach (bool decomposed in new[] { false, true })
            {
                using Tensor weight = Tensor.Allocate(device, new Shape(outputs, inputs), type);
                for (int i = 0; i < w.Length; i++)
                {
                    if (type == DType.BFloat16)
                    {
                        weight.BFloat16s[i] = BFloat16Bits.FromFloat(w[i]);
                    }
                    else
                    {
                        weight.Span[i] = w[i];
                    }
                }
                Tensor tb = device.Rent(new Shape(outputs, rank)),
                    ta = device.Rent(new Shape(rank, inputs)),
                    tm = device.Rent(new Shape(outputs));
                b.CopyTo(tb.Span);
                a.CopyTo(ta.Span);
                m.CopyTo(tm.Span);
                Near.Check(Ops.AdaptedRowNorms(weight, tb, ta, Scale).Span, norms, 1e-6, $"{device.Isa} norms");
                Ops.MergeAdapter(weight, tb, ta, Scale, decomposed ? tm : null);
                float[] merged =
                    type == DType.BFloat16 ? [.. weight.BFloat16s.ToArray().Select(BFloat16Bits.ToFloat)] : weight.Span.ToArray();
                double[] expected = [.. sums.Select((sum, i) => decomposed ? sum * m[i / inputs] / norms[i / inputs] : sum)];
                Near.Check(merged, expected, type == DType.BFloat16 ? 4e-3 : 1e-6, $"{device.Isa} merged");
            }
        }
    }
}
