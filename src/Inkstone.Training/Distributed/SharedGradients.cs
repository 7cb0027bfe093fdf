using System.Diagnostics;
using System.Runtime.InteropServices;
using Inkstone.Distributed;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// The gradients of a step over all processes. While the last micro-batch goes backward, a thread of its own sums bucket after bucket over
/// the ranks: what the backward pass has completed is on its way while the rest is computed.
/// </summary>
public sealed class SharedGradients : IDisposable
{
    private readonly Cooperation _together;
    private readonly ICommunicator _wire;
    private readonly ParameterArena _arena;
    private readonly GradientBucket[] _buckets;
    private readonly BucketSums _sums;
    private readonly int[] _merges; // fixed order: sums due behind each own micro-batch
    private readonly FlatTensors[] _kept; // gradients of micro-batches, or own parts of their sums, that wait for more
    private readonly SemaphoreSlim _work = new(0),
        _done = new(0);
    private readonly Thread? _thread;
    private readonly Action<int> _passed;
    private readonly int _leaves; // own micro-batches of a step
    private int _keptCount,
        _released,
        _leaf;
    private readonly SemaphoreSlim _summed = new(0); // sharded weights: buckets
    private int _drained;
    private volatile bool _ending;
    private volatile Exception? _failure;
    private long _ticks;

    /// <summary>Cuts the gradients of what is trained.</summary>
    /// <param name="trained">what is trained, in one arena</param>
    /// <param name="headIsApart">whether lm_head is a parameter of its own that is read behind the blocks alone</param>
    /// <param name="microBatches">those of a step, over all processes</param>
    /// <param name="together">the processes</param>
    /// <param name="wholeMatrices">whether sharded matrices inside blocks belong to one process as wholes, as Muon wants them</param>
    public SharedGradients(Parameters trained, bool headIsApart, int microBatches, Cooperation together, bool wholeMatrices = false)
    {
        _together = together;
        ICommunicator ranks = together.Ranks;
        Parameter[] moved = [.. trained.Where(p => p.Tensor.RequiresGrad)];
        _arena =
            moved.Length > 0 && ParameterArena.Find(moved[0].Tensor) is { } arena && moved.All(p => ParameterArena.Find(p.Tensor) == arena)
                ? arena
                : throw new InvalidDataException("several processes train float32 parameters in one arena; these are not");
        Dictionary<Tensor, Parameter> names = moved.ToDictionary(p => p.Tensor);
        Parameters = [.. _arena.Parameters.Select(t => names[t])];
        _buckets = GradientBuckets.Cut(
            _arena,
            [.. Parameters.Select(p => p.Name)],
            headIsApart,
            (long)(together.Options.BucketMegabytes * (1 << 18)),
            ranks.Size,
            together.ShardsWeights,
            together.ShardsMoments && wholeMatrices ? p => Muon.Takes(Parameters[p]) : null
        );
        Reached = new bool[Parameters.Count];
        (int first, int end) = together.Own(microBatches);
        _leaves = end - first;
        _merges =
            together.Options.FixedOrder ? OrderedSum.Merges(_leaves)
            : together.ShardsWeights ? [0, .. Enumerable.Repeat(1, _leaves - 1)]
            : [];
        Shape[] waiting =
        [
            .. together.ShardsWeights
                ? _buckets.Select(b => new Shape((int)b.Part(ranks.Rank).Length))
                : _arena.Parameters.Select(t => t.Shape),
        ];
        _kept = [.. Enumerable.Range(0, Depth(_merges)).Select(_ => new FlatTensors(moved[0].Tensor.Device, waiting))];
        _passed = Pass;
        _wire = ranks.Duplicate();
        _sums = new BucketSums(_buckets, _wire, together.Options);
        if (ranks.Size > 1)
        {
            _thread = new Thread(Work, 1 << 20) { IsBackground = true, Name = "ink gradients" };
            _thread.Start();
        }
        Weights = together.ShardsWeights ? new ShardedWeights(this, ranks) : null;
    }

    /// <summary>The weights of blocks, where each process keeps its own parts alone.</summary>
    internal ShardedWeights? Weights { get; }

    /// <summary>What is trained, in the order in which it lies.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Where it lies.</summary>
    public ParameterArena Arena => _arena;

    /// <summary>The buckets.</summary>
    internal IReadOnlyList<GradientBucket> Buckets => _buckets;

    /// <summary>Which parameters a gradient has reached in this step: in this process, and in all once they have met.</summary>
    public bool[] Reached { get; }

    /// <summary>Seconds that the sums of the last step took.</summary>
    public double Seconds => (double)_ticks / Stopwatch.Frequency;

    /// <summary>Those of them in which nothing was computed.</summary>
    public double WaitSeconds { get; private set; }

    /// <summary>Begins a step.</summary>
    public void Begin()
    {
        Array.Clear(Reached);
        (_keptCount, _released, _leaf, _ticks, WaitSeconds) = (0, 0, 0, 0, 0);
    }

    /// <summary>Before an own micro-batch. From the last one on, with sharded weights from each, what is whole travels.</summary>
    /// <param name="tape">tells what has been gone through</param>
    /// <param name="last">whether no own micro-batch behind it has anything to learn from</param>
    public void Listen(Tape tape, bool last)
    {
        if (_thread is not null && (Weights is not null || (last && (_merges.Length == 0 || _leaf == _leaves - 1))))
        {
            _wire.Patient = true;
            tape.Passed = _passed;
        }
    }

    /// <summary>An own micro-batch has been gone through, or there was nothing in it.</summary>
    public void Leaf(Tape tape)
    {
        tape.Passed = null;
        if (Weights is not null)
        {
            EndSharded();
            return;
        }
        if (_merges.Length == 0 || ++_leaf == _leaves)
        {
            return; // what remains is merged bucket by bucket
        }
        for (int p = 0; p < Reached.Length; p++)
        {
            Reached[p] |= _arena.CompleteGradient(p);
        }
        for (int i = 0; i < _buckets.Length; i++)
        {
            FlatRange range = _buckets[i].Range;
            Span<float> gradient = _arena.HostGradients(range);
            Merge(range, gradient, _merges[_leaf - 1]);
            gradient.CopyTo(_kept[_keptCount - _merges[_leaf - 1]].HostSpan(range));
        }
        _keptCount += 1 - _merges[_leaf - 1];
        for (int p = 0; p < Reached.Length; p++)
        {
            Parameters[p].Tensor.ZeroGrad();
        }
    }

    /// <summary>The own parts of the micro-batch's gradients are summed over all processes and kept; the rest has gone back to the
    /// machine.</summary>
    private void EndSharded()
    {
        Pass(int.MinValue);
        Weights!.End();
        Drain(_buckets.Length);
        WaitDone();
        _keptCount += 1 - _merges[_leaf];
        bool last = ++_leaf == _leaves;
        for (int p = 0; p < Reached.Length; p++)
        {
            _arena.Seal(p, false);
            if (!last)
            {
                Parameters[p].Tensor.ZeroGrad();
            }
        }
        _released = last ? _released : 0;
        _drained = 0;
    }

    /// <summary>Waits until so many of the buckets that have been released are summed.</summary>
    private void Drain(int buckets)
    {
        long began = Stopwatch.GetTimestamp();
        _wire.Patient = false;
        for (; _drained < buckets; _drained++)
        {
            _summed.Wait();
        }
        _wire.Patient = true;
        WaitSeconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private void WaitDone()
    {
        _wire.Patient = false;
        long began = Stopwatch.GetTimestamp();
        _done.Wait();
        WaitSeconds += Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (_failure is { } failure)
        {
            throw new InvalidOperationException("gradients could not be summed: " + failure.Message, failure);
        }
    }

    /// <summary>Waits until all gradients are those of all processes.</summary>
    public void Finish()
    {
        if (Weights is not null)
        {
            return;
        }
        Pass(int.MinValue);
        if (_thread is null)
        {
            foreach (GradientBucket bucket in _buckets)
            {
                Merge(bucket.Range, _arena.HostGradients(bucket.Range), _keptCount);
            }
        }
        else
        {
            WaitDone();
        }
        for (int p = 0; p < Reached.Length; p++)
        {
            _arena.Seal(p, false);
        }
    }

    /// <summary>Gives all ranks the weights that each has moved in its parts, but for those that are gathered when they are read.</summary>
    public void GatherWeights()
    {
        for (int i = 0; i < _buckets.Length; i++)
        {
            if (Weights is not null && _buckets[i].OfOneBlock)
            {
                continue;
            }
            _wire.AllGather(MemoryMarshal.AsBytes(_arena.HostWeights(_buckets[i].Range)), _buckets[i].Bytes(sizeof(float)));
        }
    }

    /// <summary>Does what reads the model outside of a training step: sharded weights are gathered for it, on all processes.</summary>
    internal void WithWhole(Action work)
    {
        Weights?.Whole();
        work();
        Weights?.Shard();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights?.Dispose();
        _ending = true;
        _work.Release();
        _thread?.Join(TimeSpan.FromSeconds(1));
        foreach (FlatTensors kept in _kept)
        {
            kept.Dispose();
        }
    }

    private static int Depth(int[] merges)
    {
        int depth = 0,
            most = 0;
        foreach (int merge in merges.SkipLast(1))
        {
            depth += 1 - merge;
            most = Math.Max(most, depth);
        }
        return most;
    }

    /// <summary>The backward pass has gone through a block and all behind it.</summary>
    private void Pass(int layer)
    {
        int before = _released;
        for (; _released < _buckets.Length && _buckets[_released].Layer >= layer; _released++)
        {
            (int first, int end) = _buckets[_released].Parameters;
            for (int p = first; p < end; p++)
            {
                if (!_arena.IsSealed(p)) // by the bucket that holds its other part
                {
                    Reached[p] |= _arena.CompleteGradient(p);
                    _arena.Seal(p, true);
                }
            }
            if (_thread is not null)
            {
                _work.Release();
            }
        }
        if (Weights is { } weights && layer >= 0)
        {
            weights.Passed(layer);
            Drain(before); // no more than a block's gradients wait for the wire
        }
    }

    /// <summary>Adds gradients that were kept, the last first; they stay kept until the step ends or others take their places.</summary>
    private void Merge(FlatRange range, Span<float> gradient, int count)
    {
        for (int i = 0; i < count; i++)
        {
            OrderedSum.Add(gradient, _kept[_keptCount - 1 - i].HostSpan(range));
        }
    }

    private void Work()
    {
        while (true)
        {
            for (int i = 0; i < _buckets.Length; i++)
            {
                _work.Wait();
                if (_ending)
                {
                    return;
                }
                long began = Stopwatch.GetTimestamp();
                try
                {
                    if (_failure is null)
                    {
                        Sum(i);
                    }
                }
                catch (Exception e)
                {
                    _failure = e;
                }
                _ticks += Stopwatch.GetTimestamp() - began;
                if (Weights is not null)
                {
                    _summed.Release();
                }
            }
            _done.Release();
        }
    }

    private void Sum(int i)
    {
        GradientBucket bucket = _buckets[i];
        Span<float> gradient = _arena.HostGradients(bucket.Range);
        if (Weights is null)
        {
            Merge(bucket.Range, gradient, _keptCount);
        }
        _sums.Sum(i, gradient);
        if (Weights is not null)
        {
            Keep(i, _sums.Own(i, gradient));
        }
    }

    /// <summary>Adds what was kept of the micro-batches before to the own part of a bucket, and keeps the sum unless the last one has come;
    /// gradients that are not needed any more go back to the machine.</summary>
    private void Keep(int i, Span<float> own)
    {
        (FlatRange before, FlatRange behind) = _buckets[i].Others(_together.Ranks.Rank);
        _arena.GiveBackGradients(before);
        _arena.GiveBackGradients(behind);
        for (int m = 1; m <= _merges[_leaf]; m++)
        {
            OrderedSum.Add(own, Kept(_keptCount - m));
        }
        if (_leaf < _leaves - 1)
        {
            own.CopyTo(Kept(_keptCount - _merges[_leaf]));
            _arena.GiveBackGradients(_buckets[i].Part(_together.Ranks.Rank));
        }

        Span<float> Kept(int place) =>
            _kept[place].HostSpan(new FlatRange(_kept[place].Start(i), _buckets[i].Part(_together.Ranks.Rank).Length));
    }
}
