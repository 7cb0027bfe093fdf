using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary>The device's peak, and which part of the machine other programs left while it was measured.</summary>
internal sealed class PeakMeasure(Device device)
{
    /// <summary>1 until it was measured.</summary>
    public double Share { get; private set; } = 1;

    /// <summary>Peak of the matrix product, FLOP/s.</summary>
    public double Measure()
    {
        CpuShare share = CpuShare.Begin(device.Workers.Count);
        double peak = Roofline.Measure(device).FlopsPerSecond;
        Share = share.End();
        return peak;
    }
}
