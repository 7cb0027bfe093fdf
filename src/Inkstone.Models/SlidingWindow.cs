using Inkstone.Formats;

namespace Inkstone.Models;

/// <summary>Which layers see only a window of keys: <c>layer_types</c> (transformers 5), or <c>use_sliding_window</c> with
/// <c>max_window_layers</c> (before).</summary>
internal static class SlidingWindow
{
    /// <summary>The keys of config.json that it reads.</summary>
    public static readonly string[] Keys = ["use_sliding_window", "sliding_window", "max_window_layers", "layer_types"];

    /// <summary>Attention of each layer, by Qwen's rules.</summary>
    /// <param name="c">the configuration</param>
    /// <param name="whole">attention without a window</param>
    /// <param name="everywhere">whether every layer slides where layer_types does not say otherwise: qwen3_moe does not read
    /// max_window_layers</param>
    public static AttentionSpec[] OfLayers(HfConfig c, AttentionSpec whole, bool everywhere = false)
    {
        int layers = c.Int("num_hidden_layers");
        ConfigCheck.Positive(c, ("num_hidden_layers", layers));
        if (!c.Bool("use_sliding_window", false) || !c.Has("sliding_window"))
        {
            return [.. Enumerable.Repeat(whole, layers)];
        }
        int window = c.Int("sliding_window"),
            full = everywhere ? 0 : c.Int("max_window_layers", 28);
        ConfigCheck.Positive(c, ("sliding_window", window));
        AttentionSpec sliding = whole with { Window = window };
        string[] types = LayerTypes(c, layers, "sliding_attention", "full_attention");
        return
        [
            .. Enumerable.Range(0, layers).Select(i => (types.Length > 0 ? types[i] == "sliding_attention" : i >= full) ? sliding : whole),
        ];
    }

    /// <summary>layer_types, checked: one of the known kinds for each layer, or nothing where the key is absent.</summary>
    public static string[] LayerTypes(HfConfig c, int layers, params string[] known)
    {
        string[] types = c.Texts("layer_types");
        return types.Length == 0 || (types.Length == layers && types.All(known.Contains))
            ? types
            : throw new InvalidDataException(
                $"{c.Source}: layer_types must name {string.Join(" or ", known)} for each of {layers} layers."
            );
    }
}
