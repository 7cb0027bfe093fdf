using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>What every family asks of its config.json, with the key in the message.</summary>
internal static class ConfigCheck
{
    /// <summary>The keys must be above 0.</summary>
    public static void Positive(HfConfig c, params ReadOnlySpan<(string Key, int Value)> sizes)
    {
        foreach ((string key, int value) in sizes)
        {
            if (value <= 0)
            {
                throw new InvalidDataException($"{c.Source}: \"{key}\" must be above 0, it is {value}.");
            }
        }
    }

    /// <summary>A number that is there must be above 0 (or not below it, with <paramref name="orZero"/>), and within float32.</summary>
    public static void Above0(HfConfig c, string key, bool orZero = false)
    {
        if (c.Has(key) && c.Number(key) is var value && !(float.IsFinite((float)value) && (value > 0 || (orZero && value == 0))))
        {
            throw new InvalidDataException(
                FormattableString.Invariant($"{c.Source}: \"{key}\" must be {(orZero ? "0 or more" : "above 0")}, it is {value}.")
            );
        }
    }

    /// <summary>The first must be a multiple of the second.</summary>
    public static void RequireMultiple(HfConfig c, string key, int value, string ofKey, int of)
    {
        if (value % of != 0)
        {
            throw new InvalidDataException($"{c.Source}: {key} {value} must be a multiple of {ofKey} {of}.");
        }
    }

    /// <summary>The first must not exceed the second.</summary>
    public static void AtMost(HfConfig c, string key, int value, string ofKey, int of)
    {
        if (value > of)
        {
            throw new InvalidDataException($"{c.Source}: {key} {value} must be at most {ofKey} {of}.");
        }
    }

    /// <summary>Rotary positions turn pairs.</summary>
    public static void Even(HfConfig c, string key, int value)
    {
        if (value % 2 != 0)
        {
            throw new InvalidDataException($"{c.Source}: {key} {value} must be even, rotary positions turn pairs.");
        }
    }

    /// <summary>The activation that a key names.</summary>
    public static Activation Activation(HfConfig c, string key = "hidden_act", string absent = "silu") =>
        c.Text(key, absent) switch
        {
            "silu" or "swish" => Tensors.Activation.Silu,
            "gelu" => Tensors.Activation.Gelu,
            "gelu_pytorch_tanh" or "gelu_new" => Tensors.Activation.GeluTanh,
            "relu" => Tensors.Activation.Relu,
            "relu2" => Tensors.Activation.ReluSquared,
            string other => throw new InvalidDataException(
                $"{c.Source}: {key} \"{other}\" is not known here; known are silu, gelu, gelu_pytorch_tanh, relu and relu2."
            ),
        };

    /// <summary>Sparse layers here have one activation.</summary>
    public static void Silu(HfConfig c)
    {
        if (Activation(c) != Tensors.Activation.Silu)
        {
            throw new InvalidDataException(
                $"{c.Source}: experts with hidden_act \"{c.Text("hidden_act")}\" are not built here; known is silu."
            );
        }
    }

    /// <summary>Heads, key-value heads and head_dim.</summary>
    /// <param name="c">the configuration</param>
    /// <param name="absentKeyValueHeads">what transformers takes where the key is absent; null, and a key that is null: as many as
    /// heads</param>
    /// <param name="absentHeadDim">the same of head_dim; null: hidden_size / num_attention_heads</param>
    public static AttentionSpec Attention(HfConfig c, int? absentKeyValueHeads = null, int? absentHeadDim = null)
    {
        int hidden = c.Int("hidden_size"),
            heads = c.Int("num_attention_heads");
        Positive(c, ("hidden_size", hidden), ("num_attention_heads", heads));
        int keyValueHeads = c.Int("num_key_value_heads", c.Keys.Contains("num_key_value_heads") ? heads : absentKeyValueHeads ?? heads);
        int headDim = c.Int("head_dim", absentHeadDim ?? hidden / heads);
        Positive(c, ("num_key_value_heads", keyValueHeads), ("head_dim", headDim));
        RequireMultiple(c, "num_attention_heads", heads, "num_key_value_heads", keyValueHeads);
        Even(c, "head_dim", headDim);
        return new AttentionSpec(heads, keyValueHeads, headDim);
    }
}
