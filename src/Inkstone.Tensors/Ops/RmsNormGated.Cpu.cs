using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.RmsNormGated"/>. A row is one head of one token, C wide.</summary>
internal static unsafe class RmsNormGatedKernels
{
    private const int Grain = 64;

    public static void Forward(Tensor x, Tensor z, Tensor weight, float eps, Tensor y, Tensor rstd)
    {
        using Profile.Scope _ = x.Device.Measure("rms_norm_gated.forward", bytes: 12.0 * x.Count);
        int width = weight.Shape.Last;
        x.Device.Run(new ForwardKernel(x.F32, z.F32, weight.F32, eps, y.F32, rstd.F32, width), (int)(x.Count / width), Grain);
    }

    public static void Backward(Tensor dy, Tensor x, Tensor z, Tensor weight, Tensor rstd)
    {
        using Profile.Scope _ = x.Device.Measure("rms_norm_gated.backward", bytes: 20.0 * x.Count);
        int width = weight.Shape.Last, rows = (int)(x.Count / width);
        bool addX = false, addZ = false;
        Tensor? dx = x.RequiresGrad ? x.AddGrad(out addX) : null, dz = z.RequiresGrad ? z.AddGrad(out addZ) : null;
        if (weight.RequiresGrad)
        {
            Tensor dw = weight.AddGrad(out bool accumulate);
            RowSum.Run(x.Device, new WeightTerm(dy.F32, x.F32, z.F32, rstd.F32, width), rows, width, dw.F32, accumulate);
        }
        x.Device.Run(new InputKernel(dy.F32, x.F32, z.F32, weight.F32, rstd.F32, dx is null ? null : dx.F32, addX, dz is null ? null : dz.F32, addZ, width), rows, Grain);
    }

    private readonly struct ForwardKernel(float* x, float* z, float* w, float eps, float* y, float* rstd, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float r = 1f / MathF.Sqrt(Lanes.Dot(x + at, x + at, width) / width + eps);
                rstd[row] = r;
                for (int i = 0; i < width; i += 16)
                {
                    int left = width - i;
                    Vector512<float> gate = Lanes.LoadNext(z + at + i, left);
                    Lanes.StoreNext(Lanes.LoadNext(x + at + i, left) * r * Lanes.LoadNext(w + i, left) * (gate * Lanes.Sigmoid(gate)), y + at + i, left);
                }
            }
        }
    }

    /// <summary>dx and dz of a row; a null one is not wanted.</summary>
    private readonly struct InputKernel(float* dy, float* x, float* z, float* w, float* rstd, float* dx, bool addX, float* dz, bool addZ, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float r = rstd[row];
                Vector512<float> dot = default;
                for (int i = 0; i < width; i += 16)
                {
                    int left = width - i;
                    Vector512<float> d = Lanes.LoadNext(dy + at + i, left), gate = Lanes.LoadNext(z + at + i, left);
                    Vector512<float> v = Lanes.LoadNext(x + at + i, left), weight = Lanes.LoadNext(w + i, left), s = Lanes.Sigmoid(gate);
                    dot += d * gate * s * weight * v;
                    if (dz != null)
                    {
                        Put(dz + at + i, d * v * r * weight * s * (Vector512<float>.One + gate * (Vector512<float>.One - s)), addZ, left);
                    }
                }
                if (dx == null)
                {
                    continue;
                }
                float c = Vector512.Sum(dot) / width * r * r * r;
                for (int i = 0; i < width; i += 16)
                {
                    int left = width - i;
                    Vector512<float> gate = Lanes.LoadNext(z + at + i, left), dn = Lanes.LoadNext(dy + at + i, left) * gate * Lanes.Sigmoid(gate);
                    Put(dx + at + i, dn * Lanes.LoadNext(w + i, left) * r - Lanes.LoadNext(x + at + i, left) * c, addX, left);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Put(float* target, Vector512<float> value, bool accumulate, int left)
            => Lanes.StoreNext(accumulate ? value + Lanes.LoadNext(target, left) : value, target, left);
    }

    /// <summary>Adds dy ∘ silu(z) ∘ x · r of one row to a sum.</summary>
    private readonly struct WeightTerm(float* dy, float* x, float* z, float* rstd, int width) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            long at = (long)row * width;
            for (int i = 0; i < width; i += 16)
            {
                int left = width - i;
                Vector512<float> gate = Lanes.LoadNext(z + at + i, left);
                Vector512<float> term = Lanes.LoadNext(dy + at + i, left) * gate * Lanes.Sigmoid(gate) * Lanes.LoadNext(x + at + i, left) * rstd[row];
                Lanes.StoreNext(Lanes.LoadNext(sum + i, left) + term, sum + i, left);
            }
        }
    }
}
