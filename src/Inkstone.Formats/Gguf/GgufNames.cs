namespace Inkstone.Formats;

/// <summary>Names of GGUF tensors and of Hugging Face's state dicts, both ways.</summary>
internal static class GgufNames
{
    private const string HfLayers = "model.layers.", GgufLayers = "blk.";

    private static readonly (string Gguf, string Hf)[] Whole =
    [
        ("token_embd", "model.embed_tokens"),
        ("output_norm", "model.norm"),
        ("output", "lm_head"),
    ];

    private static readonly (string Gguf, string Hf)[] InLayer =
    [
        ("attn_norm", "input_layernorm"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
        ("ffn_norm", "post_attention_layernorm"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
        ("ffn_gate_inp", "mlp.gate"),
    ];

    /// <summary>Tensors [experts, rows, columns], which Hugging Face has one by one.</summary>
    private static readonly (string Gguf, string Hf)[] OfExperts =
    [
        ("ffn_gate_exps", "gate_proj"),
        ("ffn_up_exps", "up_proj"),
        ("ffn_down_exps", "down_proj"),
    ];

    /// <summary>Hugging Face's name; the name itself where there is none. For tensors of experts "{0}" stands for the expert's number.</summary>
    public static string ToHf(string name)
    {
        int dot = name.LastIndexOf('.');
        if (dot < 0)
        {
            return name;
        }
        (string body, string ending) = (name[..dot], name[dot..]);
        if (!body.StartsWith(GgufLayers, StringComparison.Ordinal))
        {
            return Find(Whole, body, pair => pair.Gguf) is { } whole ? whole.Hf + ending : name;
        }
        string[] parts = body.Split('.');
        return parts.Length != 3 ? name
            : Find(InLayer, parts[2], pair => pair.Gguf) is { } part ? $"{HfLayers}{parts[1]}.{part.Hf}{ending}"
            : Find(OfExperts, parts[2], pair => pair.Gguf) is { } experts ? $"{HfLayers}{parts[1]}.mlp.experts.{{0}}.{experts.Hf}{ending}"
            : name;
    }

    /// <summary>GGUF's name and, for an expert's tensor, which expert it is; null where there is none.</summary>
    public static (string Name, int? Expert)? FromHf(string name)
    {
        int dot = name.LastIndexOf('.');
        (string body, string ending) = dot < 0 ? (name, "") : (name[..dot], name[dot..]);
        if (!body.StartsWith(HfLayers, StringComparison.Ordinal))
        {
            return Find(Whole, body, pair => pair.Hf) is { } whole ? (whole.Gguf + ending, null) : null;
        }
        string[] parts = body[HfLayers.Length..].Split('.', 2);
        if (parts.Length != 2)
        {
            return null;
        }
        if (Find(InLayer, parts[1], pair => pair.Hf) is { } part)
        {
            return ($"{GgufLayers}{parts[0]}.{part.Gguf}{ending}", null);
        }
        string[] inner = parts[1].Split('.');
        return inner is ["mlp", "experts", var number, var matrix] && int.TryParse(number, out int expert) && Find(OfExperts, matrix, pair => pair.Hf) is { } experts
            ? ($"{GgufLayers}{parts[0]}.{experts.Gguf}{ending}", expert) : null;
    }

    private static (string Gguf, string Hf)? Find((string Gguf, string Hf)[] pairs, string name, Func<(string Gguf, string Hf), string> side)
    {
        foreach ((string Gguf, string Hf) pair in pairs)
        {
            if (side(pair) == name)
            {
                return pair;
            }
        }
        return null;
    }
}
