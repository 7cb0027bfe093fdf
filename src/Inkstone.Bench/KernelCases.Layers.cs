using System.Globalization;
using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Bench;

internal sealed partial class KernelCases
{
    private IEnumerable<KernelCase> Grouped()
    {
        Shape q = new(_rows, _length, _heads * _headDim),
            kv = new(_rows, _length, _kvHeads * _headDim);
        yield return Linear(_width, _heads * _headDim);
        yield return Linear(_width, _kvHeads * _headDim);
        RotaryTable rotary = RotaryTable.Default(_headDim, 10000); // one for all runs, as in a model
        yield return new(["rope"], Text($"[{_tokens}, {_heads}, {_headDim}]"), [q], t => Ops.Rope(t[0], _heads, Positions(), rotary));
        yield return Attention(q, kv, kv, _kvHeads, _headDim);
    }

    /// <summary>Attention whose keys and values come from a latent; k and v differ in width.</summary>
    private IEnumerable<KernelCase> Latent()
    {
        int rank = _c.Int("kv_lora_rank"),
            plain = _c.Int("qk_nope_head_dim"),
            rotated = _c.Int("qk_rope_head_dim"),
            value = _c.Int("v_head_dim"),
            key = plain + rotated;
        Shape q = new(_rows, _length, _heads * key),
            kv = new(_rows, _length, _heads * (plain + value)),
            shared = new(_rows, _length, rotated);
        if (_c.Int("q_lora_rank", 0) is > 0 and int queries)
        {
            yield return Linear(_width, queries);
            yield return Linear(queries, _heads * key);
        }
        else
        {
            yield return Linear(_width, _heads * key);
        }
        yield return Linear(_width, rank + rotated);
        yield return Linear(rank, _heads * (plain + value));
        RotaryTable rotary = RotaryTable.Default(rotated, 10000);
        yield return new(
            ["rope"],
            Text($"[{_tokens}, {_heads}, {rotated} of {key}]"),
            [q],
            t => Ops.Rope(t[0], _heads, Positions(), rotary, plain, _c.Bool("rope_interleave", true))
        );
        yield return new(
            ["join_heads"],
            Text($"[{_tokens}, {_heads}, {plain} + {rotated}]"),
            [kv, shared],
            t => Ops.JoinHeads(t[0], _heads, plain, t[1])
        );
        yield return new(
            ["head_columns"],
            Text($"[{_tokens}, {_heads}, {value} of {plain + value}]"),
            [kv],
            t => Ops.HeadColumns(t[0], _heads, plain, value)
        );
        yield return Attention(q, q, new Shape(_rows, _length, _heads * value), _heads, key);
        yield return Linear(_heads * value, _width);
    }

    private IEnumerable<KernelCase> LinearAttention()
    {
        DeltaNet d = new(_c);
        Shape qkv = new(_rows, _length, d.Channels),
            perHead = new(_rows, _length, d.ValueHeads),
            values = new(_rows, _length, d.ValueHeads * d.ValueDim);
        int projected = d.Channels + d.ValueHeads * d.ValueDim,
            taps = _c.Int("linear_conv_kernel_dim", 4);
        yield return Linear(_width, projected);
        yield return new(
            ["columns"],
            Text($"[{_tokens}, {d.Channels} of {projected}]"),
            [new(_rows, _length, projected)],
            t => Ops.Columns(t[0], new ColumnRuns((0, d.Channels)))
        );
        yield return new(
            ["causal_conv"],
            Text($"[{_tokens}, {d.Channels}], {taps} tokens"),
            [qkv, new(d.Channels, 1, taps)],
            t => Ops.CausalConv(t[0], t[1])
        );
        yield return new(
            ["log_decay", "gated_delta_rule"],
            Text($"B {_rows}, T {_length}, {d.KeyHeads}/{d.ValueHeads} heads of {d.KeyDim} and {d.ValueDim}"),
            [qkv, perHead, perHead, new(d.ValueHeads), new(d.ValueHeads)],
            t => Ops.GatedDeltaRule(t[0], Ops.LogDecay(t[1], t[3], t[4]), Ops.Sigmoid(t[2]), d.KeyHeads, d.KeyDim)
        );
        yield return new(
            ["rms_norm_gated"],
            Text($"[{_tokens}, {d.ValueHeads}, {d.ValueDim}]"),
            [values, values, new(d.ValueDim)],
            t => Ops.RmsNormGated(t[0], t[1], t[2], 1e-6f)
        );
        yield return Linear(d.ValueHeads * d.ValueDim, _width);
        yield return new(
            ["sigmoid_gate"],
            Text($"[{_tokens}, {_heads * _headDim}]"),
            [new(_rows, _length, _heads * _headDim), new(_rows, _length, _heads * _headDim)],
            t => Ops.SigmoidGate(t[0], t[1])
        );
    }

    private IEnumerable<KernelCase> Dense()
    {
        Shape h = new(_rows, _length, _inner);
        yield return new(
            ["rms_norm"],
            Text($"[{_tokens}, {_width}]"),
            [_x, new(_width)],
            t => Ops.RmsNorm(t[0], t[1], 1e-5f, compact: true)
        );
        yield return Linear(_width, _inner, compact: true);
        yield return new(
            ["swiglu"],
            Text($"[{_tokens}, {_inner}]"),
            [h, h, new(_inner)],
            t => Ops.SwiGlu(Ops.RmsNorm(t[0], t[2], 1e-5f, compact: true), Ops.RmsNorm(t[1], t[2], 1e-5f, compact: true), compact: true)
        );
        yield return Linear(_inner, _width);
    }

    /// <summary>A sparse layer as a whole: router, exchange of rows, three grouped products.</summary>
    private IEnumerable<KernelCase> Sparse()
    {
        int experts = Experts,
            chosen = _c.Int("num_experts_per_tok"),
            inner = _c.Int("moe_intermediate_size");
        RoutingRule rule = new(chosen, _c.Int("n_group", 1), _c.Int("topk_group", 1));
        RouterScoring scoring = _c.Has("n_group") ? RouterScoring.Sigmoid : RouterScoring.Softmax;
        Shape up = new(inner, _width),
            down = new(_width, inner);
        yield return new(
            ["router", "route_experts", "sort_by_expert", "expert_dispatch", "grouped_linear", "expert_combine"],
            Text($"{_tokens} tokens × {chosen} of {experts} experts of {_width}×{inner}"),
            [_x, new(experts, _width), .. Enumerable.Repeat(up, 2 * experts), .. Enumerable.Repeat(down, experts)],
            t =>
            {
                ExpertRouting routing = Ops.RouteExperts(Ops.RouterScores(t[0], t[1], scoring), null, rule);
                Tensor rows = Ops.ExpertDispatch(t[0], routing);
                Tensor gate = Ops.GroupedLinear(rows, t[2..(2 + experts)], routing.Offsets),
                    wide = Ops.GroupedLinear(rows, t[(2 + experts)..(2 + 2 * experts)], routing.Offsets);
                return Ops.ExpertCombine(
                    Ops.GroupedLinear(Ops.SwiGlu(gate, wide), t[(2 + 2 * experts)..], routing.Offsets),
                    routing,
                    t[0].Shape
                );
            }
        );
    }
}
