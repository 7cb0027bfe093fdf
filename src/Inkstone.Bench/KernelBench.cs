using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Bench;

/// <summary>One measured kernel: the fastest of several runs, beside the limit that was measured in the same run.</summary>
/// <param name="Name">op and pass</param>
/// <param name="Shape">sizes</param>
/// <param name="Type">fp32 or bf16: what products multiply in</param>
/// <param name="Threads">computing threads</param>
/// <param name="Seconds">of one call</param>
/// <param name="Rate">in <paramref name="Unit"/></param>
/// <param name="Unit">GFLOP/s or GB/s</param>
/// <param name="Roof">the same unit</param>
public sealed record KernelEntry(string Name, string Shape, string Type, int Threads, double Seconds, double Rate, string Unit, double Roof)
{
    /// <summary>Rate / roof. Above 1 for memory means that the operands were in cache.</summary>
    public double Fraction => Rate / Roof;
}

/// <summary>Every op of a model's training step and of decoding at that model's sizes.</summary>
public sealed class KernelBench
{
    private const int Runs = 5;

    private readonly Device _device;
    private readonly Roofline _roof;
    private readonly string _type;
    private ulong _stream;

    /// <summary>Measures on <paramref name="device"/>, which is profiled meanwhile.</summary>
    public KernelBench(Device device, Roofline roof)
    {
        (_device, _roof) = (device, roof);
        _type = device.MatMulType == DType.BFloat16 ? "bf16" : "fp32";
    }

    /// <summary>Forward and backward passes and the optimizer for a batch of <paramref name="rows"/> × <paramref name="length"/> tokens,
    /// then decoding.</summary>
    /// <param name="config">the model's sizes</param>
    /// <param name="rows">sequences of a batch</param>
    /// <param name="length">tokens of each</param>
    /// <param name="cancelled">ends it between two cases</param>
    public IEnumerable<KernelEntry> Run(HfConfig config, int rows, int length, CancellationToken cancelled = default)
    {
        KernelCases cases = new(_device, config, rows, length);
        foreach (KernelCase work in cases.Training().Concat(cases.Decoding()))
        {
            cancelled.ThrowIfCancellationRequested();
            foreach (KernelEntry entry in Measure(work))
            {
                yield return entry;
            }
        }
    }

    /// <summary>Runs a case with its backward pass and takes from the profile what its kernels needed.</summary>
    private List<KernelEntry> Measure(KernelCase work)
    {
        Tensor[] inputs = Array.ConvertAll(work.Inputs, Random);
        Dictionary<string, Profile.Entry> best = [];
        for (int run = 0; run <= Runs; run++)
        {
            Profile profile = new();
            using (_device.Step(record: work.Backward))
            {
                _device.Profile = profile;
                Tensor y = work.Run(inputs);
                if (work.Backward)
                {
                    _device.Tape.Backward(Root(work, y));
                }
                _device.Profile = null;
            }
            foreach ((string name, Profile.Entry entry) in profile.Entries)
            {
                if (run > 0 && work.Counts(name) && (!best.TryGetValue(name, out Profile.Entry? old) || entry.Seconds < old.Seconds))
                {
                    best[name] = entry;
                }
            }
            Array.ForEach(inputs, t => t.ZeroGrad());
        }
        Array.ForEach(inputs, t => t.Dispose());
        return [.. best.Select(pair => Entry(work, pair.Key, pair.Value))];
    }

    /// <summary>One number whose gradient reaches y by ops that the case does not count; a narrow result may be read by some ops
    /// only.</summary>
    private static Tensor Root(KernelCase work, Tensor y)
    {
        if (y.Count == 1)
        {
            return y;
        }
        if (y.DType == DType.Float32 || work.Counts("linear"))
        {
            return Ops.Sum(y.DType == DType.Float32 ? y : Ops.SwiGlu(y, y));
        }
        Tensor ones = y.Device.Rent(new Shape(16, y.Shape.Last));
        Ops.Fill(ones, 1);
        return Ops.Sum(Ops.Linear(y, ones));
    }

    private KernelEntry Entry(KernelCase work, string name, Profile.Entry total)
    {
        double seconds = total.Seconds / total.Calls,
            flops = total.Flops / total.Calls,
            bytes = work.Bytes > 0 ? work.Bytes : total.Bytes / total.Calls;
        // Bound by what takes longer at best.
        return bytes / _roof.BytesPerSecond > flops / _roof.FlopsPerSecond
            ? new KernelEntry(
                name,
                work.Sizes,
                _type,
                _device.Workers.Count,
                seconds,
                bytes / seconds / 1e9,
                "GB/s",
                _roof.BytesPerSecond / 1e9
            )
            : new KernelEntry(
                name,
                work.Sizes,
                _type,
                _device.Workers.Count,
                seconds,
                flops / seconds / 1e9,
                "GFLOP/s",
                _roof.FlopsPerSecond / 1e9
            );
    }

    private Tensor Random(Shape shape)
    {
        Tensor tensor = Tensor.Allocate(_device, shape, DType.Float32, requiresGrad: true);
        new PhiloxRandom(3, _stream++).FillNormal(tensor, 1);
        return tensor;
    }
}
