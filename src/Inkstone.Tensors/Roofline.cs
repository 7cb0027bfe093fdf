using System.Diagnostics;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>What this machine can do at best, measured: the speed limits that every rate is compared with.</summary>
/// <param name="FlopsPerSecond">operations per second of the unit that matrix products run on, all threads together</param>
/// <param name="BytesPerSecond">bytes per second read from main memory, all threads together</param>
public sealed record Roofline(double FlopsPerSecond, double BytesPerSecond)
{
    /// <summary>Measures the device's threads with the kernel of its <see cref="Device.MatMulType"/>; takes about a quarter of a
    /// second.</summary>
    public static Roofline Measure(Device device) => new(MeasureArithmetic(device), MeasureMemory(device));

    /// <summary>The unit that the kernel multiplies on, by itself: steadier than the kernel, and no slower where the kernel has a flaw.
    /// Tiles count with their loads.</summary>
    private static double MeasureArithmetic(Device device)
    {
        UnitProbe? probe =
            device.MatMulKernel == AssembledKernels.BFloat16 ? UnitProbe.BFloat16
            : device.MatMulKernel == AssembledKernels.Float32 ? UnitProbe.Float32
            : null;
        return probe is null ? MeasureProducts(device, device.MatMulKernel) : MeasureUnit(device, probe, alone: false);
    }

    /// <summary>Operations per second of a micro-kernel, all threads together or the caller alone.</summary>
    internal static unsafe double MeasureProducts(Device device, MicroKernel kernel, bool alone = false)
    {
        const int K = 128,
            Calls = 1000;
        int parts = alone ? 1 : device.Workers.Count;
        double flops = 2.0 * kernel.Rows * kernel.Columns * K * Calls * parts;
        return flops / Fastest(device, new ProductKernel(kernel, K, Calls, device.Workers), parts, alone);
    }

    /// <summary>Bytes per second read from main memory by all threads, or by the caller alone.</summary>
    internal static unsafe double MeasureMemory(Device device, bool alone = false)
    {
        // More than any cache that this machine has to itself; the last cache of a large host is another matter.
        const int Bytes = 128 << 20,
            Parts = 64;
        using NativeBlock block = new(Bytes);
        new Span<byte>(block.Pointer, Bytes).Clear();
        return Bytes / Fastest(device, new ReadKernel(block.Pointer, Bytes / Parts), Parts, alone);
    }

    /// <summary>Operations per second of a unit, all threads together or the caller alone.</summary>
    internal static double MeasureUnit(Device device, UnitProbe probe, bool alone)
    {
        const int Rounds = 50_000;
        int parts = alone ? 1 : device.Workers.Count;
        return probe.OperationsPerRound * Rounds * parts / Fastest(device, new UnitKernel(probe, Rounds), parts, alone);
    }

    /// <summary>Seconds of the fastest of many runs: noise only ever slows a run down, and a thread that wakes late makes it half as
    /// fast.</summary>
    private static double Fastest<TKernel>(Device device, TKernel kernel, int count, bool alone = false)
        where TKernel : struct, IRangeKernel
    {
        double best = double.PositiveInfinity;
        for (int run = 0; run < 40; run++)
        {
            long start = Stopwatch.GetTimestamp();
            if (alone)
            {
                kernel.Run(0, count, 0);
            }
            else
            {
                device.Run(kernel, count, 1);
            }
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private readonly struct UnitKernel(UnitProbe probe, int rounds) : IRangeKernel
    {
        public void Run(int start, int end, int worker) => probe.Run((nint)rounds * (end - start));
    }

    private readonly unsafe struct ProductKernel(MicroKernel kernel, int k, int calls, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long bytesA = (Packing.BytesA(kernel, k) + 63) / 64 * 64,
                bytesB = (Packing.BytesB(kernel, k) + 63) / 64 * 64;
            byte* scratch = workers.Scratch(worker, bytesA + bytesB + kernel.Rows * kernel.Columns * sizeof(float));
            new Span<byte>(scratch, (int)(bytesA + bytesB)).Clear();
            TileArguments tile = new()
            {
                A = scratch,
                B = scratch + bytesA,
                C = (float*)(scratch + bytesA + bytesB),
                Steps = k / kernel.StepValues,
                StrideC = kernel.Columns * sizeof(float),
            };
            kernel.Begin();
            for (int i = 0; i < calls * (end - start); i++)
            {
                kernel.Run(&tile);
            }
            kernel.End();
        }
    }

    private readonly unsafe struct ReadKernel(byte* data, int partBytes) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            Vector512<int> a = default,
                b = default,
                c = default,
                d = default;
            for (byte* p = data + (long)start * partBytes; p < data + (long)end * partBytes; p += 256)
            {
                a ^= Vector512.Load((int*)p);
                b ^= Vector512.Load((int*)(p + 64));
                c ^= Vector512.Load((int*)(p + 128));
                d ^= Vector512.Load((int*)(p + 192));
            }
            if ((a ^ b ^ c ^ d) != default)
            {
                throw new InvalidOperationException("zeroed memory is not zero");
            }
        }
    }
}
