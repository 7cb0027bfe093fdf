using Inkstone.Formats;
using Inkstone.Models.Llama;

namespace Inkstone.Models.Mistral;

/// <summary>GGUF files of Mistral: Llama's, which have no window, so they come back as Llama.</summary>
internal static class MistralGguf
{
    /// <summary>What files of it look like.</summary>
    public static GgufArchitecture Architecture { get; } =
        new("llama", "mistral", LlamaGguf.Block(8))
        {
            Absent = new GgufAbsent(KeyValueHeads: 8),
            Rope = LlamaGguf.Architecture.Rope,
            Is = (_, _) => false,
            Write = (a, c, _) =>
                GgufRules.NoWindow(
                    a,
                    c,
                    c.Has("sliding_window") ? c.Int("sliding_window")
                        : c.Keys.Contains("sliding_window") ? null
                        : 4096
                ),
        };
}
