using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>y = x·Wᵀ (+ b), with the low-rank adapter on top that the scope has for this place.</summary>
public sealed class Linear
{
    private readonly Scope _scope;
    private readonly Tensor? _bias;
    private readonly Lora? _lora;
    private readonly List<Lora> _worn = [];
    private AdapterSet? _set;

    /// <summary>The layer at <paramref name="scope"/>.</summary>
    public Linear(Scope scope, int inputs, int outputs, bool bias = false)
    {
        _scope = scope;
        _bias = bias ? scope.Parameter("bias", new Shape(outputs), Initial.Zeros) : null;
        Weight = scope.Parameter("weight", new Shape(outputs, inputs), Initial.Normal);
        _lora = scope.LoraOn(scope.Adapter, Weight, _bias);
        scope.Register(this);
    }

    private Lora? Active => _lora is { IsActive: true } ? _lora : null;

    /// <summary>[outputs, inputs].</summary>
    public Tensor Weight { get; }

    /// <summary>Whether an adapter changes what <see cref="Weight"/> alone would give.</summary>
    public bool IsAdapted => _lora is not null || _worn.Count > 0;

    /// <summary>x: [..., inputs]; <paramref name="residual"/>, shaped as the result, is added to it.</summary>
    public Tensor Forward(Tensor x, Tensor? residual = null) =>
        _worn.Count > 0 ? EachItsOwn(x, residual) : Active?.Forward(x, _bias, residual) ?? Ops.Linear(x, Weight, _bias, residual);

    /// <summary>The same where x has other rows than the batch has tokens: sequence i, whose tokens begin at <paramref name="tokens"/>[i],
    /// has the rows from <paramref name="rows"/>[i] on.</summary>
    public Tensor Forward(Tensor x, IReadOnlyList<int> tokens, IReadOnlyList<int> rows) =>
        _worn.Count > 0 ? EachItsOwn(x, null, tokens, rows) : Forward(x);

    /// <summary>The same for results that only elementwise ops read: while a step in bfloat16 is recorded they are kept in
    /// bfloat16.</summary>
    public Tensor ForwardCompact(Tensor x) =>
        _worn.Count > 0 ? EachItsOwn(x, null) : Active?.Forward(x, _bias, null) ?? Ops.Linear(x, Weight, _bias, compact: true);

    /// <summary>Three layers on the same x, as queries, keys and values: one job where no adapter is worn and nothing is trained.</summary>
    /// <param name="x">[..., inputs]</param>
    /// <param name="first">the first</param>
    /// <param name="second">the second</param>
    /// <param name="third">the third</param>
    public static (Tensor First, Tensor Second, Tensor Third) Forward(Tensor x, Linear first, Linear second, Linear third)
    {
        if (first.IsAdapted || second.IsAdapted || third.IsAdapted)
        {
            return (first.Forward(x), second.Forward(x), third.Forward(x));
        }
        Span<Tensor> y = [null!, null!, null!];
        Ops.LinearEach(x, [first.Weight, second.Weight, third.Weight], [first._bias, second._bias, third._bias], y);
        return (y[0], y[1], y[2]);
    }

    /// <summary>Two layers on the same x, as a gate and what it opens, for results that only elementwise ops read.</summary>
    /// <param name="x">[..., inputs]</param>
    /// <param name="first">the first</param>
    /// <param name="second">the second</param>
    public static (Tensor First, Tensor Second) ForwardCompact(Tensor x, Linear first, Linear second)
    {
        if (first.IsAdapted || second.IsAdapted)
        {
            return (first.ForwardCompact(x), second.ForwardCompact(x));
        }
        Span<Tensor> y = [null!, null!];
        Ops.LinearEach(x, [first.Weight, second.Weight], [first._bias, second._bias], y, compact: true);
        return (y[0], y[1]);
    }

    /// <summary>Makes an adapter of a set ready for this layer, where it goes there.</summary>
    internal void Wear(Adapter adapter, AdapterSet set)
    {
        if (_scope.LoraOn(adapter, Weight, _bias) is { } lora)
        {
            _worn.Add(lora);
            _set = set;
        }
    }

    /// <summary>Forgets the adapters of a set.</summary>
    internal void TakeOff() => _worn.Clear();

    /// <summary>The product with the weights for all tokens, and on top for each what its adapter adds.</summary>
    private Tensor EachItsOwn(Tensor x, Tensor? residual, IReadOnlyList<int>? tokens = null, IReadOnlyList<int>? placed = null)
    {
        Tensor y = Ops.Linear(x, Weight, _bias, residual);
        IReadOnlyList<AdapterRows> rows = _set!.Rows;
        for (int i = 0; i < rows.Count; i++)
        {
            int first = Place(rows[i].First, tokens, placed),
                end = Place(rows[i].First + rows[i].Count, tokens, placed);
            for (int j = 0; j < _worn.Count; j++)
            {
                if (_worn[j].BelongsTo(rows[i].Adapter))
                {
                    _worn[j].AddTo(y, x, _bias, residual, first, end - first);
                }
            }
        }
        return y;
    }

    /// <summary>Row at which a sequence begins whose first token is <paramref name="token"/>.</summary>
    private static int Place(int token, IReadOnlyList<int>? tokens, IReadOnlyList<int>? rows)
    {
        int i = 0;
        while (tokens is not null && tokens[i] != token)
        {
            i++;
        }
        return rows is null ? token : rows[i];
    }
}
