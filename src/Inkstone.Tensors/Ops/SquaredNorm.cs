using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

public static unsafe partial class Ops
{
    /// <summary>Σ x² in double precision: fixed pieces are summed apart, then in order, so that the thread count does not matter. Not
    /// recorded.</summary>
    public static double SquaredNorm(Tensor x)
    {
        using Profile.Scope _ = x.Device.Measure("squared_norm", flops: 2.0 * x.Count, bytes: 4.0 * x.Count);
        Chunks chunks = new(x.Count, StepGrain);
        int number = chunks.Number;
        double* sums = (double*)x.Device.Workers.Scratch(0, Math.Max(1, number) * sizeof(double));
        x.Device.Run(new SquaredNormKernel(x.F32, sums, chunks), number, 1);
        double total = 0;
        for (int i = 0; i < number; i++)
        {
            total += sums[i];
        }
        return total;
    }

    /// <summary>Σ g² over the gradients of all parameters, in one pass; those that no gradient has reached count nothing. The sums are
    /// those of the gradients one by one, added in order. Not recorded.</summary>
    public static double SquaredNorm(TensorList parameters)
    {
        if (parameters.Count == 0)
        {
            return 0;
        }
        Device device = parameters[0].Device;
        using Profile.Scope _ = device.Measure(
            "squared_norm",
            flops: 2.0 * GradientCount(parameters),
            bytes: 4.0 * GradientCount(parameters)
        );
        double* sums = (double*)device.Workers.Scratch(0, Math.Max(1, parameters.Pieces) * (long)sizeof(double));
        device.Run(new SquaredGradientNormKernel(parameters, sums), parameters.Pieces, 1);
        double total = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            double own = 0;
            for (int piece = parameters.FirstPiece(i); piece < parameters.FirstPiece(i + 1); piece++)
            {
                own += sums[piece];
            }
            total += own;
        }
        return total;
    }

    /// <summary>The sums of <see cref="SquaredNorm(TensorList)"/> piece by piece (see <see cref="TensorList.Pieces"/>). Not
    /// recorded.</summary>
    public static void SquaredNorm(TensorList parameters, Span<double> sums)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sums.Length, parameters.Pieces);
        if (parameters.Count > 0)
        {
            fixed (double* at = sums)
            {
                parameters[0].Device.Run(new SquaredGradientNormKernel(parameters, at), parameters.Pieces, 1);
            }
        }
    }

    private static long GradientCount(TensorList parameters)
    {
        long count = 0;
        for (int i = 0; i < parameters.Count; i++)
        {
            count += parameters[i].Grad?.Count ?? 0;
        }
        return count;
    }

    private readonly struct SquaredGradientNormKernel(TensorList parameters, double* sums) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int piece = start; piece < end; piece++)
            {
                int tensor = parameters.TensorOf(piece),
                    chunk = piece - parameters.FirstPiece(tensor);
                sums[piece] = parameters[tensor].Grad is { } gradient ? SquaredNormKernel.Sum(gradient.F32, PiecesOf(gradient), chunk) : 0;
            }
        }
    }

    private readonly struct SquaredNormKernel(float* x, double* sums, Chunks chunks) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int chunk = start; chunk < end; chunk++)
            {
                sums[chunk] = Sum(x, chunks, chunk);
            }
        }

        public static double Sum(float* x, Chunks chunks, int chunk)
        {
            float* xc = x + chunks.Start(chunk);
            int n = chunks.Length(chunk),
                i = 0;
            Vector512<double> low = default,
                high = default;
            for (; i <= n - 16; i += 16)
            {
                (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(xc + i));
                low += a * a;
                high += b * b;
            }
            double sum = Vector512.Sum(low + high);
            for (; i < n; i++)
            {
                sum += (double)xc[i] * xc[i];
            }
            return sum;
        }
    }
}
