namespace Inkstone.Tensors.Tests;

/// <summary>The devices that tests share. Tests of the collection run one after the other.</summary>
public sealed class Devices : IDisposable
{
    private readonly Dictionary<(Isa, int), Device> _devices = [];

    /// <summary>Best level, two threads.</summary>
    public Device Default => Get(CpuFeatures.Best(), 2);

    /// <summary>Every instruction-set level that this CPU has and that multiplies with a kernel of its own.</summary>
    public IEnumerable<Device> Levels =>
        CpuFeatures
            .Levels()
            .Where(level => level <= CpuFeatures.Best())
            .Select(level => Get(level, 2))
            .DistinctBy(device => device.MatMulKernelName);

    /// <summary>Best level with 1, 2, 3 and 5 threads: counts that divide nothing evenly, and more than a small machine has.</summary>
    public IEnumerable<Device> ThreadCounts => new[] { 1, 2, 3, 5 }.Select(threads => Get(CpuFeatures.Best(), threads));

    public Device Get(Isa isa, int threads)
    {
        if (!_devices.TryGetValue((isa, threads), out Device? device))
        {
            _devices[(isa, threads)] = device = new Device(threads, isa);
        }
        return device;
    }

    public void Dispose()
    {
        foreach (Device device in _devices.Values)
        {
            device.Dispose();
        }
    }
}

[CollectionDefinition(Name)]
public sealed class DeviceSuite : ICollectionFixture<Devices>
{
    public const string Name = "devices";
}
