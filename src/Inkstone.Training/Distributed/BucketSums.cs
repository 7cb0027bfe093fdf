using System.Runtime.InteropServices;
using Inkstone.Distributed;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// Sums of a bucket over all ranks: each receives its part of the bucket from all, sums in the order of ranks and gives the sum back to all,
/// or keeps it where the optimizer is sharded. A plain sum in float32 is left to the library's all-reduce.
/// </summary>
internal sealed class BucketSums
{
    private readonly ICommunicator _wire;
    private readonly DistributedOptions _options;
    private readonly GradientBucket[] _buckets;
    private readonly int _rank,
        _size;
    private readonly int[][] _bytes,
        _received; // of each bucket: bytes of every rank's part; of the own part, once for each rank
    private readonly float[] _sums;
    private readonly ushort[] _narrow,
        _narrowSums;

    public BucketSums(GradientBucket[] buckets, ICommunicator wire, DistributedOptions options)
    {
        (_buckets, _wire, _options, _rank, _size) = (buckets, wire, options, wire.Rank, wire.Size);
        _bytes = [.. buckets.Select(b => b.Bytes(options.Bf16Wire ? sizeof(ushort) : sizeof(float)))];
        _received = [.. _bytes.Select(b => Enumerable.Repeat(b[_rank], _size).ToArray())];
        int most = buckets.Max(b => Math.Max((int)b.Range.Length, (int)b.Part(_rank).Length * _size));
        bool exchanged = _size > 1 && !ByLibrary;
        _sums = exchanged ? GC.AllocateUninitializedArray<float>(most, pinned: true) : [];
        (_narrow, _narrowSums) =
            exchanged && options.Bf16Wire
                ? (GC.AllocateUninitializedArray<ushort>(most, pinned: true), GC.AllocateUninitializedArray<ushort>(most, pinned: true))
                : ([], []);
    }

    private bool ByLibrary => _options is { Bf16Wire: false, FixedOrder: false, Zero: 0 };

    /// <summary>The part of a bucket's gradient that this rank sums.</summary>
    public Span<float> Own(int bucket, Span<float> gradient)
    {
        int[] borders = _buckets[bucket].Borders;
        return gradient.Slice(borders[_rank], borders[_rank + 1] - borders[_rank]);
    }

    /// <summary>Makes the own part of a bucket's gradient the sum over all ranks, and the whole of it where nothing is sharded.</summary>
    public void Sum(int bucket, Span<float> gradient)
    {
        if (ByLibrary)
        {
            _wire.AllReduce(gradient);
            return;
        }
        Span<float> own = Own(bucket, gradient),
            parts = _sums.AsSpan(0, own.Length * _size);
        if (_options.Bf16Wire)
        {
            BFloat16Wire.Narrow(gradient, _narrow);
            _wire.AllToAll(
                MemoryMarshal.AsBytes(_narrow.AsSpan(0, gradient.Length)),
                _bytes[bucket],
                MemoryMarshal.AsBytes(_narrowSums.AsSpan(0, parts.Length)),
                _received[bucket]
            );
            BFloat16Wire.Widen(_narrowSums.AsSpan(0, parts.Length), parts);
        }
        else
        {
            _wire.AllToAll(MemoryMarshal.AsBytes(gradient), _bytes[bucket], MemoryMarshal.AsBytes(parts), _received[bucket]);
        }
        OrderedSum.Reduce(parts, _size);
        parts[..own.Length].CopyTo(own);
        if (_options.Zero == 0)
        {
            GiveBack(bucket, gradient, own);
        }
    }

    /// <summary>All ranks receive what each has summed.</summary>
    private void GiveBack(int bucket, Span<float> gradient, Span<float> own)
    {
        if (!_options.Bf16Wire)
        {
            _wire.AllGather(MemoryMarshal.AsBytes(gradient), _bytes[bucket]);
            return;
        }
        BFloat16Wire.Narrow(own, _narrow.AsSpan(_buckets[bucket].Borders[_rank]));
        _wire.AllGather(MemoryMarshal.AsBytes(_narrow.AsSpan(0, gradient.Length)), _bytes[bucket]);
        BFloat16Wire.Widen(_narrow.AsSpan(0, gradient.Length), gradient);
    }
}
