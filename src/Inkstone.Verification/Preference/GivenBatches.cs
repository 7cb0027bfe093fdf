using Inkstone.Data;

namespace Inkstone.Verification;

/// <summary>Micro-batches that are given, again and again in their order.</summary>
/// <param name="count">how many there are</param>
/// <param name="create">an empty one</param>
/// <param name="fill">fills one with the contents of a number</param>
internal sealed class GivenBatches<TBatch>(int count, Func<TBatch> create, Action<TBatch, int> fill) : IBatchSource<TBatch>
    where TBatch : ITrainingBatch
{
    public long RowCount => count;

    public int RowLength => 1;

    public LoaderState State { get; set; }

    public bool PassEnded => false;

    public TBatch NewBatch(int rows) => create();

    public bool Next(TBatch batch)
    {
        fill(batch, (int)(State.Position % count));
        State = State with { Position = State.Position + 1 };
        return true;
    }
}
