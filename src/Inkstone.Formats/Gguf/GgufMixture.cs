using System.Globalization;

namespace Inkstone.Formats;

/// <summary>
/// The element type of each matrix, as llama.cpp mixes them when it quantises without an importance matrix: values, outputs of attention
/// and the way down are
/// given more bits, in the first and last layers above all.
/// </summary>
/// <param name="wanted">the file's type</param>
/// <param name="layers">number of layers</param>
/// <param name="experts">number of experts of a sparse layer, 0 where there are none</param>
/// <param name="queriesPerKey">attention heads for each key-value head</param>
/// <param name="tied">whether the embedding is the head, too</param>
internal sealed class GgufMixture(GgufFileType wanted, int layers, int experts, int queriesPerKey, bool tied)
{
    private const int LayersOf70B = 80;

    /// <summary>The type of the matrix <paramref name="name"/> with rows of <paramref name="width"/>.</summary>
    public GgufType TypeOf(string name, int width)
    {
        // Routers decide, so they stay exact.
        if (name.Contains("_gate_inp.", StringComparison.Ordinal))
        {
            return GgufType.F32;
        }
        GgufType type = Whole(name, width) ?? InLayer(name);
        return Fitting(type, width);
    }

    private GgufType Usual =>
        wanted switch
        {
            GgufFileType.Q3_K_S or GgufFileType.Q3_K_M or GgufFileType.Q3_K_L => GgufType.Q3_K,
            GgufFileType.Q4_K_S or GgufFileType.Q4_K_M => GgufType.Q4_K,
            GgufFileType.Q5_K_S or GgufFileType.Q5_K_M => GgufType.Q5_K,
            _ => Enum.Parse<GgufType>(wanted.ToString()),
        };

    private bool IsK => wanted is >= GgufFileType.Q2_K and <= GgufFileType.Q6_K;

    /// <summary>Embedding and head.</summary>
    private GgufType? Whole(string name, int width)
    {
        bool head = name == "output.weight",
            embedding = name == "token_embd.weight";
        return (head || embedding) && wanted == GgufFileType.Q4_0 ? GgufType.Q8_0
            : IsK && (head || (tied && embedding))
                ? width % Usual.BlockElements() == 0 ? GgufType.Q6_K
                    : GgufType.Q8_0
            : head || embedding ? Usual
            : null;
    }

    private GgufType InLayer(string name)
    {
        string[] parts = name.Split('.');
        if (!IsK || parts.Length < 3 || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int layer))
        {
            return Usual;
        }
        return parts[2] switch
        {
            "attn_v" => Values(layer),
            "attn_k" when experts == 8 => GgufType.Q8_0,
            "attn_output" => Output(),
            "ffn_down" or "ffn_down_exps" or "ffn_down_shexp" => Down(layer),
            _ => Usual,
        };
    }

    private GgufType Values(int layer)
    {
        GgufType type = wanted switch
        {
            GgufFileType.Q2_K => queriesPerKey >= 4 ? GgufType.Q4_K : GgufType.Q3_K,
            GgufFileType.Q3_K_M => layer < 2 ? GgufType.Q5_K : GgufType.Q4_K,
            GgufFileType.Q3_K_L => GgufType.Q5_K,
            GgufFileType.Q4_K_S when layer < 4 => GgufType.Q5_K,
            GgufFileType.Q4_K_M or GgufFileType.Q5_K_M when MoreBits(layer) => GgufType.Q6_K,
            _ => Usual,
        };
        // Values of the 70B models are small, shared by eight heads each.
        return experts == 8 ? GgufType.Q8_0
            : layers == LayersOf70B && type is GgufType.Q3_K or GgufType.Q4_K ? GgufType.Q5_K
            : type;
    }

    private GgufType Output() =>
        experts == 8
            ? wanted is GgufFileType.Q2_K or GgufFileType.Q3_K_S or GgufFileType.Q3_K_M or GgufFileType.Q4_K_S or GgufFileType.Q4_K_M
                ? GgufType.Q5_K
                : Usual
            : wanted switch
            {
                GgufFileType.Q2_K => GgufType.Q3_K,
                GgufFileType.Q3_K_M => GgufType.Q4_K,
                GgufFileType.Q3_K_L => GgufType.Q5_K,
                _ => Usual,
            };

    private GgufType Down(int layer) =>
        wanted switch
        {
            GgufFileType.Q2_K => GgufType.Q3_K,
            GgufFileType.Q3_K_M => layer < layers / 16 ? GgufType.Q5_K : GgufType.Q4_K,
            GgufFileType.Q3_K_L => GgufType.Q5_K,
            GgufFileType.Q4_K_S when layer < layers / 8 => GgufType.Q5_K,
            GgufFileType.Q4_K_M or GgufFileType.Q5_K_M when MoreBits(layer) => GgufType.Q6_K,
            _ => Usual,
        };

    /// <summary>The first and last eighth, and every third layer between.</summary>
    private bool MoreBits(int layer) => layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;

    /// <summary>Where rows do not hold whole blocks, blocks of 32 of about as many bits, else half precision.</summary>
    private static GgufType Fitting(GgufType type, int width)
    {
        if (width % type.BlockElements() == 0)
        {
            return type;
        }
        GgufType smaller = type switch
        {
            GgufType.Q2_K or GgufType.Q3_K => GgufType.Q4_0,
            GgufType.Q4_K => GgufType.Q5_0,
            GgufType.Q5_K => GgufType.Q5_1,
            GgufType.Q6_K => GgufType.Q8_0,
            _ => GgufType.F16,
        };
        return width % smaller.BlockElements() == 0 ? smaller : GgufType.F16;
    }
}
