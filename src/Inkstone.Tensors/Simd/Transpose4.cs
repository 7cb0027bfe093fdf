using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Inkstone.Tensors;

/// <summary>Transposes blocks of 4 × 4 floats in vectors of 128 bits, which every CPU has.</summary>
internal static unsafe class Transpose4
{
    /// <summary>target[k · stride + i] = source[i · strideI + k] for 4 values of i and of k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(float* source, nint strideI, float* target, nint stride) =>
        Store(
            Vector128.Load(source),
            Vector128.Load(source + strideI),
            Vector128.Load(source + 2 * strideI),
            Vector128.Load(source + 3 * strideI),
            target,
            stride
        );

    /// <summary>The same from bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(ushort* source, nint strideI, float* target, nint stride) =>
        Store(Widened(source), Widened(source + strideI), Widened(source + 2 * strideI), Widened(source + 3 * strideI), target, stride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Widened(ushort* source) =>
        (Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d, float* target, nint stride)
    {
        Vector128<float> ac = Low(a, c),
            bd = Low(b, d);
        Low(ac, bd).Store(target);
        High(ac, bd).Store(target + stride);
        (ac, bd) = (High(a, c), High(b, d));
        Low(ac, bd).Store(target + 2 * stride);
        High(ac, bd).Store(target + 3 * stride);
    }

    /// <summary>Σa, Σb, Σc, Σd.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        Vector128<float> ac = Low(a, c) + High(a, c),
            bd = Low(b, d) + High(b, d); // a₀+a₂ c₀+c₂ a₁+a₃ c₁+c₃, and so of b and d
        return Low(ac, bd) + High(ac, bd);
    }

    /// <summary>a₀ b₀ a₁ b₁.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>a₂ b₂ a₃ b₃.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
