using System.Runtime.InteropServices;

namespace Inkstone.Tensors;

/// <summary>
/// Reverse-mode differentiation: ops append a <see cref="Node"/> while recording, <see cref="Backward"/> walks them from last to first.
/// </summary>
/// <remarks>
/// Every consumer of a result stands after its producer, so when the walk reaches a node its output's gradient is whole, and after the node
/// neither the output nor its gradient is needed again: both are returned to the arena at once. Read values you need (the loss) from the
/// root,
/// which is kept until the step ends.
/// </remarks>
public sealed class Tape
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<Type, NodePool> _pools = [];

    private readonly List<(int Node, int Part)> _marks = [];
    private readonly List<Tensor> _handedOut = []; // by the first passes of blocks that are computed again
    private bool _suspended;
    private int _next; // number of the tensor that the block handed out next in its first pass
    private Tensor? _root;

    internal Tape() { }

    /// <summary>Whether ops are recorded.</summary>
    public bool Recording { get; internal set; }

    /// <summary>Whether a step is recorded, also where a part of it is not because it will be computed again.</summary>
    public bool Training => Recording || _suspended;

    /// <summary>Whether a block is computed for the second time: what it counted the first time must not be counted again.</summary>
    public bool Recomputing { get; private set; }

    /// <summary>
    /// Hears in the backward pass of each part that was marked (see <see cref="Mark"/>): what only this part and those behind it read has
    /// its whole gradient. Null: nobody listens.
    /// </summary>
    public Action<int>? Passed { get; set; }

    /// <summary>Number of recorded ops.</summary>
    public int Count => _nodes.Count;

    /// <summary>True when an op of these inputs must be recorded.</summary>
    internal bool Wants(Tensor a) => Recording && a.RequiresGrad;

    internal bool Wants(Tensor a, Tensor b) => Recording && (a.RequiresGrad || b.RequiresGrad);

    internal bool Wants(Tensor a, Tensor b, Tensor c) => Recording && (a.RequiresGrad || b.RequiresGrad || c.RequiresGrad);

    /// <summary>A fresh node for <paramref name="output"/>, appended to the tape.</summary>
    internal T Record<T>(Tensor output)
        where T : Node, new()
    {
        if (!_pools.TryGetValue(typeof(T), out NodePool? pool))
        {
            _pools[typeof(T)] = pool = new NodePool();
        }
        Node node = pool.Next<T>();
        node.Output = output;
        output.RequiresGrad = true;
        _nodes.Add(node);
        return (T)node;
    }

    /// <summary>Marks where a part of a model begins, a block say; where it is gone through twice, the first time counts.</summary>
    public void Mark(int part)
    {
        if (!Recording || Passed is null)
        {
            return;
        }
        for (int i = 0; i < _marks.Count; i++)
        {
            if (_marks[i].Part == part)
            {
                return;
            }
        }
        _marks.Add((_nodes.Count, part));
    }

    /// <summary>Gradient of <paramref name="root"/> (one element, scaled by <paramref name="seed"/>) by everything that was
    /// recorded.</summary>
    public void Backward(Tensor root, float seed = 1)
    {
        root.AddGrad(out _).Span.Fill(seed);
        _root = root;
        BackwardTo(0);
        Clear();
    }

    /// <summary>Walks back over the nodes from the last to number <paramref name="first"/> and takes them off the tape.</summary>
    internal void BackwardTo(int first)
    {
        for (int i = _nodes.Count - 1; i >= first; i--)
        {
            Node node = _nodes[i];
            Tensor output = node.Output;
            if (node.IsReached)
            {
                node.Backward();
            }
            node.Release();
            if (output != _root)
            {
                output.Grad?.Release();
                output.Release();
            }
            while (_marks.Count > 0 && _marks[^1].Node >= i)
            {
                int part = _marks[^1].Part;
                _marks.RemoveAt(_marks.Count - 1);
                Passed?.Invoke(part);
            }
        }
        _nodes.RemoveRange(first, _nodes.Count - first);
    }

    /// <summary>
    /// To be called by a block for what it hands out beside its result. Where the block is computed again, what was made the first time
    /// stays for others to read,
    /// and the gradient that they give it goes to what is made the second time.
    /// </summary>
    public void AddSideOutput(Tensor tensor)
    {
        if (_suspended)
        {
            tensor.RequiresGrad = tensor.DType != DType.Int32; // what it is made of is not recorded yet
            _handedOut.Add(tensor);
        }
        else if (Recomputing)
        {
            Tensor first = _handedOut[_next++];
            if (first.WideGrad() is { } gradient)
            {
                if (!tensor.TryMoveGrad(gradient))
                {
                    throw new InvalidOperationException($"a block that made {first.Shape} made {tensor.Shape} when it was computed again");
                }
                first.ForgetGrad();
            }
        }
    }

    /// <summary>What the first passes of blocks have handed out so far, in order.</summary>
    internal ReadOnlySpan<Tensor> HandedOut => CollectionsMarshal.AsSpan(_handedOut);

    /// <summary>Begins the second pass of a block whose first pass handed out tensors from number <paramref name="first"/> on.</summary>
    internal void BeginAgain(int first) => (Recomputing, _next) = (true, first);

    /// <summary>Ends the second pass of a block whose first pass handed out tensors up to number <paramref name="end"/>.</summary>
    internal void EndAgain(int end) =>
        Recomputing =
            _next == end
                ? false
                : throw new InvalidOperationException("a block handed out fewer or more tensors when it was computed again");

    /// <summary>
    /// A scope in which a recorded step computes without recording, with the arithmetic of what it records: <c>using (tape.Paused()) { …
    /// }</c>.
    /// Another pass over the model, to compare with, say.
    /// </summary>
    public TapePause Paused()
    {
        TapePause pause = new(this, Recording);
        if (Recording)
        {
            Suspend();
        }
        return pause;
    }

    /// <summary>Stops recording for a part that the backward pass computes again.</summary>
    internal void Suspend() => (Recording, _suspended) = (false, true);

    /// <summary>Records again.</summary>
    internal void Resume() => (Recording, _suspended) = (true, false);

    /// <summary>Forgets what was recorded.</summary>
    internal void Clear()
    {
        foreach (NodePool pool in _pools.Values)
        {
            pool.Reset();
        }
        _nodes.Clear();
        _root = null;
        _handedOut.Clear();
        _marks.Clear();
        (_suspended, Recomputing) = (false, false);
    }

    private sealed class NodePool
    {
        private readonly List<Node> _items = [];
        private int _used;

        public Node Next<T>()
            where T : Node, new()
        {
            if (_used == _items.Count)
            {
                _items.Add(new T());
            }
            return _items[_used++];
        }

        public void Reset() => _used = 0;
    }
}

/// <summary>The scope of <see cref="Tape.Paused"/>.</summary>
public readonly ref struct TapePause
{
    private readonly Tape _tape;
    private readonly bool _recorded;

    internal TapePause(Tape tape, bool recorded) => (_tape, _recorded) = (tape, recorded);

    /// <summary>Records again, where it did before.</summary>
    public void Dispose()
    {
        if (_recorded)
        {
            _tape.Resume();
        }
    }
}
