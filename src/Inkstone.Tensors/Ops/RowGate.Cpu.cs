using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.RowGate"/>.</summary>
internal static unsafe class RowGateKernels
{
    private const int Grain = 16;

    public static void Forward(Tensor x, Tensor gate, Tensor? residual, Tensor y)
    {
        using Profile.Scope _ = x.Device.Measure("row_gate.forward", bytes: (residual is null ? 8.0 : 12.0) * x.Count);
        x.Device.Run(
            new ForwardKernel(x.F32, gate.F32, residual is null ? null : residual.F32, y.F32, (int)(x.Count / gate.Count)),
            (int)gate.Count,
            Grain
        );
    }

    public static void Backward(Tensor dy, Tensor x, Tensor gate)
    {
        using Profile.Scope _ = x.Device.Measure("row_gate.backward", bytes: 12.0 * x.Count);
        bool addX = false,
            addGate = false;
        Tensor? dx = x.RequiresGrad ? x.AddGrad(out addX) : null,
            dg = gate.RequiresGrad ? gate.AddGrad(out addGate) : null;
        x.Device.Run(
            new BackwardKernel(
                dy.F32,
                x.F32,
                gate.F32,
                dx is null ? null : dx.F32,
                addX,
                dg is null ? null : dg.F32,
                addGate,
                (int)(x.Count / gate.Count)
            ),
            (int)gate.Count,
            Grain
        );
    }

    private static float Sigmoid(float x) => Lanes.Sigmoid(Vector512.CreateScalar(x)).ToScalar();

    private readonly struct ForwardKernel(float* x, float* gate, float* residual, float* y, int width) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float s = Sigmoid(gate[row]);
                Lanes.Scale(y + at, x + at, s, width);
                if (residual != null)
                {
                    Lanes.Add(y + at, residual + at, width);
                }
            }
        }
    }

    private readonly struct BackwardKernel(float* dy, float* x, float* gate, float* dx, bool addX, float* dg, bool addGate, int width)
        : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int row = start; row < end; row++)
            {
                long at = (long)row * width;
                float s = Sigmoid(gate[row]);
                if (dg != null)
                {
                    dg[row] = Lanes.Dot(dy + at, x + at, width) * s * (1 - s) + (addGate ? dg[row] : 0);
                }
                if (dx != null && addX)
                {
                    Lanes.AddScaled(dx + at, dy + at, s, width);
                }
                else if (dx != null)
                {
                    Lanes.Scale(dx + at, dy + at, s, width);
                }
            }
        }
    }
}
