using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>What the start of an adapter took out of the weight below it, PEFT's init_lora_weights.</summary>
public enum LoraStart
{
    /// <summary>Nothing: B began with zeros.</summary>
    Plain,

    /// <summary>Its r largest singular triples (arXiv:2404.02948).</summary>
    Pissa,

    /// <summary>s · Q·R of the first r columns of its QR decomposition (arXiv:2406.01775).</summary>
    Olora,
}

/// <summary>Takes that part out, so that weight and adapter add up to the tuned layer.</summary>
internal static class LoraStarts
{
    public static void TakeOut(LoraStart start, Tensor weight, int rank, float scale)
    {
        if (start == LoraStart.Plain)
        {
            return;
        }
        (int outputs, int inputs) = (weight.Shape[0], weight.Shape.Last);
        if (rank > Math.Min(outputs, inputs) || weight.DType is not (DType.Float32 or DType.BFloat16))
        {
            throw new InvalidDataException(
                rank > Math.Min(outputs, inputs)
                    ? $"an adapter started as {start.ToString().ToLowerInvariant()} cannot have rank {rank} on a weight of {weight.Shape}."
                    : $"an adapter started as {start.ToString().ToLowerInvariant()} changes the weights below, which cannot stay {weight.DType}; open the model in fp32 or bf16."
            );
        }
        double[][] rows = Rows(weight);
        using Tensor b = Tensor.Allocate(weight.Device, new Shape(outputs, rank)),
            a = Tensor.Allocate(weight.Device, new Shape(rank, inputs));
        if (start == LoraStart.Pissa)
        {
            (double Value, double[] Left, double[] Right)[] triples = SingularTriples.Largest(rows, rank, weight.Device.Workers);
            Fill(b, (i, r) => triples[r].Value * triples[r].Left[i]);
            Fill(a, (r, j) => triples[r].Right[j]);
            Ops.MergeAdapter(weight, b, a, -1, null);
        }
        else
        {
            double[][] q = Orthonormal(rows, rank);
            double[][] projected = [.. q.Select(column => Sum(rows, column))];
            Fill(b, (i, r) => q[r][i]);
            Fill(a, (r, j) => projected[r][j]);
            Ops.MergeAdapter(weight, b, a, -scale, null);
        }
    }

    private static double[][] Rows(Tensor weight)
    {
        double[][] rows = new double[weight.Shape[0]][];
        int width = weight.Shape.Last;
        float[] row = new float[width];
        for (int i = 0; i < rows.Length; i++)
        {
            weight.CopyTo(row, (long)i * width);
            rows[i] = Array.ConvertAll(row, value => (double)value);
        }
        return rows;
    }

    private static void Fill(Tensor tensor, Func<int, int, double> value)
    {
        int width = tensor.Shape.Last;
        float[] values = new float[tensor.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)value(i / width, i % width);
        }
        tensor.CopyFrom(values);
    }

    /// <summary>Q's first columns: those of the matrix, each made orthogonal to the ones before (twice is enough) and of length
    /// 1.</summary>
    private static double[][] Orthonormal(double[][] rows, int count)
    {
        List<double[]> found = [];
        for (int column = 0; column < count; column++)
        {
            double[] x = [.. rows.Select(row => row[column])];
            for (int pass = 0; pass < 2; pass++)
            {
                found.ForEach(other => SingularTriples.AddScaled(x, other, -SingularTriples.Dot(x, other)));
            }
            double length = Math.Sqrt(SingularTriples.Dot(x, x));
            found.Add(length == 0 ? x : [.. x.Select(value => value / length)]);
        }
        return [.. found];
    }

    private static double[] Sum(double[][] rows, double[] weights)
    {
        double[] sum = new double[rows[0].Length];
        for (int i = 0; i < rows.Length; i++)
        {
            SingularTriples.AddScaled(sum, rows[i], weights[i]);
        }
        return sum;
    }
}
