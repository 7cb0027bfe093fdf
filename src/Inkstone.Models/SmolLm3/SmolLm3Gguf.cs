using System.Text.Json.Nodes;
using Inkstone.Formats;

namespace Inkstone.Models.SmolLm3;

/// <summary>GGUF files of SmolLM3. Which layers rotate is not stored: all but every fourth. There are no biases.</summary>
internal static class SmolLm3Gguf
{
    private const int Interval = 4;

    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("smollm3", "smollm3", [.. GgufRules.Norms(), .. GgufRules.Attention(interleaved: true, 4), .. GgufRules.Dense])
        {
            ClassName = "SmolLM3ForCausalLM",
            Absent = new GgufAbsent(KeyValueHeads: 4, Theta: 2_000_000),
            Write = (a, c, _) =>
            {
                int[] list = c.Ints("no_rope_layers");
                bool fits =
                    list.Length > 0
                        ? list.Index().All(l => (l.Item != 0) == ((l.Index + 1) % Interval != 0))
                        : c.Int("no_rope_layer_interval", Interval) is var interval
                            && Enumerable.Range(1, c.Int("num_hidden_layers")).All(i => i % interval != 0 == (i % Interval != 0));
                a.Assume(c, list.Length > 0 ? "no_rope_layers" : "no_rope_layer_interval", fits, "positions in all but every fourth layer");
                GgufRules.NoQwenWindow(a, c);
            },
            Read = (_, keys, json) =>
            {
                (json["attention_bias"], json["mlp_bias"]) = (false, false);
                (json["no_rope_layer_interval"], json["use_sliding_window"]) = (Interval, false);
                json["no_rope_layers"] = new JsonArray([
                    .. Enumerable.Range(1, keys.Required("block_count")).Select(i => (JsonNode)(i % Interval == 0 ? 0 : 1)),
                ]);
            },
        };
}
