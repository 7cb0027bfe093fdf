using System.Diagnostics;
using System.Runtime.InteropServices;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>
/// Lets the policy answer prompts by the inference engine, on the very weights that are trained: answers side by side, each prompt computed
/// once for its group. What an answer says depends on the
/// run's seed, on where its prompt stands in the order of prompts, and on its number in the group, not on what is written beside it nor on
/// the number of threads.
/// </summary>
/// <param name="model">the policy</param>
/// <param name="ends">tokens that end an answer</param>
/// <param name="maxTokens">most tokens of an answer, the one that ends it included</param>
/// <param name="temperature">at which it is written</param>
/// <param name="seed">the run's seed</param>
internal sealed class RolloutWriter(CausalLm model, IReadOnlyList<int> ends, int maxTokens, double temperature, ulong seed)
{
    private const int SideBySide = 64,
        BatchTokens = 1024;

    /// <summary>Seconds of the last rollout.</summary>
    public double Seconds { get; private set; }

    /// <summary>Tokens that were written in it.</summary>
    public int Tokens { get; private set; }

    /// <summary>Tokens of prompts that were not computed again, because a group shares them.</summary>
    public long SharedTokens { get; private set; }

    /// <summary>Writes <paramref name="each"/> answers to each prompt, group behind group.</summary>
    /// <param name="prompts">tokens of the prompts, and what tells each from all other prompts of the run</param>
    /// <param name="each">answers to each</param>
    /// <param name="greedy">the likeliest token always, as held-out prompts are answered</param>
    public List<RolledAnswer> Write(IReadOnlyList<(int[] Ids, long Pass, long Place)> prompts, int each, bool greedy = false)
    {
        long began = Stopwatch.GetTimestamp();
        int longest = Math.Min(model.MaxPositionEmbeddings, prompts.Max(p => p.Ids.Length) + maxTokens),
            texts = prompts.Count * each;
        // A new engine for each rollout: its caches hold nothing of earlier weights.
        using Engine engine = new(
            model,
            null,
            new EngineOptions
            {
                MaxSequences = Math.Min(texts, SideBySide),
                MaxWaiting = texts,
                MaxBatchTokens = BatchTokens,
                MaxLength = longest,
            }
        );
        List<(int[] Prompt, Generation Text)> written = [];
        foreach ((int[] ids, long pass, long place) in prompts)
        {
            for (int k = 0; k < each; k++)
            {
                SamplingParams sampling = new(
                    Temperature: greedy ? 0 : (float)temperature,
                    MaxTokens: maxTokens,
                    Seed: SeedOf(pass, place, k)
                )
                {
                    StopTokenIds = ends,
                };
                written.Add(
                    (
                        ids,
                        engine.Add(
                            new GenerationRequest(ids, sampling) { LogProbs = 0, LogProbTemperature = greedy ? 1 : (float)temperature }
                        )
                    )
                );
            }
        }
        while (engine.Step()) { }
        List<RolledAnswer> answers = [.. written.Select(w => RolledAnswer.Create(w.Prompt, w.Text, out _))];
        (Seconds, Tokens, SharedTokens) = (
            Stopwatch.GetElapsedTime(began).TotalSeconds,
            answers.Sum(a => a.Ids.Length),
            engine.Statistics.CachedTokens
        );
        return answers;
    }

    private ulong SeedOf(long pass, long place, int k) =>
        StableHash.Compute(MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)[seed, (ulong)pass, (ulong)place, (ulong)k]));
}
