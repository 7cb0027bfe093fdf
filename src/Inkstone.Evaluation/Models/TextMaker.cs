using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Evaluation;

/// <summary>Texts behind prompts, many side by side, each up to the first token that completes a stop text.</summary>
internal sealed class TextMaker(CausalLm model, Tokenizer tokenizer)
{
    private const int AtOnce = 16;

    /// <summary>A text that is wanted: its prompt, how tokens are chosen, and the texts that end it.</summary>
    public sealed record Wanted(int[] Prompt, SamplingParams Sampling, IReadOnlyList<string> Stops);

    /// <summary>New tokens of each, the token that completes a stop text among them.</summary>
    public int[][] Make(IReadOnlyList<Wanted> wanted, Action? answered, CancellationToken cancelled)
    {
        int[][] made = new int[wanted.Count][];
        if (wanted.Count == 0)
        {
            return made;
        }
        using Engine engine = new(
            model,
            null,
            new EngineOptions
            {
                MaxSequences = AtOnce,
                MaxLength = Math.Min(model.MaxPositionEmbeddings, wanted.Max(w => w.Prompt.Length + w.Sampling.MaxTokens)),
            }
        );
        Queue<int> waiting = new(
            Enumerable
                .Range(0, wanted.Count)
                .OrderBy(i => wanted[i].Prompt, Comparer<int[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))
        );
        List<Running> running = [];
        while (waiting.Count + running.Count > 0)
        {
            cancelled.ThrowIfCancellationRequested();
            while (running.Count < AtOnce && waiting.TryDequeue(out int next))
            {
                running.Add(
                    new Running(
                        next,
                        engine.Add(new GenerationRequest(wanted[next].Prompt, wanted[next].Sampling)),
                        wanted[next].Stops,
                        tokenizer
                    )
                );
            }
            _ = engine.Step();
            foreach (Running text in running)
            {
                if (text.Ends())
                {
                    made[text.Number] = [.. text.Made];
                    answered?.Invoke();
                }
            }
            running.RemoveAll(r => made[r.Number] is not null);
        }
        return made;
    }

    private sealed class Running(int number, Generation generation, IReadOnlyList<string> stops, Tokenizer tokenizer)
    {
        /// <summary>A stop text is sought in as many of the last tokens as it has itself, and two more.</summary>
        private readonly (string Text, int Tokens)[] _stops =
        [
            .. stops.Select(s => (s, tokenizer.Encode(s, addSpecialTokens: false).Length + 2)),
        ];

        public int Number => number;

        public List<int> Made { get; } = [];

        /// <summary>Takes the tokens that came; true where the text is at its end.</summary>
        public bool Ends()
        {
            while (generation.TryRead(out GenerationOutput output))
            {
                if (output.Id < 0)
                {
                    continue;
                }
                Made.Add(output.Id);
                if (_stops.Any(s => tokenizer.Decode([.. Made.Skip(Made.Count - s.Tokens)]).Contains(s.Text, StringComparison.Ordinal)))
                {
                    generation.Cancel();
                    return true;
                }
            }
            return generation.FinishReason is not null;
        }
    }
}
