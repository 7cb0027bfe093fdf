using Inkstone.Formats;

namespace Inkstone.Cli;

/// <summary>A matrix or vector as <c>inspect</c> counts it.</summary>
internal sealed record WeightFacts(string Name, string Type, long[] Shape, long FileBytes, long MemoryBytes)
{
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>Bytes that a model will need for three kinds of work, each with what it is made of.</summary>
internal static class MemoryNeed
{
    private const int Rank = 16, Tokens = 512, AdamBytes = 16;

    public static void AddTo(Sheet sheet, HfConfig config, IReadOnlyCollection<WeightFacts> weights)
    {
        long parameters = weights.Sum(w => w.Count), loaded = weights.Sum(w => w.MemoryBytes);
        long layers = config.Int("num_hidden_layers", 0), heads = config.Int("num_attention_heads", 1), hidden = config.Int("hidden_size", 0);
        long context = config.Int("max_position_embeddings", 2048);
        long keyWidth = config.Int("num_key_value_heads", (int)heads) * (long)config.Int("head_dim", (int)(hidden / Math.Max(heads, 1)));
        long cache = 2 * layers * keyWidth * sizeof(float) * context;
        // Per token and layer: inputs of norms and products, queries, keys, values, attention, and the three inner rows of the feed-forward part.
        long activations = Tokens * layers * sizeof(float) * (6 * hidden + 2 * keyWidth + 3L * config.Int("intermediate_size", 0));
        long adapters = weights.Where(IsLinear).Sum(w => (w.Shape[0] + w.Shape[1]) * Rank * AdamBytes);
        sheet.Table("memory", ["for", "bytes", "GiB", "made_of"],
        [
            Row("inference", loaded + cache, $"weights {Gib(loaded)} as --model loads them by itself, cache {Gib(cache)} for the whole context of {context} tokens in fp32"),
            Row("LoRA", loaded + adapters + activations, $"frozen weights {Gib(loaded)}, adapters of rank {Rank} on all linear layers with gradients and AdamW {Gib(adapters)}, activations {Gib(activations)} of one row of {Tokens} tokens"),
            Row("full training", AdamBytes * parameters + activations, $"fp32 weights, gradients and two AdamW moments {Gib(AdamBytes * parameters)}, activations {Gib(activations)} of one row of {Tokens} tokens"),
        ]);
    }

    private static bool IsLinear(WeightFacts w)
        => w.Shape.Length == 2 && !w.Name.Contains("embed", StringComparison.Ordinal) && !w.Name.StartsWith("lm_head", StringComparison.Ordinal);

    private static string[] Row(string work, long bytes, string madeOf) => [work, $"{bytes}", Figures.Of($"{bytes / (double)(1L << 30):0.00}"), madeOf];

    private static string Gib(long bytes) => Figures.Of($"{bytes / (double)(1L << 30):0.00} GiB");
}
