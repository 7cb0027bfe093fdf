using System.Diagnostics;
using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>What this machine can do at best, measured: the speed limits that every rate is compared with.</summary>
/// <param name="FlopsPerSecond">operations per second of the matrix product's micro-kernel on operands in level-1 cache, all threads together</param>
/// <param name="BytesPerSecond">bytes per second read from main memory, all threads together</param>
public sealed record Roof(double FlopsPerSecond, double BytesPerSecond)
{
    /// <summary>Measures the device's threads with the kernel of its <see cref="Device.MatMulType"/>; takes about a fifth of a second.</summary>
    public static Roof Measure(Device device) => new(MeasureProducts(device), MeasureMemory(device));

    private static unsafe double MeasureProducts(Device device)
    {
        const int K = 128, Calls = 400;
        MicroKernel kernel = device.MatMulKernel;
        double flops = 2.0 * kernel.Rows * kernel.Columns * K * Calls * device.Workers.Count;
        return flops / Fastest(device, new ProductKernel(kernel, K, Calls, device.Workers), device.Workers.Count);
    }

    private static unsafe double MeasureMemory(Device device)
    {
        const int Bytes = 128 << 20, Parts = 64;
        using NativeBlock block = new(Bytes);
        new Span<byte>(block.Pointer, Bytes).Clear();
        return Bytes / Fastest(device, new ReadKernel(block.Pointer, Bytes / Parts), Parts);
    }

    /// <summary>Seconds of the fastest of several runs: noise only ever slows a run down.</summary>
    private static double Fastest<TKernel>(Device device, TKernel kernel, int count) where TKernel : struct, IRangeKernel
    {
        double best = double.PositiveInfinity;
        for (int run = 0; run < 8; run++)
        {
            long start = Stopwatch.GetTimestamp();
            device.Run(kernel, count, 1);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private readonly unsafe struct ProductKernel(MicroKernel kernel, int k, int calls, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            long bytesA = (Packing.BytesA(kernel, k) + 63) / 64 * 64, bytesB = (Packing.BytesB(kernel, k) + 63) / 64 * 64;
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
            Vector512<int> a = default, b = default, c = default, d = default;
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
