using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>Factors of channels: 16 at once.</summary>
internal static unsafe partial class LogDecayKernels
{
    /// <summary>ln(1 + eˣ). 1 + e loses digits of a small e, so its logarithm is corrected by what the sum has kept of it (Kahan's
    /// log1p).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Softplus(Vector512<float> x)
    {
        Vector512<float> e = Lanes.Exp(-Vector512.Abs(x)),
            sum = Vector512<float>.One + e,
            kept = sum - Vector512<float>.One;
        Vector512<float> log = Vector512.ConditionalSelect(
            Vector512.Equals(kept, Vector512<float>.Zero),
            e,
            Vector512.Log(sum) * (e / kept)
        );
        return Vector512.Max(x, Vector512<float>.Zero) + log;
    }

    /// <summary>What 16 channels of a head become.</summary>
    private interface IChannelPart
    {
        /// <summary>Whether <c>held</c> is read.</summary>
        static abstract bool ReadsTarget { get; }

        /// <summary>The target from x + bias and what the target held.</summary>
        static abstract Vector512<float> Evaluate(float scale, Vector512<float> shifted, Vector512<float> held);
    }

    /// <summary>g = scale · softplus(x + bias).</summary>
    private readonly struct Decay : IChannelPart
    {
        public static bool ReadsTarget => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Evaluate(float scale, Vector512<float> shifted, Vector512<float> held) => scale * Softplus(shifted);
    }

    /// <summary>dg becomes dx.</summary>
    private readonly struct Slope : IChannelPart
    {
        public static bool ReadsTarget => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Evaluate(float scale, Vector512<float> shifted, Vector512<float> held) =>
            held * scale * Lanes.Sigmoid(shifted);
    }

    private readonly struct ChannelKernel<TPart>(float* x, float* aLog, float* dtBias, float* target, int heads, int width) : IRangeKernel
        where TPart : struct, IChannelPart
    {
        public void Run(int start, int end, int worker)
        {
            int channels = width / heads;
            for (int row = start; row < end; row++)
            {
                for (int h = 0; h < heads; h++)
                {
                    float scale = (float)-Math.Exp(aLog[h]);
                    float* from = x + (long)row * width + h * channels,
                        bias = dtBias + h * channels,
                        to = target + (long)row * width + h * channels;
                    int i = 0;
                    for (; i <= channels - 16; i += 16)
                    {
                        Part(default(WholeVector), scale, from + i, bias + i, to + i);
                    }
                    if (i < channels)
                    {
                        Part(new LastVector(channels - i), scale, from + i, bias + i, to + i);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Part<TVector>(TVector lanes, float scale, float* from, float* bias, float* to)
            where TVector : struct, IRowVector =>
            lanes.Store(TPart.Evaluate(scale, lanes.Load(from) + lanes.Load(bias), TPart.ReadsTarget ? lanes.Load(to) : default), to);
    }
}
