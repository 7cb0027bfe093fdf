using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Numbers of one AdamW step that are the same for every parameter.</summary>
/// <param name="Rate">learning rate</param>
/// <param name="Beta1">decay of the mean gradient</param>
/// <param name="Beta2">decay of the mean squared gradient</param>
/// <param name="Epsilon">added to the root</param>
/// <param name="WeightDecay">decoupled decay, 0 for none</param>
/// <param name="BiasCorrection1">1 − β₁ᵗ</param>
/// <param name="BiasCorrection2">1 − β₂ᵗ</param>
/// <param name="GradientScale">factor on the gradient, from clipping</param>
public readonly record struct AdamWCoefficients(
    double Rate,
    double Beta1,
    double Beta2,
    double Epsilon,
    double WeightDecay,
    double BiasCorrection1,
    double BiasCorrection2,
    double GradientScale
);

public static unsafe partial class Ops
{
    internal const int StepGrain = 1 << 14;

    /// <summary>AdamW (arXiv:1711.05101) on one parameter, in one pass over memory; not recorded.</summary>
    /// <remarks><code>
    /// w ← w · (1 − rate · decay)        m ← m + (1 − β₁) (g − m)        v ← v + (1 − β₂) (g² − v)
    /// w ← w − rate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
    /// </code></remarks>
    public static void AdamWStep(Tensor parameter, Tensor gradient, Tensor expAvg, Tensor expAvgSq, in AdamWCoefficients coefficients)
    {
        Check.Same(parameter, gradient);
        Check.Same(parameter, expAvg);
        Check.Same(parameter, expAvgSq);
        using Profile.Scope _ = parameter.Device.Measure("adamw", bytes: 28.0 * parameter.Count);
        Chunks chunks = PiecesOf(parameter);
        parameter.Device.Run(
            new AdamWKernel(parameter.F32, gradient.F32, expAvg.F32, expAvgSq.F32, coefficients, chunks),
            chunks.Number,
            1
        );
    }

    /// <summary>
    /// The same on all parameters that a gradient has reached, in one job; the others, and their moments, stay as they are. Not recorded.
    /// </summary>
    /// <param name="parameters">w with their gradients, float32</param>
    /// <param name="expAvg">m, of the same shapes</param>
    /// <param name="expAvgSq">v, of the same shapes</param>
    /// <param name="decays">which of them decay</param>
    /// <param name="coefficients">numbers that are the same for all</param>
    /// <exception cref="ArgumentException">Shapes differ.</exception>
    public static void AdamWStep(
        TensorList parameters,
        TensorList expAvg,
        TensorList expAvgSq,
        bool[] decays,
        in AdamWCoefficients coefficients
    )
    {
        for (int i = 0; i < parameters.Count; i++)
        {
            Check.Same(parameters[i], expAvg[i]);
            Check.Same(parameters[i], expAvgSq[i]);
        }
        if (parameters.Count == 0)
        {
            return;
        }
        Device device = parameters[0].Device;
        using Profile.Scope _ = device.Measure("adamw", bytes: 28.0 * GradientCount(parameters));
        device.Run(
            new AdamWListKernel(parameters, expAvg, expAvgSq, decays, coefficients, coefficients with { WeightDecay = 0 }),
            parameters.Pieces,
            1
        );
    }

    /// <summary>The pieces in which passes over a tensor of any size go.</summary>
    internal static Chunks PiecesOf(Tensor tensor) => new(tensor.Count, StepGrain);

    /// <summary>A range of elements cut into equal pieces, so that loops over more than 2³¹ elements have an int index.</summary>
    internal readonly struct Chunks(long count, int size)
    {
        public int Number => checked((int)((count + size - 1) / size));

        public long Start(int chunk) => (long)chunk * size;

        public int Length(int chunk) => (int)Math.Min(size, count - Start(chunk));
    }

    private readonly struct AdamWListKernel(
        TensorList parameters,
        TensorList expAvg,
        TensorList expAvgSq,
        bool[] decays,
        AdamWCoefficients decaying,
        AdamWCoefficients staying
    ) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int piece = start; piece < end; piece++)
            {
                int i = parameters.TensorOf(piece),
                    chunk = piece - parameters.FirstPiece(i);
                if (parameters[i].Grad is { } gradient)
                {
                    new AdamWKernel(
                        parameters[i].F32,
                        gradient.F32,
                        expAvg[i].F32,
                        expAvgSq[i].F32,
                        decays[i] ? decaying : staying,
                        PiecesOf(gradient)
                    ).Run(chunk, chunk + 1, worker);
                }
            }
        }
    }

    private readonly struct AdamWKernel(float* w, float* g, float* m, float* v, AdamWCoefficients c, Chunks chunks) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            for (int chunk = start; chunk < end; chunk++)
            {
                long at = chunks.Start(chunk);
                Update(w + at, g + at, m + at, v + at, chunks.Length(chunk));
            }
        }

        private void Update(float* w, float* g, float* m, float* v, int n)
        {
            // 1 − rate · decay is not rounded: its error, a thousandth of the decay, would push all weights the same way in every step.
            float decay = (float)(c.Rate * c.WeightDecay),
                new1 = (float)(1 - c.Beta1),
                new2 = (float)(1 - c.Beta2),
                scale = (float)c.GradientScale;
            // Numerator and denominator of the step, both times √(1 − β₂ᵗ): one division per element instead of two.
            double root = Math.Sqrt(c.BiasCorrection2);
            float rate = (float)(c.Rate / c.BiasCorrection1 * root),
                epsilon = (float)(c.Epsilon * root);
            Vector512<float> new1s = Vector512.Create(new1),
                new2s = Vector512.Create(new2),
                decays = Vector512.Create(decay);
            int i = 0;
            for (; i <= n - 16; i += 16)
            {
                Vector512<float> gi = Vector512.Load(g + i) * scale,
                    mi = Vector512.Load(m + i),
                    vi = Vector512.Load(v + i),
                    wi = Vector512.Load(w + i);
                mi = Vector512.FusedMultiplyAdd(new1s, gi - mi, mi);
                vi = Vector512.FusedMultiplyAdd(new2s, Vector512.FusedMultiplyAdd(gi, gi, -vi), vi);
                mi.Store(m + i);
                vi.Store(v + i);
                Vector512<float> step = mi * rate / (Vector512.Sqrt(vi) + Vector512.Create(epsilon));
                (wi - Vector512.FusedMultiplyAdd(wi, decays, step)).Store(w + i);
            }
            for (; i < n; i++)
            {
                float gi = g[i] * scale;
                m[i] = MathF.FusedMultiplyAdd(new1, gi - m[i], m[i]);
                v[i] = MathF.FusedMultiplyAdd(new2, MathF.FusedMultiplyAdd(gi, gi, -v[i]), v[i]);
                float step = m[i] * rate / (MathF.Sqrt(v[i]) + epsilon);
                w[i] -= MathF.FusedMultiplyAdd(w[i], decay, step);
            }
        }
    }
}
