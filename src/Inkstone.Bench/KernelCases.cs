using System.Globalization;
using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Bench;

/// <summary>The ops of a model's blocks at its sizes: attention of its kind, dense and sparse layers, linear attention, embedding, loss,
/// optimizer.</summary>
internal sealed partial class KernelCases
{
    private readonly Device _device;
    private readonly HfConfig _c;
    private readonly int _rows,
        _length,
        _tokens,
        _width,
        _inner,
        _vocabulary,
        _heads,
        _kvHeads,
        _headDim;
    private readonly Shape _x;

    public KernelCases(Device device, HfConfig config, int rows, int length)
    {
        (_device, _c, _rows, _length, _tokens) = (device, config, rows, length, rows * length);
        (_width, _inner, _vocabulary, _heads) = (
            config.Int("hidden_size"),
            config.Int("intermediate_size"),
            config.Int("vocab_size"),
            config.Int("num_attention_heads")
        );
        _kvHeads = config.Int("num_key_value_heads", _heads);
        _headDim = config.Int("head_dim", _width / _heads);
        _x = new Shape(rows, length, _width);
    }

    private bool IsLatent => _c.Has("kv_lora_rank");

    private bool HasLinearAttention => _c.Has("linear_num_value_heads");

    private int Experts => _c.Int("num_experts", _c.Int("n_routed_experts", 0));

    /// <summary>Forward and backward passes of a training step.</summary>
    public IEnumerable<KernelCase> Training() =>
        [
            .. IsLatent ? Latent() : Grouped(),
            .. HasLinearAttention ? LinearAttention() : [],
            .. Dense(),
            .. Experts > 0 ? Sparse() : [],
            new(
                ["embedding"],
                Text($"[{_tokens}] of [{_vocabulary}, {_width}]"),
                [new(_vocabulary, _width)],
                t => Ops.Embedding(t[0], Ids())
            ),
            new(
                ["linear_cross_entropy"],
                Text($"[{_tokens}, {_width}]·[{_width}, {_vocabulary}]"),
                [_x, new(_vocabulary, _width)],
                t => Ops.LinearCrossEntropy(t[0], t[1], Ids(), _tokens)
            ),
            .. Optimizers(),
        ];

    /// <summary>One token, and eight: products with every weight, attention to a full cache, one step of a recurrent state.</summary>
    public IEnumerable<KernelCase> Decoding()
    {
        foreach (int rows in (int[])[1, 8])
        {
            foreach ((int outputs, int inputs) in Weights().Distinct())
            {
                yield return new(
                    ["linear"],
                    Text($"{rows}×{outputs}×{inputs} decode"),
                    [new(rows, inputs), new(outputs, inputs)],
                    t => Ops.Linear(t[0], t[1]),
                    Backward: false,
                    Bytes: sizeof(float) * (double)outputs * inputs
                );
            }
            if (!IsLatent)
            {
                int blocks = rows * ((_length + RaggedRows.BlockTokens - 1) / RaggedRows.BlockTokens),
                    width = _kvHeads * _headDim,
                    sequences = rows;
                yield return new(
                    ["paged_attention"],
                    Text($"{rows} × 1 token to {_length}, {_heads}/{_kvHeads} heads of {_headDim}"),
                    [
                        new(1, rows, _heads * _headDim),
                        new(blocks, width, RaggedRows.BlockTokens),
                        new(blocks * RaggedRows.BlockTokens, width),
                    ],
                    t =>
                        Ops.PagedAttention(
                            t[0],
                            t[1],
                            t[2],
                            OneTokenEach(sequences, _length - 1),
                            Integers(new Shape(sequences, blocks / sequences), i => i),
                            _heads,
                            _kvHeads,
                            1 / MathF.Sqrt(_headDim)
                        ),
                    Backward: false,
                    Bytes: 2.0 * sizeof(float) * rows * _length * width
                );
            }
        }
        if (HasLinearAttention)
        {
            DeltaNet d = new(_c);
            yield return new(
                ["gated_delta_rule"],
                Text($"1 token, {d.KeyHeads}/{d.ValueHeads} heads of {d.KeyDim} and {d.ValueDim}"),
                [new(1, 1, d.Channels), new(1, 1, d.ValueHeads), new(1, 1, d.ValueHeads), new(1, d.ValueHeads, d.KeyDim, d.ValueDim)],
                t =>
                    Ops.GatedDeltaRule(
                        t[0],
                        Ops.Scale(Ops.Sigmoid(t[1]), -1),
                        Ops.Sigmoid(t[2]),
                        d.KeyHeads,
                        d.KeyDim,
                        OneTokenEach(1, _length - 1),
                        t[3]
                    ),
                Backward: false
            );
        }
    }

    private RaggedRows OneTokenEach(int sequences, int past) =>
        new(Integers(new Shape(sequences + 1), i => i), Integers(new Shape(sequences), _ => past), Integers(new Shape(sequences), i => i));

    private Tensor Integers(Shape shape, Func<int, int> value) =>
        _device.Rent(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(value)]);

    private IEnumerable<(int Outputs, int Inputs)> Weights() =>
        IsLatent
            ? [(_inner, _width), (_width, _inner), (_vocabulary, _width)]
            : [(_heads * _headDim, _width), (_kvHeads * _headDim, _width), (_inner, _width), (_width, _inner), (_vocabulary, _width)];

    private IEnumerable<KernelCase> Optimizers()
    {
        Shape weight = new(_vocabulary, _width),
            hidden = new(_inner, _width);
        yield return new(
            ["adamw", "squared_norm"],
            Text($"[{_vocabulary}, {_width}]"),
            [weight, weight, weight, weight],
            t =>
            {
                Ops.Fill(t[3], 1);
                _ = Ops.SquaredNorm(t[1]);
                Ops.AdamWStep(t[0], t[1], t[2], t[3], new AdamWCoefficients(1e-4, 0.9, 0.95, 1e-8, 0.1, 0.5, 0.5, 1));
                return t[0];
            },
            Backward: false
        );
        yield return new(
            ["blend", "matmul"],
            Text($"Muon's [{_inner}, {_width}]"),
            [hidden, hidden, new(_width, _width)],
            t =>
            {
                Ops.Blend(t[0], 0.95f, t[1], 0.05f);
                Ops.MatMul(t[0], true, t[0], false, t[2]);
                return t[0];
            },
            Backward: false
        );
    }

    /// <summary>A product of a normed input, which in bfloat16 is kept narrow as in the models.</summary>
    private KernelCase Linear(int inputs, int outputs, bool compact = false) =>
        new(
            ["linear"],
            Text($"{_tokens}×{outputs}×{inputs}"),
            [new(_rows, _length, inputs), new(inputs), new(outputs, inputs)],
            t => Ops.Linear(Ops.RmsNorm(t[0], t[1], 1e-5f, compact: true), t[2], compact: compact)
        );

    private KernelCase Attention(Shape q, Shape k, Shape v, int kvHeads, int headDim) =>
        new(
            ["attention"],
            Text($"B {_rows}, T {_length}, {_heads}/{kvHeads} heads of {headDim}"),
            [q, k, v],
            t => Ops.Attention(t[0], t[1], t[2], _heads, kvHeads, 1 / MathF.Sqrt(headDim))
        );

    private Tensor Ids() => Integers((i, t) => (i * 7919 + t * 31) % _vocabulary);

    private Tensor Positions() => Integers((_, t) => t);

    private Tensor Integers(Func<int, int, int> value)
    {
        int[] values = [.. Enumerable.Range(0, _tokens).Select(i => value(i / _length, i % _length))];
        return _device.Rent(new Shape(_rows, _length), values);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Sizes of a layer of linear attention.</summary>
    private readonly struct DeltaNet(HfConfig c)
    {
        public int KeyHeads { get; } = c.Int("linear_num_key_heads");

        public int ValueHeads { get; } = c.Int("linear_num_value_heads");

        public int KeyDim { get; } = c.Int("linear_key_head_dim");

        public int ValueDim { get; } = c.Int("linear_value_head_dim");

        public int Channels => 2 * KeyHeads * KeyDim + ValueHeads * ValueDim;
    }
}
