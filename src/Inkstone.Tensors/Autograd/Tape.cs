namespace Inkstone.Tensors;

/// <summary>
/// Reverse-mode differentiation: ops append a <see cref="Node"/> while recording, <see cref="Backward"/> walks them from last to first.
/// </summary>
/// <remarks>
/// Every consumer of a result stands after its producer, so when the walk reaches a node its output's gradient is whole, and after the node
/// neither the output nor its gradient is needed again: both are returned to the arena at once. Read values you need (the loss) from the root,
/// which is kept until the step ends.
/// </remarks>
public sealed class Tape
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<Type, NodePool> _pools = [];

    private bool _suspended;
    private Tensor? _root;

    internal Tape() { }

    /// <summary>Whether ops are recorded.</summary>
    public bool Recording { get; internal set; }

    /// <summary>Whether a step is recorded, also where a part of it is not because it will be computed again.</summary>
    public bool Training => Recording || _suspended;

    /// <summary>Number of recorded ops.</summary>
    public int Count => _nodes.Count;

    /// <summary>True when an op of these inputs must be recorded.</summary>
    internal bool Wants(Tensor a) => Recording && a.RequiresGrad;

    internal bool Wants(Tensor a, Tensor b) => Recording && (a.RequiresGrad || b.RequiresGrad);

    internal bool Wants(Tensor a, Tensor b, Tensor c) => Recording && (a.RequiresGrad || b.RequiresGrad || c.RequiresGrad);

    /// <summary>A fresh node for <paramref name="output"/>, appended to the tape.</summary>
    internal T Record<T>(Tensor output) where T : Node, new()
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

    /// <summary>Gradient of <paramref name="root"/> (one element, scaled by <paramref name="seed"/>) by everything that was recorded.</summary>
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
            if (output.Grad is not null)
            {
                node.Backward();
            }
            node.Release();
            if (output != _root)
            {
                output.Grad?.Release();
                output.Release();
            }
        }
        _nodes.RemoveRange(first, _nodes.Count - first);
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
        _suspended = false;
    }

    private sealed class NodePool
    {
        private readonly List<Node> _items = [];
        private int _used;

        public Node Next<T>() where T : Node, new()
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
