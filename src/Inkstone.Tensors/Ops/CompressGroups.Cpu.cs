using System.Runtime.Intrinsics;

namespace Inkstone.Tensors;

/// <summary>CPU kernels of <see cref="Ops.CompressGroups"/>. Sixteen channels go side by side; a token's half of channels belongs to one
/// entry, so entries write gradients apart.</summary>
internal static unsafe class CompressKernels
{
    public static void Forward(Tensor kv, Tensor gate, Tensor ape, TokenGroups groups, Tensor? ring, Tensor entries)
    {
        using Profile.Scope _ = kv.Device.Measure("compress_groups.forward", bytes: 8.0 * kv.Count);
        kv.Device.Run(
            new ForwardKernel(new Sources(kv, gate, ape, groups, ring, entries.Shape.Last), entries.F32, kv.Device.Workers),
            (int)groups.Closing.Count,
            1
        );
    }

    public static void Backward(Tensor de, Tensor kv, Tensor gate, Tensor ape, TokenGroups groups)
    {
        using Profile.Scope _ = kv.Device.Measure("compress_groups.backward", bytes: 16.0 * kv.Count);
        Sources sources = new(kv, gate, ape, groups, null, de.Shape.Last);
        kv.Device.Run(
            new BackwardKernel(sources, de.F32, SelectedAttentionKernels.Sums(kv), SelectedAttentionKernels.Sums(gate), kv.Device.Workers),
            (int)groups.Closing.Count,
            1
        );
        if (ape.RequiresGrad)
        {
            float* sum = ape.AddGrad(out bool accumulate).F32;
            RowSum.Run(kv.Device, new PlaceTerm(sources, de.F32), (int)groups.Closing.Count, (int)ape.Count, sum, accumulate);
        }
    }

    public static void Keep(Tensor kv, Tensor gate, Tensor ring, RaggedRows rows)
    {
        int channels = kv.Shape.Last,
            kept = ring.Shape[1];
        for (int i = 0; i < rows.Count; i++)
        {
            ReadOnlySpan<int> trail = rows.TrailOf(i);
            int start = rows.Starts.I32[i],
                end = rows.Starts.I32[i + 1],
                slot = rows.Slots.I32[i];
            for (int row = Math.Max(start, end - trail.Length - kept); row < end; row++)
            {
                if (row >= end - trail.Length)
                {
                    int next = trail[row - end + trail.Length];
                    ring.CopyPart(slot, next);
                    slot = next;
                }
                float* to = ring.F32 + ((long)slot * kept + (rows.Past.I32[i] + row - start) % kept) * 2 * channels;
                new ReadOnlySpan<float>(kv.F32 + (long)row * channels, channels).CopyTo(new Span<float>(to, channels));
                new ReadOnlySpan<float>(gate.F32 + (long)row * channels, channels).CopyTo(new Span<float>(to + channels, channels));
            }
        }
    }

    /// <summary>Where a token of an entry lies, its channels for this entry, and the row of its place in the group.</summary>
    private struct Part
    {
        public float* Kv,
            Gate,
            Ape;
        public long At,
            Place;
    }

    private readonly struct Sources(Tensor kv, Tensor gate, Tensor ape, TokenGroups groups, Tensor? ring, int width)
    {
        public readonly int Width = width,
            Channels = kv.Shape.Last,
            Rate = groups.Rate;
        private readonly float* _kv = kv.F32,
            _gate = gate.F32,
            _ape = ape.F32,
            _ring = ring is null ? null : ring.F32;
        private readonly int* _closing = groups.Closing.I32,
            _starts = groups.Positions.I32,
            _floors = groups.Floors is null ? null : groups.Floors.I32,
            _slots = groups.Slots is null ? null : groups.Slots.I32;
        private readonly int _kept = ring?.Shape[1] ?? 0;

        /// <summary>Most parts of an entry.</summary>
        public int Most => Rate * (Channels / Width);

        /// <summary>The parts of an entry; 0 where there is none.</summary>
        public int Parts(int entry, Part* parts)
        {
            int closing = _closing[entry],
                first = _starts[entry],
                count = 0;
            for (
                int i =
                    closing < 0 ? Most
                    : first == 0 ? Most - Rate
                    : 0;
                i < Most;
                i++
            )
            {
                int back = Most - 1 - i,
                    position = first + Rate - 1 - back,
                    row = closing - back,
                    column = i < Most - Rate ? 0 : Channels - Width;
                bool here = _floors == null || row >= _floors[entry];
                long at = here ? (long)row * Channels : (((long)_slots[entry] * _kept) + position % _kept) * 2 * Channels,
                    place = (long)(position % Rate) * Channels + column;
                parts[count++] = new Part
                {
                    Kv = (here ? _kv : _ring) + at + column,
                    Gate = (here ? _gate : _ring + Channels) + at + column,
                    Ape = _ape + place,
                    At = at + column,
                    Place = place,
                };
            }
            return count;
        }
    }

    private static Vector512<float> Load(float* p, int count) => count == 16 ? Vector512.Load(p) : Lanes.LoadPart(p, count);

    private static void Add(float* p, Vector512<float> value, int count)
    {
        if (count == 16)
        {
            (Vector512.Load(p) + value).Store(p);
        }
        else
        {
            Lanes.StorePart(Lanes.LoadPart(p, count) + value, p, count);
        }
    }

    /// <summary>Exponentials of sixteen channels' gates, their sum's inverse, and the entry.</summary>
    private static Vector512<float> Mix(Part* parts, int n, int c, int count, Vector512<float>* e, out Vector512<float> inverse)
    {
        Vector512<float> most = Vector512.Create(float.NegativeInfinity),
            sum = default,
            mixed = default;
        for (int i = 0; i < n; i++)
        {
            e[i] = Load(parts[i].Gate + c, count) + Load(parts[i].Ape + c, count);
            most = Vector512.Max(most, e[i]);
        }
        for (int i = 0; i < n; i++)
        {
            e[i] = Lanes.Exp(e[i] - most);
            sum += e[i];
            mixed = Vector512.FusedMultiplyAdd(e[i], Load(parts[i].Kv + c, count), mixed);
        }
        inverse = Vector512<float>.One / sum;
        return mixed * inverse;
    }

    private readonly struct ForwardKernel(Sources sources, float* entries, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            Vector512<float>* e = (Vector512<float>*)
                workers.Scratch(worker, (sizeof(Vector512<float>) + sizeof(Part)) * (long)sources.Most);
            Part* parts = (Part*)(e + sources.Most);
            for (int entry = start; entry < end; entry++)
            {
                float* to = entries + (long)entry * sources.Width;
                int n = sources.Parts(entry, parts);
                if (n == 0)
                {
                    new Span<float>(to, sources.Width).Clear();
                }
                for (int c = 0; c < sources.Width && n > 0; c += 16)
                {
                    int count = Math.Min(16, sources.Width - c);
                    Vector512<float> mixed = Mix(parts, n, c, count, e, out _);
                    if (count == 16)
                    {
                        mixed.Store(to + c);
                    }
                    else
                    {
                        Lanes.StorePart(mixed, to + c, count);
                    }
                }
            }
        }
    }

    private readonly struct BackwardKernel(Sources sources, float* de, float* dKv, float* dGate, Workers workers) : IRangeKernel
    {
        public void Run(int start, int end, int worker)
        {
            Vector512<float>* e = (Vector512<float>*)
                workers.Scratch(worker, (sizeof(Vector512<float>) + sizeof(Part)) * (long)sources.Most);
            Part* parts = (Part*)(e + sources.Most);
            for (int entry = start; entry < end; entry++)
            {
                int n = sources.Parts(entry, parts);
                for (int c = 0; c < sources.Width; c += 16)
                {
                    int count = Math.Min(16, sources.Width - c);
                    Vector512<float> d = Load(de + (long)entry * sources.Width + c, count),
                        mixed = Mix(parts, n, c, count, e, out Vector512<float> inverse);
                    for (int i = 0; i < n; i++)
                    {
                        Vector512<float> p = e[i] * inverse * d;
                        if (dKv != null)
                        {
                            Add(dKv + parts[i].At + c, p, count);
                        }
                        if (dGate != null)
                        {
                            Add(dGate + parts[i].At + c, p * (Load(parts[i].Kv + c, count) - mixed), count);
                        }
                    }
                }
            }
        }
    }

    /// <summary>What one entry adds to the gradient of places.</summary>
    private readonly struct PlaceTerm(Sources sources, float* de) : IRowTerm
    {
        public void AddTo(float* sum, int entry)
        {
            Vector512<float>* e = stackalloc Vector512<float>[sources.Most];
            Part* parts = stackalloc Part[sources.Most];
            int n = sources.Parts(entry, parts);
            for (int c = 0; c < sources.Width; c += 16)
            {
                int count = Math.Min(16, sources.Width - c);
                Vector512<float> d = Load(de + (long)entry * sources.Width + c, count),
                    mixed = Mix(parts, n, c, count, e, out Vector512<float> inverse);
                for (int i = 0; i < n; i++)
                {
                    Add(sum + parts[i].Place + c, e[i] * inverse * d * (Load(parts[i].Kv + c, count) - mixed), count);
                }
            }
        }
    }
}
