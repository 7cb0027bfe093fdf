namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.LogDecay"/>. One factor per head is a few numbers per token: one by one and in double precision.
/// Factors of channels are as many as keys, and go by vectors.</summary>
internal static unsafe partial class LogDecayKernels
{
    private const int Grain = 64;

    public static void Forward(Tensor x, Tensor aLog, Tensor dtBias, Tensor g)
    {
        using Profile.Scope _ = x.Device.Measure("log_decay.forward", bytes: 8.0 * x.Count);
        if (dtBias.Count > aLog.Count)
        {
            x.Device.Run(new ChannelKernel<Decay>(x.F32, aLog.F32, dtBias.F32, g.F32, (int)aLog.Count, x.Shape.Last), x.Shape.Rows, Grain);
            return;
        }
        x.Device.Run(new ForwardKernel(x.F32, aLog.F32, dtBias.F32, g.F32, x.Shape.Last), x.Shape.Rows, Grain);
    }

    public static void Backward(Tensor dg, Tensor x, Tensor aLog, Tensor dtBias, Tensor g)
    {
        using Profile.Scope _ = x.Device.Measure("log_decay.backward", bytes: 16.0 * x.Count);
        int rows = x.Shape.Rows,
            width = x.Shape.Last,
            heads = (int)aLog.Count;
        if (aLog.RequiresGrad)
        {
            Tensor sum = aLog.AddGrad(out bool accumulate);
            RowSum.Run(x.Device, new ScaleTerm(dg.F32, g.F32, heads, width / heads), rows, heads, sum.F32, accumulate);
        }
        // ∂g/∂x once for the two that need it; it may lie where dg does.
        if (width > heads)
        {
            x.Device.Run(new ChannelKernel<Slope>(x.F32, aLog.F32, dtBias.F32, dg.F32, heads, width), rows, Grain);
        }
        else
        {
            x.Device.Run(new SlopeKernel(dg.F32, x.F32, aLog.F32, dtBias.F32, heads), rows, Grain);
        }
        if (dtBias.RequiresGrad)
        {
            Tensor sum = dtBias.AddGrad(out bool accumulate);
            RowSum.Run(x.Device, new RowValues(dg.F32, width), rows, width, sum.F32, accumulate);
        }
        if (x.RequiresGrad)
        {
            AddKernels.Accumulate(dg, x);
        }
    }

    /// <summary>ln(1 + eˣ) without overflow and without losing small values.</summary>
    private static double Softplus(double x) =>
        x > 30 ? x
        : x < -15 ? Math.Exp(x)
        : Math.Log(1 + Math.Exp(x));

    private readonly struct ForwardKernel(float* x, float* aLog, float* dtBias, float* g, int heads) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                for (int h = 0; h < heads; h++)
                {
                    long at = (long)row * heads + h;
                    g[at] = (float)(-Math.Exp(aLog[h]) * Softplus(x[at] + dtBias[h]));
                }
            }
        }
    }

    /// <summary>dg becomes dx.</summary>
    private readonly struct SlopeKernel(float* dg, float* x, float* aLog, float* dtBias, int heads) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                for (int h = 0; h < heads; h++)
                {
                    long at = (long)row * heads + h;
                    dg[at] = (float)(-dg[at] * Math.Exp(aLog[h]) / (1 + Math.Exp(-(x[at] + dtBias[h]))));
                }
            }
        }
    }

    private readonly struct ScaleTerm(float* dg, float* g, int heads, int channels) : IRowTerm
    {
        public void AddTo(float* sum, int row)
        {
            for (int h = 0; h < heads; h++)
            {
                long at = ((long)row * heads + h) * channels;
                sum[h] += channels == 1 ? dg[at] * g[at] : Lanes.Dot(dg + at, g + at, channels);
            }
        }
    }
}
