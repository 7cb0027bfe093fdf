using System.Runtime.InteropServices;
using Inkstone.Distributed;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// Weights of blocks of which each process keeps its own parts (ZeRO-3, arXiv:1910.02054). A micro-batch goes through all blocks forward,
/// then backward; a thread of its own gathers the weights of a block from all processes while the block before is computed, and behind a
/// block what is others' goes back to the machine. All processes gather the same blocks in the same order, whatever they compute. Addresses
/// stay, so nothing else knows of it; reading a block that is not here throws. What lies outside the blocks, and vectors, stays whole.
/// </summary>
internal sealed class ShardedWeights : IDisposable
{
    private readonly SharedGradients _gradients;
    private readonly ICommunicator _wire;
    private readonly int _rank;
    private readonly (int Block, GradientBucket[] Buckets)[] _blocks;
    private readonly SemaphoreSlim _wanted = new(0),
        _gathered = new(0);
    private readonly Thread _thread;
    private int _at = -1; // turn of this micro-batch: blocks forward, then backward
    private volatile bool _ending;
    private volatile Exception? _failure;

    public ShardedWeights(SharedGradients gradients, ICommunicator ranks)
    {
        (_gradients, _rank, _wire) = (gradients, ranks.Rank, ranks.Duplicate());
        _blocks =
        [
            .. gradients.Buckets.Where(b => b.OfOneBlock).GroupBy(b => b.Layer).OrderBy(g => g.Key).Select(g => (g.Key, g.ToArray())),
        ];
        gradients.Arena.TakeSmallPages();
        if (_blocks.Length == 0)
        {
            throw new InvalidDataException("distributed.zero 3 shards matrices of blocks, and none is trained here: take zero: 1");
        }
        _thread = new Thread(Gather, 1 << 20) { IsBackground = true, Name = "ink weights" };
        _thread.Start();
    }

    /// <summary>Weights that are sharded.</summary>
    public long Elements => _blocks.Sum(b => b.Buckets.Sum(bucket => bucket.Range.Length));

    /// <summary>Those of the largest block.</summary>
    public long LargestBlock => _blocks.Max(b => b.Buckets.Sum(bucket => bucket.Range.Length));

    private int Turns => 2 * _blocks.Length;

    private int BlockOf(int turn) => turn < _blocks.Length ? turn : Turns - 1 - turn;

    /// <summary>Gives back all that is others'.</summary>
    public void Shard()
    {
        for (int i = 0; i < _blocks.Length; i++)
        {
            GiveBack(i);
        }
    }

    /// <summary>Gathers all blocks, outside of micro-batches.</summary>
    public void Whole()
    {
        for (int i = 0; i < _blocks.Length; i++)
        {
            Fetch(i);
            Show(i, true);
        }
    }

    /// <summary>A micro-batch begins.</summary>
    public void Begin()
    {
        _at = -1;
        _wanted.Release();
    }

    /// <summary>A block is about to be gone through forward: waits for its weights.</summary>
    public void Enter(int block)
    {
        if (IndexOf(block) is >= 0 and var i)
        {
            Advance(
                _at <= i
                    ? i
                    : throw new InvalidOperationException(
                        "distributed.zero 3 is for objectives that go through the model once for each micro-batch; this one does so again: take zero: 1"
                    )
            );
        }
    }

    /// <summary>A block and all behind it have been gone through backward: waits for the weights of the one before.</summary>
    public void Passed(int block)
    {
        if (IndexOf(block) is >= 0 and var i)
        {
            Advance(Math.Max(_at, Turns - i));
        }
    }

    /// <summary>The micro-batch is over, whatever of it was computed here.</summary>
    public void End() => Advance(Turns);

    private int IndexOf(int block) => Array.FindIndex(_blocks, b => b.Block == block);

    private void Advance(int turn)
    {
        _wire.Patient = false; // this thread waits
        while (_at < turn)
        {
            if (_at >= 0 && (_at + 1 == Turns || BlockOf(_at) != BlockOf(_at + 1)))
            {
                GiveBack(BlockOf(_at));
            }
            if (++_at < Turns)
            {
                if (_at + 1 < Turns)
                {
                    _wanted.Release(); // the next one, while this one is computed
                }
                _gathered.Wait();
                if (_failure is { } failure)
                {
                    throw new InvalidOperationException("weights could not be gathered: " + failure.Message, failure);
                }
                Show(BlockOf(_at), true);
            }
        }
        _wire.Patient = true;
    }

    private void Gather()
    {
        while (true)
        {
            for (int turn = 0; turn < Turns; turn++)
            {
                _wanted.Wait();
                if (_ending)
                {
                    return;
                }
                try
                {
                    if (_failure is null && turn != _blocks.Length) // the last block is still here when the way back begins
                    {
                        Fetch(BlockOf(turn));
                    }
                }
                catch (Exception e)
                {
                    _failure = e;
                }
                _gathered.Release();
            }
        }
    }

    private void Fetch(int i)
    {
        foreach (GradientBucket bucket in _blocks[i].Buckets)
        {
            _wire.AllGather(MemoryMarshal.AsBytes(_gradients.Arena.HostWeights(bucket.Range)), bucket.Bytes(sizeof(float)));
        }
    }

    private void GiveBack(int i)
    {
        Show(i, false);
        foreach (GradientBucket bucket in _blocks[i].Buckets)
        {
            (FlatRange before, FlatRange behind) = bucket.Others(_rank);
            _gradients.Arena.GiveBackWeights(before);
            _gradients.Arena.GiveBackWeights(behind);
        }
    }

    private void Show(int i, bool shown)
    {
        foreach (GradientBucket bucket in _blocks[i].Buckets)
        {
            for (int p = bucket.Parameters.First; p < bucket.Parameters.End; p++)
            {
                _gradients.Arena.Show(p, shown);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending = true;
        _wanted.Release();
        _thread.Join(TimeSpan.FromSeconds(1));
    }
}
