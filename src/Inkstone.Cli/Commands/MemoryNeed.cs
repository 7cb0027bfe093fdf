using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary>A matrix or vector as <c>inspect</c> counts it.</summary>
internal sealed record WeightFacts(string Name, string Type, long[] Shape, long FileBytes, long MemoryBytes)
{
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>Bytes that a model will need for three kinds of work, each with what it is made of.</summary>
internal static class MemoryNeed
{
    private const int Rank = 16,
        Tokens = 512,
        AdamBytes = 16;

    public static void AddTo(FactSheet sheet, HfConfig config, IReadOnlyCollection<WeightFacts> weights)
    {
        long parameters = weights.Sum(w => w.Count),
            loaded = weights.Sum(w => w.MemoryBytes);
        using Device device = new(threads: 1);
        using CausalLm model = Pretrained.Describe(config, device);
        int context = model.MaxPositionEmbeddings;
        long cache = model.CacheBytes(context, Tokens),
            activations = sizeof(float) * Tokens * model.ActivationsPerToken;
        long adapters = weights.Where(IsLinear).Sum(w => (w.Shape[0] + w.Shape[1]) * Rank * AdamBytes);
        sheet.Table(
            "memory",
            ["for", "bytes", "GiB", "made_of"],
            [
                Row(
                    "inference",
                    loaded + cache,
                    $"weights {Gib(loaded)} as --model loads them by itself, cache {Gib(cache)} for the whole context of {context} tokens in fp32"
                ),
                Row(
                    "LoRA",
                    loaded + adapters + activations,
                    $"frozen weights {Gib(loaded)}, adapters of rank {Rank} on all linear layers with gradients and AdamW {Gib(adapters)}, activations {Gib(activations)} of one row of {Tokens} tokens"
                ),
                Row(
                    "full training",
                    AdamBytes * parameters + activations,
                    $"fp32 weights, gradients and two AdamW moments {Gib(AdamBytes * parameters)}, activations {Gib(activations)} of one row of {Tokens} tokens"
                ),
            ]
        );
    }

    private static bool IsLinear(WeightFacts w) =>
        w.Shape.Length == 2
        && !w.Name.Contains("embed", StringComparison.Ordinal)
        && !w.Name.StartsWith("lm_head", StringComparison.Ordinal);

    private static string[] Row(string work, long bytes, string madeOf) =>
        [work, $"{bytes}", Format.Text($"{bytes / (double)(1L << 30):0.00}"), madeOf];

    private static string Gib(long bytes) => Format.Text($"{bytes / (double)(1L << 30):0.00} GiB");
}
