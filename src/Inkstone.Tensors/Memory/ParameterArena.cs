namespace Inkstone.Tensors;

/// <summary>
/// Flat buffers for the weights and the gradients of what is trained: parameters and their gradients are views into them, at the same
/// places in both, those of a group side by side.
/// One buffer is one message to other processes, and one range of it is what one of them owns.
/// </summary>
/// <remarks>A parameter keeps its place until it is disposed; the memory is freed with the last of them. What is not trained, or does not
/// lie in float32, stays where it is.</remarks>
public sealed class ParameterArena : IDisposable
{
    private readonly Tensor[] _parameters;
    private readonly FlatTensors _weights,
        _gradients;
    private readonly List<FlatRange> _groups = [];
    private int _living;

    private ParameterArena(Tensor[] parameters, int[] groups)
    {
        Shape[] shapes = [.. parameters.Select(p => p.Shape)];
        _parameters = parameters;
        _weights = new FlatTensors(parameters[0].Device, shapes);
        _gradients = new FlatTensors(parameters[0].Device, shapes);
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i].MoveTo(this, _weights[i], _gradients[i]);
            long end = i + 1 < parameters.Length ? _weights.Start(i + 1) : _weights.Length;
            if (i == 0 || groups[i] != groups[i - 1])
            {
                _groups.Add(new FlatRange(_weights.Start(i), 0));
            }
            _groups[^1] = new FlatRange(_groups[^1].Start, end - _groups[^1].Start);
        }
        _living = parameters.Length;
    }

    /// <summary>Elements of a buffer, padding between parameters included.</summary>
    public long Length => _weights.Length;

    /// <summary>The ranges of the groups, in ascending order of the groups.</summary>
    public IReadOnlyList<FlatRange> Groups => _groups;

    /// <summary>Parameters, in the order in which they lie.</summary>
    public IReadOnlyList<Tensor> Parameters => _parameters;

    /// <summary>
    /// Moves into an arena what is trained in float32 and does not lie in one yet: by group, and within a group in the given order.
    /// </summary>
    /// <param name="parameters">what may be trained</param>
    /// <param name="group">the group of the parameter at an index, e.g. by whether it decays</param>
    /// <returns>The new arena; null where there is nothing to move.</returns>
    public static ParameterArena? Place(IReadOnlyList<Tensor> parameters, Func<int, int> group)
    {
        int[] moved = [.. Enumerable.Range(0, parameters.Count).Where(i => parameters[i].CanMove).OrderBy(group)];
        return moved.Length == 0 ? null : new ParameterArena([.. moved.Select(i => parameters[i])], [.. moved.Select(group)]);
    }

    /// <summary>The arena in which a parameter lies, or null.</summary>
    public static ParameterArena? Find(Tensor parameter) => parameter.Source.Arena;

    /// <summary>The buffers cut into <paramref name="n"/> ranges on the borders of cache lines, of equal length but for a line: what each
    /// of n processes owns of a sharded optimizer.</summary>
    public FlatRange[] Slices(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        long lines = Length / FlatTensors.Line;
        return
        [
            .. Enumerable
                .Range(0, n)
                .Select(i => (From: i * lines / n, To: (i + 1) * lines / n))
                .Select(s => new FlatRange(s.From * FlatTensors.Line, (s.To - s.From) * FlatTensors.Line)),
        ];
    }

    /// <summary>Where a parameter lies, padding behind it included.</summary>
    public FlatRange RangeOf(int parameter)
    {
        long start = _weights.Start(parameter),
            end = parameter + 1 < _parameters.Length ? _weights.Start(parameter + 1) : Length;
        return new FlatRange(start, end - start);
    }

    /// <summary>A part of a parameter as a tensor of its own, whose gradient is that part of the parameter's, always defined: what one of
    /// several processes moves.</summary>
    /// <param name="parameter">number of the parameter</param>
    /// <param name="start">first element, counted in the parameter</param>
    /// <param name="count">number of elements</param>
    /// <returns>The parameter's shape where it is the whole of it; else [1, count] of one of two or more dimensions, [count] of a
    /// vector.</returns>
    public Tensor Segment(int parameter, long start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, _parameters[parameter].Count);
        Shape shape =
            count == _parameters[parameter].Count ? _parameters[parameter].Shape
            : _parameters[parameter].Shape.Rank >= 2 ? new Shape(1, count)
            : new Shape(count);
        return Tensor.Segment(_weights[parameter], _gradients[parameter], start, shape);
    }

    /// <summary>Says whether a gradient has reached the parameter of a <see cref="Segment"/>; where none has, optimizers pass it
    /// over.</summary>
    public static void Define(Tensor segment, bool reached) => segment.DefineGrad(reached);

    /// <summary>Refuses further contributions to a parameter's gradient, because it is on its way to other processes; or allows them
    /// again.</summary>
    public void Seal(int parameter, bool closed) => _parameters[parameter].GradIsSealed = closed;

    /// <summary>Whether a parameter's gradient is sealed.</summary>
    public bool IsSealed(int parameter) => _parameters[parameter].GradIsSealed;

    /// <summary>Gives zeros to a parameter that no gradient has reached; tells whether one had.</summary>
    public bool CompleteGradient(int parameter)
    {
        if (_parameters[parameter].Grad is not null)
        {
            return true;
        }
        Ops.Fill(_parameters[parameter].AddGrad(out _), 0);
        return false;
    }

    /// <summary>Gives zeros to parameters that no gradient has reached, so that the whole buffer of gradients is defined and every process
    /// sums the same parameters.</summary>
    public void CompleteGradients()
    {
        for (int i = 0; i < _parameters.Length; i++)
        {
            CompleteGradient(i);
        }
    }

    /// <summary>A range of the gradients as memory of the host, for a collective; defined after <see cref="CompleteGradients"/>.</summary>
    public Span<float> HostGradients(FlatRange range) => _gradients.HostSpan(range);

    /// <summary>A range of the weights as memory of the host, for a collective.</summary>
    public Span<float> HostWeights(FlatRange range) => _weights.HostSpan(range);

    /// <summary>Prepares both buffers for <see cref="GiveBackWeights"/> and <see cref="GiveBackGradients"/>.</summary>
    public void TakeSmallPages()
    {
        _weights.TakeSmallPages();
        _gradients.TakeSmallPages();
    }

    /// <summary>Gives pages of weights back to the machine: see <see cref="FlatTensors.GiveBack"/>.</summary>
    public void GiveBackWeights(FlatRange range) => _weights.GiveBack(range);

    /// <summary>Gives pages of gradients back to the machine.</summary>
    public void GiveBackGradients(FlatRange range) => _gradients.GiveBack(range);

    /// <summary>Makes reading a parameter an error, because its weights are not here, or allows it again.</summary>
    public void Show(int parameter, bool shown) => _parameters[parameter].ShowAt(shown ? _weights[parameter] : null);

    /// <summary>A parameter was disposed.</summary>
    internal void Leave()
    {
        if (--_living == 0)
        {
            Dispose();
        }
    }

    /// <summary>Frees the buffers; parameters that still lie in them cannot be used any more. The last parameter that is disposed does it
    /// too.</summary>
    public void Dispose()
    {
        _weights.Dispose();
        _gradients.Dispose();
    }
}
