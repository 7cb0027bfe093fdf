using System.Diagnostics;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Bench;

/// <summary>What the next token of a text costs.</summary>
/// <param name="Model">name of the sizes</param>
/// <param name="Length">tokens of the text so far</param>
/// <param name="Seconds">of the median token</param>
/// <param name="CacheBytes">that a text of this length keeps</param>
/// <param name="Ops">seconds a token by op, most first</param>
public sealed record ContextCost(
    string Model,
    int Length,
    double Seconds,
    long CacheBytes,
    IReadOnlyList<(string Name, double Seconds)> Ops
)
{
    /// <summary>Tokens a second.</summary>
    public double Rate => 1 / Seconds;
}

/// <summary>Times the next token behind texts of several lengths, with random weights and caches full of noise: what it costs depends on
/// neither.</summary>
public static class ContextBench
{
    /// <summary>Most tokens that a cache takes in at once: prompts go through an engine in such parts.</summary>
    private const int Step = 512;

    /// <summary>Measures; lengths take turns, so that a busy machine slows all of them.</summary>
    /// <param name="device">where</param>
    /// <param name="config">sizes, whose context holds the longest text and the tokens behind it</param>
    /// <param name="name">of the sizes</param>
    /// <param name="lengths">of texts</param>
    /// <param name="tokens">of a turn</param>
    /// <param name="rounds">turns of each length, after one that warms up</param>
    /// <param name="cancelled">looked at before each turn</param>
    public static IReadOnlyList<ContextCost> Run(
        Device device,
        HfConfig config,
        string name,
        IReadOnlyList<int> lengths,
        int tokens,
        int rounds,
        CancellationToken cancelled = default
    )
    {
        using CausalLm model = Pretrained.New(config, device, 1);
        int further = tokens * (rounds + 2);
        PagedCache[] caches = [.. lengths.Select(length => model.NewCache(length + further, step: Math.Min(Step, length + further)))];
        CachedSequence[] texts =
        [
            .. caches.Zip(lengths, (cache, length) => cache.Pretend(length, Step) ?? throw new InsufficientMemoryException("no memory")),
        ];
        List<double>[] seconds = [.. lengths.Select(_ => new List<double>())];
        Profile[] profiles = [.. lengths.Select(_ => new Profile())];
        for (int round = -1; round <= rounds; round++)
        {
            for (int i = 0; i < texts.Length; i++)
            {
                cancelled.ThrowIfCancellationRequested();
                device.Profile = round == rounds ? profiles[i] : null;
                for (int n = 0; n < tokens; n++)
                {
                    double second = Token(model, texts[i], n);
                    if (round >= 0 && round < rounds)
                    {
                        seconds[i].Add(second);
                    }
                }
            }
        }
        device.Profile = null;
        ContextCost[] costs =
        [
            .. lengths.Select(
                (length, i) =>
                    new ContextCost(
                        name,
                        length,
                        seconds[i].Order().ElementAt(seconds[i].Count / 2),
                        model.CacheBytes(length, 1),
                        [.. profiles[i].Entries.OrderByDescending(e => e.Value.Seconds).Select(e => (e.Key, e.Value.Seconds / tokens))]
                    )
            ),
        ];
        Array.ForEach(texts, text => text.Dispose());
        Array.ForEach(caches, cache => cache.Dispose());
        return costs;
    }

    private static double Token(CausalLm model, CachedSequence text, int n)
    {
        long began = Stopwatch.GetTimestamp();
        using (StepScope step = model.Device.Step())
        {
            Tensor ids = model.Device.Rent(new Shape(1, 1), [(int)(n * 7919L % model.VocabSize)]);
            _ = model.Logits(model.Hidden(ids, ForwardContext.Next(text, 1)));
        }
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }
}
