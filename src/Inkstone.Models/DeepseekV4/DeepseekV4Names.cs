namespace Inkstone.Models.DeepseekV4;

/// <summary>
/// What tensors of DeepSeek-V4 are called: published (<c>layers.0.attn.wq_a</c>), in transformers
/// (<c>model.layers.0.self_attn.q_a_proj</c>, which PEFT meets too), and in files that transformers
/// writes, which have some of both.
/// </summary>
internal static class DeepseekV4Names
{
    private static readonly (string Published, string Transformers)[] Layer =
    [
        ("attn_norm", "input_layernorm"),
        ("ffn_norm", "post_attention_layernorm"),
        ("hc_attn_fn", "attn_hc.fn"),
        ("hc_attn_base", "attn_hc.base"),
        ("hc_attn_scale", "attn_hc.scale"),
        ("hc_ffn_fn", "ffn_hc.fn"),
        ("hc_ffn_base", "ffn_hc.base"),
        ("hc_ffn_scale", "ffn_hc.scale"),
        ("hc_head_fn", "hc_head.hc_fn"),
        ("hc_head_base", "hc_head.hc_base"),
        ("hc_head_scale", "hc_head.hc_scale"),
        ("attn.attn_sink", "self_attn.sinks"),
        ("attn.wq_a", "self_attn.q_a_proj"),
        ("attn.q_norm", "self_attn.q_a_norm"),
        ("attn.wq_b", "self_attn.q_b_proj"),
        ("attn.wkv", "self_attn.kv_proj"),
        ("attn.kv_norm", "self_attn.kv_norm"),
        ("attn.wo_a", "self_attn.o_a_proj"),
        ("attn.wo_b", "self_attn.o_b_proj"),
        ("attn.compressor.ape", "self_attn.compressor.position_bias"),
        ("attn.compressor.wkv", "self_attn.compressor.kv_proj"),
        ("attn.compressor.wgate", "self_attn.compressor.gate_proj"),
        ("attn.compressor.norm", "self_attn.compressor.kv_norm"),
        ("attn.indexer.wq_b", "self_attn.compressor.indexer.q_b_proj"),
        ("attn.indexer.weights_proj", "self_attn.compressor.indexer.scorer.weights_proj"),
        ("attn.indexer.compressor.ape", "self_attn.compressor.indexer.position_bias"),
        ("attn.indexer.compressor.wkv", "self_attn.compressor.indexer.kv_proj"),
        ("attn.indexer.compressor.wgate", "self_attn.compressor.indexer.gate_proj"),
        ("attn.indexer.compressor.norm", "self_attn.compressor.indexer.kv_norm"),
        ("ffn.gate.bias", "mlp.gate.e_score_correction_bias"),
        ("ffn", "mlp"),
    ];

    /// <summary>Names that only stand in files that transformers writes.</summary>
    private static readonly (string Published, string Written)[] Mixed =
    [
        ("attn.kv_norm", "attn.norm"),
        ("attn.indexer.weights_proj", "self_attn.compressor.indexer.weights_proj"),
        ("attn.q_norm", "self_attn.q_norm"),
        ("ffn.gate.bias", "ffn.gate.e_score_correction_bias"),
        ("attn.indexer.weights_proj", "attn.indexer.scorer.weights_proj"),
    ];

    private static readonly (string Published, string Transformers)[] Matrices =
    [
        ("w1", "gate_proj"),
        ("w2", "down_proj"),
        ("w3", "up_proj"),
    ];

    /// <summary>The published name of a tensor of a file.</summary>
    public static string Published(string name)
    {
        string rest = name.StartsWith("model.", StringComparison.Ordinal) ? name["model.".Length..] : name;
        if (rest.StartsWith("embed_tokens.", StringComparison.Ordinal))
        {
            return "embed." + rest["embed_tokens.".Length..];
        }
        if (rest.StartsWith("lm_head.", StringComparison.Ordinal))
        {
            return "head." + rest["lm_head.".Length..];
        }
        (string place, string within) = Split(rest);
        foreach ((string published, string other) in Layer.Concat(Mixed))
        {
            if (Begins(within, other))
            {
                within = published + within[other.Length..];
                break;
            }
        }
        return place + Last(within, from: m => m.Transformers, to: m => m.Published);
    }

    /// <summary>What transformers calls a tensor or layer of a published name.</summary>
    public static string InTransformers(string name)
    {
        if (Begins(name, "head"))
        {
            return "lm_head" + name["head".Length..];
        }
        if (Begins(name, "embed"))
        {
            return "model.embed_tokens" + name["embed".Length..];
        }
        (string place, string within) = Split(name);
        foreach ((string published, string other) in Layer)
        {
            if (Begins(within, published))
            {
                within = other + within[published.Length..];
                break;
            }
        }
        return "model." + place + Last(within, from: m => m.Published, to: m => m.Transformers);
    }

    /// <summary>Whether a tensor repeats embedding or head beside a prediction module.</summary>
    public static bool IsShared(string name) =>
        Split(Published(name)) is ({ Length: > 0 } place, "emb.tok_emb.weight" or "embed.weight" or "head.weight")
        && place.StartsWith("mtp.", StringComparison.Ordinal);

    /// <summary>layers.N. or mtp.N., and what stands behind it.</summary>
    private static (string Place, string Within) Split(string name) =>
        name.Split('.', 3) is ["layers" or "mtp", string number, string within] && number.All(char.IsAsciiDigit)
            ? (name[..^within.Length], within)
            : ("", name);

    private static bool Begins(string name, string with) =>
        name.StartsWith(with, StringComparison.Ordinal) && (name.Length == with.Length || name[with.Length] == '.');

    /// <summary>The matrices of experts.</summary>
    private static string Last(
        string within,
        Func<(string Published, string Transformers), string> from,
        Func<(string Published, string Transformers), string> to
    )
    {
        string[] parts = within.Split('.');
        int at = Array.FindIndex(parts, part => part is "experts" or "shared_experts");
        for (int i = at + 1; i < parts.Length && at >= 0; i++)
        {
            parts[i] =
                Array.Find(Matrices, m => from(m) == parts[i]) is (not null, _) and var found && !IsStack(parts, at) ? to(found) : parts[i];
        }
        return string.Join('.', parts);
    }

    /// <summary>experts.down_proj, which is that of all experts.</summary>
    private static bool IsStack(string[] parts, int at) =>
        parts[at] == "experts" && at + 1 < parts.Length && !parts[at + 1].All(char.IsAsciiDigit);
}
