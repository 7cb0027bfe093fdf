using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.ExpertDispatch"/> and <see cref="Ops.ExpertCombine"/>. Work is shared out by token: each writes
/// rows of its own.</summary>
internal static unsafe class ExpertExchangeKernels
{
    private const int Grain = 32;

    public static void Dispatch(Tensor x, ExpertRouting routing, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("expert_dispatch.forward", bytes: 4.0 * (x.Count + y.Count));
        x.Device.Run(new DispatchKernel(x.F32, routing.Slots.I32, routing.TopK, y.F32, x.Shape.Last), x.Shape.Rows, Grain);
    }

    public static void DispatchBackward(Tensor dy, Tensor x, ExpertRouting routing)
    {
        using Profile.Scope _ = x.Device.Measure("expert_dispatch.backward", bytes: 4.0 * (x.Count + dy.Count));
        float* dx = x.AddGrad(out bool accumulate).F32;
        x.Device.Run(
            new GatherKernel(dy.F32, null, routing.Slots.I32, routing.TopK, accumulate ? dx : null, dx, x.Shape.Last),
            x.Shape.Rows,
            Grain
        );
    }

    public static void Combine(Tensor x, ExpertRouting routing, Tensor? residual, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("expert_combine.forward", bytes: 4.0 * (x.Count + 2 * y.Count));
        float* addend = residual is null ? null : residual.F32;
        x.Device.Run(
            new GatherKernel(x.F32, routing.Weights.F32, routing.Slots.I32, routing.TopK, addend, y.F32, y.Shape.Last),
            y.Shape.Rows,
            Grain
        );
    }

    public static void CombineBackward(Tensor dy, Tensor x, ExpertRouting routing)
    {
        using Profile.Scope _ = x.Device.Measure("expert_combine.backward", bytes: 4.0 * (2 * x.Count + dy.Count));
        bool addX = false,
            addW = false;
        float* dx = x.RequiresGrad ? x.AddGrad(out addX).F32 : null;
        float* dw = routing.Weights.RequiresGrad ? routing.Weights.AddGrad(out addW).F32 : null;
        x.Device.Run(
            new CombineBackwardKernel(
                dy.F32,
                x.F32,
                routing.Weights.F32,
                routing.Slots.I32,
                routing.TopK,
                dx,
                addX,
                dw,
                addW,
                dy.Shape.Last
            ),
            dy.Shape.Rows,
            Grain
        );
    }

    private readonly struct DispatchKernel(float* x, int* slots, int topK, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int token = start; token < end; token++)
            {
                for (int j = 0; j < topK && slots[token * topK] >= 0; j++)
                {
                    new ReadOnlySpan<float>(x + (long)token * width, width).CopyTo(
                        new Span<float>(y + (long)slots[token * topK + j] * width, width)
                    );
                }
            }
        }
    }

    /// <summary>y_t = addend_t + Σ_j w_tj · x[slot(t, j)], j ascending; without weights they are 1; a token without slots has only the
    /// addend.</summary>
    private readonly struct GatherKernel(float* x, float* weights, int* slots, int topK, float* addend, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int token = start; token < end; token++)
            {
                float* target = y + (long)token * width,
                    first = addend == null ? null : addend + (long)token * width;
                int* from = slots + (long)token * topK;
                float* w = weights == null ? null : weights + (long)token * topK;
                int i = 0,
                    count = from[0] < 0 ? 0 : topK;
                for (; i <= width - 16; i += 16)
                {
                    Vector512<float> sum = first == null ? default : Vector512.Load(first + i);
                    for (int j = 0; j < count; j++)
                    {
                        sum = Vector512.FusedMultiplyAdd(
                            Vector512.Load(x + (long)from[j] * width + i),
                            Vector512.Create(w == null ? 1 : w[j]),
                            sum
                        );
                    }
                    sum.Store(target + i);
                }
                for (; i < width; i++)
                {
                    float sum = first == null ? 0 : first[i];
                    for (int j = 0; j < count; j++)
                    {
                        sum = MathF.FusedMultiplyAdd(x[(long)from[j] * width + i], w == null ? 1 : w[j], sum);
                    }
                    target[i] = sum;
                }
            }
        }
    }

    private readonly struct CombineBackwardKernel(
        float* dy,
        float* x,
        float* weights,
        int* slots,
        int topK,
        float* dx,
        bool addX,
        float* dw,
        bool addW,
        int width
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int token = start; token < end; token++)
            {
                float* d = dy + (long)token * width;
                for (int j = 0; j < topK; j++)
                {
                    long pair = (long)token * topK + j,
                        row = (long)slots[pair] * width;
                    if (row < 0)
                    {
                        if (dw != null && !addW)
                        {
                            dw[pair] = 0;
                        }
                        continue;
                    }
                    if (dw != null)
                    {
                        float dot = Lanes.Dot(d, x + row, width);
                        dw[pair] = addW ? dw[pair] + dot : dot;
                    }
                    if (dx != null && addX)
                    {
                        Lanes.AddScaled(dx + row, d, weights[pair], width);
                    }
                    else if (dx != null)
                    {
                        Lanes.Scale(dx + row, d, weights[pair], width);
                    }
                }
            }
        }
    }
}
