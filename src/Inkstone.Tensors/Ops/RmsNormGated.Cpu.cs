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
        int width = weight.Shape.Last,
            rows = (int)(x.Count / width);
        bool addX = false,
            addZ = false;
        Tensor? dx = x.RequiresGrad ? x.AddGrad(out addX) : null,
            dz = z.RequiresGrad ? z.AddGrad(out addZ) : null;
        if (weight.RequiresGrad)
        {
            Tensor dw = weight.AddGrad(out bool accumulate);
            RowSum.Run(x.Device, new WeightTerm(dy.F32, x.F32, z.F32, rstd.F32, width), rows, width, dw.F32, accumulate);
        }
        x.Device.Run(
            new InputKernel(
                dy.F32,
                x.F32,
                z.F32,
                weight.F32,
                rstd.F32,
                dx is null ? null : dx.F32,
                addX,
                dz is null ? null : dz.F32,
                addZ,
                width
            ),
            rows,
            Grain
        );
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
                int i = 0;
                for (; i <= width - 16; i += 16)
                {
                    Part(default(WholeVector), at, i, r);
                }
                if (i < width)
                {
                    Part(new LastVector(width - i), at, i, r);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Part<TVector>(TVector lanes, long at, int i, float r)
            where TVector : struct, IRowVector
        {
            Vector512<float> gate = lanes.Load(z + at + i);
            lanes.Store(lanes.Load(x + at + i) * r * lanes.Load(w + i) * (gate * Lanes.Sigmoid(gate)), y + at + i);
        }
    }

    /// <summary>dx and dz of a row; a null one is not wanted.</summary>
    private readonly struct InputKernel(
        float* dy,
        float* x,
        float* z,
        float* w,
        float* rstd,
        float* dx,
        bool addX,
        float* dz,
        bool addZ,
        int width
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float r = rstd[row];
                Vector512<float> dot = default;
                int i = 0;
                for (; i <= width - 16; i += 16)
                {
                    dot += Gate(default(WholeVector), at, i, r);
                }
                if (i < width)
                {
                    dot += Gate(new LastVector(width - i), at, i, r);
                }
                if (dx == null)
                {
                    continue;
                }
                float c = Vector512.Sum(dot) / width * r * r * r;
                for (i = 0; i <= width - 16; i += 16)
                {
                    Input(default(WholeVector), at, i, r, c);
                }
                if (i < width)
                {
                    Input(new LastVector(width - i), at, i, r, c);
                }
            }
        }

        /// <summary>Writes dz; returns w∘dn∘x.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Gate<TVector>(TVector lanes, long at, int i, float r)
            where TVector : struct, IRowVector
        {
            Vector512<float> gate = lanes.Load(z + at + i),
                s = Lanes.Sigmoid(gate),
                n = lanes.Load(dy + at + i) * lanes.Load(x + at + i) * lanes.Load(w + i) * s;
            if (dz != null)
            {
                Vector512<float> d = n * r * (Vector512<float>.One + gate * (Vector512<float>.One - s));
                lanes.Store(addZ ? d + lanes.Load(dz + at + i) : d, dz + at + i);
            }
            return n * gate;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Input<TVector>(TVector lanes, long at, int i, float r, float c)
            where TVector : struct, IRowVector
        {
            Vector512<float> gate = lanes.Load(z + at + i),
                dn = lanes.Load(dy + at + i) * gate * Lanes.Sigmoid(gate);
            Vector512<float> d = dn * lanes.Load(w + i) * r - lanes.Load(x + at + i) * c;
            lanes.Store(addX ? d + lanes.Load(dx + at + i) : d, dx + at + i);
        }
    }

    /// <summary>Adds dy ∘ silu(z) ∘ x · r of one row to a sum.</summary>
    private readonly struct WeightTerm(float* dy, float* x, float* z, float* rstd, int width) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            long at = (long)row * width;
            int i = 0;
            for (; i <= width - 16; i += 16)
            {
                Part(default(WholeVector), sum + i, at + i, rstd[row]);
            }
            if (i < width)
            {
                Part(new LastVector(width - i), sum + i, at + i, rstd[row]);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Part<TVector>(TVector lanes, float* sum, long at, float r)
            where TVector : struct, IRowVector
        {
            Vector512<float> gate = lanes.Load(z + at);
            lanes.Store(lanes.Load(sum) + lanes.Load(dy + at) * gate * Lanes.Sigmoid(gate) * lanes.Load(x + at) * r, sum);
        }
    }
}
