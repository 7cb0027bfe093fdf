using System.Runtime.InteropServices;
using Inkstone.Data;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>An answer with what it is worth.</summary>
/// <param name="Text">what it says, without special tokens</param>
/// <param name="Score">the weighed sum of its rewards, or the mean log-probability of its tokens where there are no rewards; NaN where no
/// function had anything to say</param>
/// <param name="Rewards">what each function said, by name; NaN: nothing</param>
/// <param name="Tokens">its tokens, the one that ends it included</param>
/// <param name="Ended">whether it ended by itself</param>
public sealed record ScoredAnswer(string Text, double Score, IReadOnlyDictionary<string, double> Rewards, int Tokens, bool Ended);

/// <summary>
/// Best of n (Stiennon et al., 2020): several answers to each prompt, ordered by what reward functions say of them, or by how likely the
/// model finds them. An answer depends on the seed, on where its
/// prompt stands and on its number, not on what is written beside it.
/// </summary>
public sealed class BestOf : IDisposable
{
    private const int SideBySide = 64,
        BatchTokens = 1024;

    private readonly CausalLm _model;
    private readonly Tokenizer _tokenizer;
    private readonly int _answers;
    private readonly SamplingParams _sampling;
    private readonly RewardPanel _rewards;

    /// <summary>Opens the reward functions.</summary>
    /// <param name="model">the model that writes</param>
    /// <param name="tokenizer">its tokenizer</param>
    /// <param name="answers">answers to each prompt</param>
    /// <param name="sampling">how they are drawn; its seed is that of all of them</param>
    /// <param name="rewards">a YAML file whose keys are reward functions, as the section of that name in recipes; null: answers are ordered
    /// by mean log-probability</param>
    /// <param name="warn">where warnings go</param>
    /// <exception cref="InvalidDataException">The file of rewards is no such file; the message names the line.</exception>
    public BestOf(CausalLm model, Tokenizer tokenizer, int answers, SamplingParams sampling, string? rewards, Action<string> warn)
    {
        (_model, _tokenizer, _answers, _sampling) = (model, tokenizer, answers, sampling);
        IReadOnlyList<NamedReward> named = [];
        if (rewards is not null)
        {
            RecipeSection section = RecipeFile.Load(rewards, []);
            named = RewardKinds.From(section);
            section.Close();
            if (named.Count == 0)
            {
                throw new InvalidDataException($"{rewards} names no reward function; name one, such as number: {{weight: 1}}");
            }
        }
        _rewards = new RewardPanel(named, new RewardSetting(model.Device, model.VocabSize, warn), tokenizer);
    }

    /// <summary>The prompts of files, as recipes of reinforcement read them; none is held out.</summary>
    /// <param name="files">JSONL, JSON, CSV, Parquet or Arrow: prompt (text or messages), messages, or question</param>
    /// <exception cref="InvalidDataException">A record is no prompt, or there is none; the message names the place.</exception>
    public PromptSet Prompts(IReadOnlyList<string> files) =>
        PromptSet.Read(
            new PromptSection(files, [], ValidRatio: 0, MaxPromptLength: int.MaxValue, System: null, Shuffle: false),
            _tokenizer,
            null,
            _model.MaxPositionEmbeddings
        );

    /// <summary>Answers each prompt; the answers of one, best first, and equals in the order in which they were drawn.</summary>
    /// <param name="prompts">the prompts</param>
    /// <param name="cancelled">ends it between two tokens</param>
    public IEnumerable<(PolicyPrompt Prompt, IReadOnlyList<ScoredAnswer> Answers)> Write(
        IReadOnlyList<PolicyPrompt> prompts,
        CancellationToken cancelled
    )
    {
        int atOnce = Math.Max(1, SideBySide / _answers);
        int most = _sampling.MaxLength ?? int.MaxValue,
            longest =
                (int)Math.Min(_model.MaxPositionEmbeddings, Math.Min(most, prompts.Max(p => p.Ids.Length) + (long)_sampling.MaxTokens));
        using Engine engine = new(
            _model,
            _tokenizer,
            new EngineOptions
            {
                MaxSequences = SideBySide,
                MaxWaiting = atOnce * _answers,
                MaxBatchTokens = BatchTokens,
                MaxLength = longest,
            }
        );
        for (int from = 0; from < prompts.Count; from += atOnce)
        {
            PolicyPrompt[] part = [.. prompts.Skip(from).Take(atOnce)];
            List<Generation> texts = [];
            for (int i = 0; i < part.Length * _answers; i++)
            {
                ulong seed = StableHash.Compute(
                    MemoryMarshal.AsBytes((ReadOnlySpan<ulong>)[_sampling.Seed, (ulong)(from + i / _answers), (ulong)(i % _answers)])
                );
                texts.Add(engine.Add(new GenerationRequest(part[i / _answers].Ids, _sampling with { Seed = seed }) { LogProbs = 0 }));
            }
            while (engine.Step())
            {
                cancelled.ThrowIfCancellationRequested();
            }
            (RolledAnswer Ids, string Text)[] said =
            [
                .. texts.Select((t, i) => (RolledAnswer.Create(part[i / _answers].Ids, t, out string text), text)),
            ];
            double[][] rewards = _rewards.Score(
                [.. said.Select((_, i) => part[i / _answers])],
                [.. said.Select(s => s.Ids)],
                [.. said.Select(s => s.Text)],
                []
            );
            ScoredAnswer[] scored =
            [
                .. said.Select((s, i) => Scored(s.Ids, s.Text, rewards[i], texts[i].FinishReason == FinishReason.Stop)),
            ];
            for (int i = 0; i < part.Length; i++)
            {
                yield return (
                    part[i],
                    [
                        .. scored
                            .AsSpan(i * _answers, _answers)
                            .ToArray()
                            .OrderByDescending(a => double.IsNaN(a.Score) ? double.NegativeInfinity : a.Score),
                    ]
                );
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _rewards.Dispose();

    private ScoredAnswer Scored(RolledAnswer ids, string text, double[] rewards, bool ended) =>
        new(
            text,
            rewards.Length > 0 ? _rewards.Sum(rewards)
                : ids.Ids.Length > 0 ? ids.Sampled.Average()
                : double.NegativeInfinity,
            _rewards.Names.Zip(rewards).ToDictionary(r => r.First, r => r.Second),
            ids.Ids.Length,
            ended
        );
}
