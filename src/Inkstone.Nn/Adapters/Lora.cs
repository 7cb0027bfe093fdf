using Inkstone.Tensors;

namespace Inkstone.Nn;

/// <summary>
/// A low-rank adapter on one linear layer (LoRA, arXiv:2106.09685): y = x·Wᵀ + s · (x·Aᵀ)·Bᵀ.
/// With a bias of B, scaled with it: … + s · b. With a magnitude per output (DoRA, arXiv:2402.09353)
/// y = m / ‖W + s·B·A‖ ∘ (x·Wᵀ + s · (x·Aᵀ)·Bᵀ), the norm of each row taken as a constant. W is never trained here.
/// </summary>
internal sealed class Lora
{
    private readonly Adapter _adapter;
    private readonly TrainingRng _noise;
    private readonly Tensor _weight,
        _a,
        _b; // [N, K], [r, K], [N, r]
    private readonly Tensor? _magnitude,
        _biasOfB; // [N], [N]
    private readonly Tensor? _bias; // [N], of the layer below
    private readonly string _path;
    private readonly float _scale;
    private readonly ulong _stream;

    internal Lora(Adapter adapter, string path, Tensor weight, Tensor? bias, TrainingRng noise)
    {
        (_adapter, _path, _weight, _bias, _noise, _stream, _scale) = (
            adapter,
            path,
            weight,
            bias,
            noise,
            StableHash.Compute(path),
            adapter.Config.ScaleOf(path)
        );
        (int outputs, int inputs, int rank) = (weight.Shape[0], weight.Shape.Last, adapter.Config.RankOf(path));
        _a = adapter.Parameter(path, "lora_A.weight", new Shape(rank, inputs), Initial.KaimingUniform, weight.Device);
        _b = adapter.Parameter(path, "lora_B.weight", new Shape(outputs, rank), Initial.Zeros, weight.Device);
        LoraStarts.TakeOut(adapter.Config.Start, weight, rank, _scale);
        if (adapter.Config.BiasOfB)
        {
            _biasOfB = adapter.Parameter(path, "lora_B.bias", new Shape(outputs), Initial.Zeros, weight.Device);
        }
        if (adapter.Config.Dora)
        {
            _magnitude = adapter.Parameter(path, "lora_magnitude_vector", new Shape(outputs), Initial.Ones, weight.Device);
            if (adapter.IsNew)
            {
                using StepScope step = weight.Device.Step();
                _magnitude.CopyFrom(Ops.AdaptedRowNorms(_weight, _b, _a, _scale));
            }
        }
    }

    /// <summary>Whether it changes what the weights alone give: not once they contain it, and not where it is disabled.</summary>
    internal bool IsActive => !_adapter.IsMerged && !_adapter.IsDisabled;

    /// <summary>x: [..., K]; the result is [..., N].</summary>
    internal Tensor Forward(Tensor x, Tensor? bias, Tensor? residual)
    {
        float p = _noise.On ? (float)_adapter.Config.Dropout : 0;
        Tensor dropped = Ops.Dropout(x, p, _noise.ForLayer(_stream));
        Tensor low = Ops.Scale(Ops.Linear(dropped, _a), _scale); // [..., r]
        if (_magnitude is null)
        {
            Tensor below = Ops.Linear(x, _weight, bias, residual),
                y = Ops.Linear(low, _b, _biasOfB is null ? null : Ops.Scale(_biasOfB, _scale), residual: below);
            below.ReleaseElements(); // else each layer would keep its result twice
            return y;
        }
        Tensor norms = Ops.AdaptedRowNorms(_weight, _b, _a, _scale); // [N]
        Tensor plain = Ops.Linear(dropped, _weight);
        Tensor whole = Ops.Linear(low, _b, null, residual: plain);
        if (p == 0)
        {
            return Ops.ScaleColumns(whole, _magnitude, norms, bias, residual);
        }
        // Only what the adapter changes sees the dropped inputs: (m/n − 1) ∘ x̃·Wᵀ + m/n ∘ s·(x̃·Aᵀ)·Bᵀ comes on top of x·Wᵀ.
        Tensor rest = Ops.Add(Ops.Linear(x, _weight, bias, residual), Ops.Scale(plain, -1));
        return Ops.ScaleColumns(whole, _magnitude, norms, null, rest);
    }

    internal bool BelongsTo(Adapter? adapter) => _adapter == adapter;

    /// <summary>Makes some rows of y, which is x·Wᵀ (+ bias) (+ residual), those of the layer with the adapter. Not recorded.</summary>
    internal void AddTo(Tensor y, Tensor x, Tensor? bias, Tensor? residual, int first, int count)
    {
        Tensor rows = Ops.RowSlice(x, first, count),
            target = Ops.RowSlice(y, first, count);
        if (_magnitude is null && _biasOfB is null)
        {
            Ops.MatMul(Ops.Scale(Ops.Linear(rows, _a), _scale), false, _b, true, target, accumulate: true);
            return;
        }
        Ops.Blend(target, 0, Forward(rows, bias, residual is null ? null : Ops.RowSlice(residual, first, count)), 1);
    }

    internal void Merge()
    {
        if (_biasOfB is not null && _bias is null)
        {
            throw new InvalidDataException($"the adapter's \"lora_bias\" cannot be merged: {_path} has no bias to add it to.");
        }
        Ops.MergeAdapter(_weight, _b, _a, _scale, _magnitude);
        if (_biasOfB is not null)
        {
            (float[] bias, float[] added) = (_bias!.ToArray(), _biasOfB.ToArray());
            for (int i = 0; i < bias.Length; i++)
            {
                bias[i] += _scale * added[i];
            }
            _bias.CopyFrom(bias);
        }
    }
}
