namespace Inkstone.Tensors.Tests;

/// <summary>One gradient-descent step of a one-block language model: every op that a transformer uses, with tied embeddings.</summary>
internal sealed class TrainingStep : IDisposable
{
    private const int B = 2,
        T = 48,
        C = 64,
        Heads = 4,
        KeyValueHeads = 2,
        HeadDim = C / Heads,
        Hidden = 96,
        Vocabulary = 300;
    private const float Rate = 0.5f;

    private readonly Device _device;
    private readonly List<Tensor> _parameters = [];
    private readonly RotaryTable _rotary = RotaryTable.Default(HeadDim, 10_000);
    private readonly Tensor _embedding,
        _norm1,
        _q,
        _k,
        _v,
        _o,
        _norm2,
        _gate,
        _up,
        _down,
        _norm3;
    private readonly int[] _ids = OpInput.Integers(B * T, 1, Vocabulary),
        _labels = OpInput.Integers(B * T, 2, Vocabulary),
        _positions = new int[B * T],
        _starts = new int[B * T];

    public TrainingStep(Device device)
    {
        _device = device;
        _embedding = Parameter(new Shape(Vocabulary, C));
        _norm1 = Parameter(new Shape(C), 1);
        _q = Parameter(new Shape(Heads * HeadDim, C));
        _k = Parameter(new Shape(KeyValueHeads * HeadDim, C));
        _v = Parameter(new Shape(KeyValueHeads * HeadDim, C));
        _o = Parameter(new Shape(C, Heads * HeadDim));
        _norm2 = Parameter(new Shape(C), 1);
        _gate = Parameter(new Shape(Hidden, C));
        _up = Parameter(new Shape(Hidden, C));
        _down = Parameter(new Shape(C, Hidden));
        _norm3 = Parameter(new Shape(C), 1);
        for (int i = 0; i < B * T; i++)
        {
            _positions[i] = i % T;
            _starts[i] = i % T < 20 ? 0 : 20;
            _labels[i] = i % 5 == 0 ? Ops.IgnoreLabel : _labels[i];
        }
    }

    /// <summary>Forward, backward, update; returns the loss before the update.</summary>
    public float Run()
    {
        float loss;
        using (_device.Step(record: true))
        {
            Tensor positions = _device.Rent(new Shape(B, T), _positions),
                starts = _device.Rent(new Shape(B, T), _starts);
            Tensor x = Ops.Embedding(_embedding, _device.Rent(new Shape(B, T), _ids)); // [B, T, C]
            Tensor n = Ops.RmsNorm(x, _norm1, 1e-5f);
            Tensor q = Ops.Rope(Ops.Linear(n, _q), Heads, positions, _rotary);
            Tensor k = Ops.Rope(Ops.Linear(n, _k), KeyValueHeads, positions, _rotary);
            Tensor y = Ops.Attention(q, k, Ops.Linear(n, _v), Heads, KeyValueHeads, 0.25f, starts);
            Tensor h = Ops.Linear(y, _o, residual: x);
            n = Ops.Dropout(Ops.RmsNorm(h, _norm2, 1e-5f), 0.1f, new PhiloxRandom(1, 1));
            h = Ops.Add(h, Ops.Linear(Ops.SwiGlu(Ops.Linear(n, _gate), Ops.Linear(n, _up)), _down));
            Tensor root = Ops.LinearCrossEntropy(Ops.RmsNorm(h, _norm3, 1e-5f), _embedding, _device.Rent(new Shape(B, T), _labels), B * T);
            _device.Tape.Backward(root);
            loss = root.Item();
        }
        foreach (Tensor parameter in _parameters)
        {
            Span<float> w = parameter.Span,
                g = parameter.Grad!.Span;
            for (int i = 0; i < w.Length; i++)
            {
                w[i] -= Rate * g[i];
            }
            parameter.ZeroGrad();
        }
        return loss;
    }

    public void Dispose() => _parameters.ForEach(parameter => parameter.Dispose());

    private Tensor Parameter(Shape shape, float? constant = null)
    {
        float[] values = OpInput.Numbers(shape.Count, _parameters.Count, -0.2f, 0.2f);
        Tensor tensor = Tensor.From(_device, shape, constant is { } value ? [.. values.Select(_ => value)] : values, requiresGrad: true);
        _parameters.Add(tensor);
        return tensor;
    }
}
