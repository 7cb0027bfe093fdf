using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>The state of a run's optimizers as a checkpoint holds it, whole; what was gathered for it is freed with it.</summary>
internal sealed class CheckpointMoments : IDisposable
{
    private readonly List<Parameter> _gathered = [];

    private CheckpointMoments(IReadOnlyList<IOptimizer> optimizers)
    {
        List<(long, IEnumerable<Parameter>)> all = [];
        foreach (IOptimizer optimizer in optimizers)
        {
            if (optimizer is ShardedOptimizer sharded)
            {
                IReadOnlyList<Parameter> whole = sharded.Gather();
                _gathered.AddRange(whole);
                all.Add((sharded.StepCount, whole));
            }
            else
            {
                all.Add((optimizer.StepCount, optimizer.State));
            }
        }
        All = all;
    }

    /// <summary>Steps and state of each optimizer; on the first process.</summary>
    public IReadOnlyList<(long StepCount, IEnumerable<Parameter> State)> All { get; }

    /// <summary>Gathers what is sharded: all processes take part.</summary>
    public static CheckpointMoments Collect(IReadOnlyList<IOptimizer> optimizers) => new(optimizers);

    /// <inheritdoc/>
    public void Dispose() => _gathered.ForEach(p => p.Tensor.Dispose());
}
