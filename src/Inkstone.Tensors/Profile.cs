using System.Diagnostics;

namespace Inkstone.Tensors;

/// <summary>Time, arithmetic and memory traffic by op, for <c>ink bench</c>.</summary>
public sealed class Profile
{
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>Totals by op name.</summary>
    public IReadOnlyDictionary<string, Entry> Entries => _entries;

    /// <summary>Forgets all totals.</summary>
    public void Clear() => _entries.Clear();

    internal void Add(string name, long ticks, double flops, double bytes)
    {
        if (!_entries.TryGetValue(name, out Entry? entry))
        {
            _entries[name] = entry = new Entry();
        }
        entry.Calls++;
        entry.Seconds += (double)ticks / Stopwatch.Frequency;
        entry.Flops += flops;
        entry.Bytes += bytes;
    }

    /// <summary>Totals of one op.</summary>
    public sealed class Entry
    {
        /// <summary>How often it ran.</summary>
        public long Calls { get; set; }

        /// <summary>Wall time.</summary>
        public double Seconds { get; set; }

        /// <summary>Floating-point operations.</summary>
        public double Flops { get; set; }

        /// <summary>Bytes read and written, at least.</summary>
        public double Bytes { get; set; }
    }

    /// <summary>Measures from its creation to its disposal; does nothing without a profile.</summary>
    internal readonly ref struct Scope(Profile? profile, string name, double flops, double bytes)
    {
        private readonly long _start = profile is null ? 0 : Stopwatch.GetTimestamp();

        public void Dispose() => profile?.Add(name, Stopwatch.GetTimestamp() - _start, flops, bytes);
    }
}

internal static class ProfileExtensions
{
    /// <summary>Opens a measured scope: <c>using var _ = device.Measure("rms_norm.forward", bytes: …);</c></summary>
    public static Profile.Scope Measure(this Device device, string name, double flops = 0, double bytes = 0) =>
        new(device.Profile, name, flops, bytes);
}
