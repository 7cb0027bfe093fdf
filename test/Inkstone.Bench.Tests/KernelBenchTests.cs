using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Bench.Tests;

/// <summary>Every family's ops are in the table, with numbers that mean something.</summary>
public sealed class KernelBenchTests
{
    private static readonly string[] Always =
    [
        "linear.forward",
        "linear.backward_input",
        "linear.backward_weight",
        "attention.forward",
        "attention.backward",
        "rms_norm.forward",
        "rms_norm.backward",
        "swiglu.forward",
        "swiglu.backward",
        "rope.forward",
        "rope.backward",
        "embedding.forward",
        "embedding.backward",
        "linear_cross_entropy",
        "adamw",
        "squared_norm",
        "blend",
        "matmul",
    ];

    private static readonly string[] Sparse =
    [
        "router.forward",
        "route_experts.backward",
        "expert_dispatch.forward",
        "grouped_linear.forward",
        "grouped_linear.backward_input",
        "grouped_linear.backward_weight",
        "expert_combine.backward",
    ];

    [Theory]
    [InlineData("""{"num_key_value_heads": 2}""", new string[0])]
    [InlineData(
        """{"num_key_value_heads": 2, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24, "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}""",
        new[]
        {
            "router.forward",
            "gated_delta_rule.forward",
            "gated_delta_rule.backward",
            "gated_delta_rule.recurrent",
            "causal_conv.backward",
            "log_decay.forward",
            "rms_norm_gated.backward",
            "sigmoid_gate.forward",
            "columns.forward",
        }
    )]
    [InlineData(
        """{"kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12, "n_routed_experts": 4, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 24}""",
        new[] { "router.forward" }
    )]
    public void Every_op_of_a_family_is_measured_in_both_precisions(string special, string[] ops)
    {
        System.Text.Json.Nodes.JsonObject config = System.Text.Json.Nodes.JsonNode.Parse(special)!.AsObject();
        (config["hidden_size"], config["intermediate_size"], config["vocab_size"], config["num_attention_heads"]) = (32, 48, 64, 4);
        foreach (DType type in (DType[])[DType.Float32, DType.BFloat16])
        {
            using Device device = new(2, matMulType: type);
            List<KernelEntry> entries =
            [
                .. new KernelBench(device, new Roofline(1e12, 1e12)).Run(HfConfig.Parse(config.ToJsonString()), rows: 2, length: 40),
            ];
            string[] names = [.. entries.Select(entry => entry.Name).Distinct()];
            Always.Concat(ops).Concat(ops.Contains("router.forward") ? Sparse : []).Except(names).ShouldBeEmpty();
            entries.ShouldAllBe(entry => entry.Seconds > 0 && entry.Rate > 0 && entry.Fraction > 0 && entry.Shape.Length > 0);
            entries.Count(entry => entry.Shape.EndsWith("decode", StringComparison.Ordinal)).ShouldBeGreaterThanOrEqualTo(6);
        }
    }
}
