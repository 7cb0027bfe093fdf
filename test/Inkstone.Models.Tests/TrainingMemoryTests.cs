using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What saves memory in a training step and what it may change: recomputation nothing, bfloat16 activations only what products
/// round anyway.</summary>
public sealed class TrainingMemoryTests
{
    private const int B = 2,
        T = 64;

    private const string Sizes = """
        "vocab_size":97,"hidden_size":64,"intermediate_size":96,"num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":128,
        "tie_word_embeddings":true,"model_type":
        """;

    private static readonly Dictionary<string, string> Further = new()
    {
        ["qwen3_moe"] = """
            ,"head_dim":16,"num_experts":6,"num_experts_per_tok":2,"moe_intermediate_size":32,"output_router_logits":true,"router_aux_loss_coef":0.05
            """,
        ["qwen3_next"] = """
            ,"head_dim":16,"partial_rotary_factor":0.25,"linear_key_head_dim":8,"linear_value_head_dim":12,"linear_num_key_heads":2,"linear_num_value_heads":4,
            "num_experts":6,"num_experts_per_tok":2,"moe_intermediate_size":32,"shared_expert_intermediate_size":48,"output_router_logits":true,"router_aux_loss_coef":0.05
            """,
        ["deepseek_v32"] = """
            ,"q_lora_rank":20,"kv_lora_rank":16,"qk_nope_head_dim":10,"qk_rope_head_dim":6,"v_head_dim":8,"first_k_dense_replace":1,"n_routed_experts":6,"n_shared_experts":2,
            "num_experts_per_tok":2,"n_group":3,"topk_group":2,"moe_intermediate_size":32,"index_n_heads":8,"index_head_dim":8,"index_topk":12,"indexer_loss":"sparse"
            """,
        ["deepseek_v3"] = """
            ,"q_lora_rank":20,"kv_lora_rank":16,"qk_nope_head_dim":10,"qk_rope_head_dim":6,"v_head_dim":8,"first_k_dense_replace":1,"n_routed_experts":6,"n_shared_experts":2,
            "num_experts_per_tok":2,"n_group":3,"topk_group":2,"moe_intermediate_size":32,"sequence_balance_loss_weight":0.02,"num_nextn_predict_layers":2
            """,
    };

    [Theory]
    [InlineData("llama", DType.Float32)]
    [InlineData("llama", DType.BFloat16)]
    [InlineData("qwen2", DType.Float32)]
    [InlineData("qwen2", DType.BFloat16)]
    [InlineData("qwen3", DType.BFloat16)]
    [InlineData("qwen3_moe", DType.Float32)]
    [InlineData("qwen3_moe", DType.BFloat16)]
    [InlineData("qwen3_next", DType.Float32)]
    [InlineData("qwen3_next", DType.BFloat16)]
    [InlineData("deepseek_v3", DType.Float32)]
    [InlineData("deepseek_v3", DType.BFloat16)]
    [InlineData("deepseek_v32", DType.BFloat16)]
    public void Recomputed_blocks_give_the_same_bits_in_less_memory(string family, DType precision)
    {
        (float loss, float[][] gradients, long bytes) = Step(family, precision, recompute: false);
        (float again, float[][] same, long fewer) = Step(family, precision, recompute: true);
        again.ShouldBe(loss);
        fewer.ShouldBeLessThan(bytes * 2 / 3);
        gradients.Length.ShouldBe(same.Length);
        gradients.Zip(same).ShouldAllBe(pair => pair.First.SequenceEqual(pair.Second));
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen2")] // biases want the gradient in float32
    public void Activations_in_bfloat16_change_gradients_no_more_than_products_in_bfloat16_do(string family)
    {
        (float exact, float[][] truth, _) = Step(family, DType.Float32, recompute: false);
        (float rounded, float[][] gradients, _) = Step(family, DType.BFloat16, recompute: false);
        rounded.ShouldBe(exact, 2e-3 * exact);
        double off = 0,
            whole = 0;
        for (int i = 0; i < truth.Length; i++)
        {
            off += truth[i].Zip(gradients[i]).Sum(pair => Math.Pow(pair.First - pair.Second, 2));
            whole += truth[i].Sum(value => (double)value * value);
        }
        Math.Sqrt(off / whole).ShouldBeLessThan(2e-2);
    }

    /// <summary>Losses of routers, counts that move the correction bias, tokens further ahead, dropout: nothing of it may come twice, or
    /// too late.</summary>
    [Theory]
    [InlineData("qwen3_moe", null)]
    [InlineData("qwen3_next", null)]
    [InlineData("deepseek_v3", null)]
    [InlineData("qwen3_moe", 0.2)]
    public void Training_with_recomputed_blocks_gives_the_same_weights_and_figures(string family, double? adapterDropout)
    {
        (double[] figures, float[][] weights) = Train(family, adapterDropout, recompute: false);
        (double[] same, float[][] again) = Train(family, adapterDropout, recompute: true);
        same.ShouldBe(figures);
        figures.ShouldContain(figure => figure > 1.01); // routers do not choose evenly
        weights.Zip(again).ShouldAllBe(pair => pair.First.SequenceEqual(pair.Second));
    }

    private static HfConfig Of(string family) => HfConfig.Parse("{" + Sizes + $"\"{family}\"{Further.GetValueOrDefault(family, "")}}}");

    private static (float Loss, float[][] Gradients, long Bytes) Step(string family, DType precision, bool recompute)
    {
        using Device device = new(threads: 2, matMulType: precision);
        using CausalLm model = Pretrained.New(Of(family), device, seed: 3);
        model.Recompute = recompute;
        float loss = Pass(model, 0, T);
        return (loss, Values(model.Parameters, p => p.Tensor.Grad), device.Arena.PeakBytes);
    }

    /// <summary>Four steps of two micro-batches, of which the second has so short documents that no label is left two tokens
    /// ahead.</summary>
    private static (double[] Metrics, float[][] Weights) Train(string family, double? adapterDropout, bool recompute)
    {
        using Device device = new(threads: 2);
        Adapter? adapter = adapterDropout is { } dropout
            ? new(new LoraConfig(4, 8, ["q_proj", "o_proj"], dropout), new FreshParameters(5, 0), trained: true)
            : null;
        using CausalLm model = Pretrained.New(Of(family), device, 3, adapter is null ? DType.Float32 : DType.BFloat16, adapter);
        model.Recompute = recompute;
        Parameters trained = adapter?.Parameters ?? model.Parameters;
        AdamW optimizer = new(trained, new AdamWSettings(3e-3));
        List<double> figures = [];
        for (int step = 0; step < 4; step++)
        {
            for (int part = 0; part < 2; part++)
            {
                model.TrainingRng.Begin(seed: 11, 2 * step + part);
                figures.Add(Pass(model, step, part == 0 ? T : 2));
                model.TrainingRng.End();
            }
            optimizer.Step(1);
            trained.ZeroGrad();
            figures.Add(model.AddedLoss);
            foreach ((_, ExpertRouter router) in (model as DeepseekV3Model)?.SparseLayers ?? [])
            {
                figures.AddRange(router.Counts.ToArray().Select(count => (double)count));
            }
            model.AfterStep();
            figures.AddRange(model.Metrics.Select(figure => figure.Value));
        }
        return ([.. figures], Values(trained, p => p.Tensor));
    }

    private static float Pass(CausalLm model, int step, int document)
    {
        int[] ids = [.. Enumerable.Range(0, B * T).Select(i => (i + step) * 37 % 97)],
            labels = [.. ids.Select(id => (id * 5 + 3) % 97)];
        int[] starts =
        [
            .. Enumerable
                .Range(0, B * T)
                .Select(i =>
                    document == T
                        ? i % T < 20
                            ? 0
                            : 20
                        : i % T / document * document
                ),
        ];
        Device device = model.Device;
        Shape shape = new(B, T);
        using StepScope scope = device.Step(record: true);
        Tensor root = model.Loss(
            device.Rent(shape, ids),
            device.Rent(shape, labels),
            2 * ids.Length,
            ForwardContext.Packed(device.Rent(shape, starts))
        );
        device.Tape.Backward(root);
        return root.Item();
    }

    private static float[][] Values(IEnumerable<Parameter> parameters, Func<Parameter, Tensor?> of) =>
        [.. parameters.Select(p => of(p)?.Span.ToArray() ?? [])];
}
