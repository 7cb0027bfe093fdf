namespace Inkstone.Tensors;

/// <summary>The rows of a weight with its low-rank adapter added, W + s·B·A: their norms, and merging. Not recorded.</summary>
public static unsafe partial class Ops
{
    private const int AdaptedGrain = 4;

    /// <summary>‖W_j + s · B_j·A‖₂ of every row j: [N], in the arena.</summary>
    /// <param name="weight">[N, K], of any type</param>
    /// <param name="b">[N, r]</param>
    /// <param name="a">[r, K]</param>
    /// <param name="scale">s</param>
    public static Tensor AdaptedRowNorms(Tensor weight, Tensor b, Tensor a, float scale)
    {
        CheckAdapter(weight, b, a);
        using Profile.Scope _ = weight.Device.Measure("adapted_row_norms", flops: 2.0 * weight.Count * b.Shape.Last);
        Tensor norms = weight.Device.Rent(new Shape(weight.Shape[0]));
        weight.Device.Run(
            new AdaptedNormKernel(AdaptedRow.Create(weight, b, a, scale), norms.F32, weight.Device.Workers),
            weight.Shape[0],
            AdaptedGrain
        );
        return norms;
    }

    /// <summary>W ← W + s·B·A, or with a magnitude m (DoRA) each row of it scaled to the norm m_j. In place.</summary>
    /// <param name="weight">[N, K], float32 or bfloat16 (rounded to nearest even)</param>
    /// <param name="b">[N, r]</param>
    /// <param name="a">[r, K]</param>
    /// <param name="scale">s</param>
    /// <param name="magnitude">[N] or null</param>
    public static void MergeAdapter(Tensor weight, Tensor b, Tensor a, float scale, Tensor? magnitude)
    {
        CheckAdapter(weight, b, a);
        if (weight.DType is not (DType.Float32 or DType.BFloat16))
        {
            throw new ArgumentException(
                $"an adapter cannot be merged into weights of {weight.DType}; open the model with weights in float32 or bfloat16",
                nameof(weight)
            );
        }
        weight.Device.Run(
            new MergeKernel(
                AdaptedRow.Create(weight, b, a, scale),
                weight.Pointer,
                weight.DType == DType.BFloat16,
                magnitude is null ? null : magnitude.F32,
                weight.Device.Workers
            ),
            weight.Shape[0],
            AdaptedGrain
        );
    }

    private static void CheckAdapter(Tensor weight, Tensor b, Tensor a)
    {
        if (b.Shape != new Shape(weight.Shape[0], a.Shape[0]) || a.Shape.Last != weight.Shape.Last)
        {
            throw new ArgumentException($"an adapter of B {b.Shape} and A {a.Shape} does not fit a weight of {weight.Shape}", nameof(b));
        }
    }

    /// <summary>One row of W + s·B·A.</summary>
    private readonly struct AdaptedRow(MatrixView weight, float* b, float* a, float scale, int width, int rank)
    {
        public readonly int Width = width;

        public static AdaptedRow Create(Tensor weight, Tensor b, Tensor a, float scale) =>
            new(MatrixView.Of(weight), b.F32, a.F32, scale, weight.Shape.Last, a.Shape[0]);

        public void Read(int row, float* target)
        {
            RowDecoder.Decode(weight.From(row, 0), Width, target);
            for (int r = 0; r < rank; r++)
            {
                Lanes.AddScaled(target, a + (long)r * Width, scale * b[(long)row * rank + r], Width);
            }
        }
    }

    private readonly struct AdaptedNormKernel(AdaptedRow rows, float* norms, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* row = (float*)workers.Scratch(worker, sizeof(float) * (rows.Width + 16L));
            for (int j = start; j < end; j++)
            {
                rows.Read(j, row);
                norms[j] = Norm(row, rows.Width);
            }
        }
    }

    private readonly struct MergeKernel(AdaptedRow rows, byte* weight, bool half, float* magnitude, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            float* row = (float*)workers.Scratch(worker, sizeof(float) * (rows.Width + 16L));
            for (int j = start; j < end; j++)
            {
                rows.Read(j, row);
                if (magnitude != null)
                {
                    Lanes.Scale(row, row, magnitude[j] / Norm(row, rows.Width), rows.Width);
                }
                for (int i = 0; i < rows.Width; i++)
                {
                    if (half)
                    {
                        ((ushort*)weight)[(long)j * rows.Width + i] = BFloat16Bits.FromFloat(row[i]);
                    }
                    else
                    {
                        ((float*)weight)[(long)j * rows.Width + i] = row[i];
                    }
                }
            }
        }
    }

    private static float Norm(float* row, int width) => MathF.Sqrt(Lanes.Dot(row, row, width));
}
