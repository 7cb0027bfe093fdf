using System.Diagnostics;
using System.Text;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>One text being written by a model, timed by what a reader sees: the first token, and the rate of those after it.</summary>
internal sealed record Writing(int[] PromptIds, IReadOnlyList<int> Ids, string Text, string FinishReason, double FirstTokenSeconds, double TotalSeconds)
{
    public double PrefillRate => PromptIds.Length / FirstTokenSeconds;

    /// <summary>Tokens per second after the first; NaN when there were fewer than two.</summary>
    public double DecodeRate => Ids.Count > 1 ? (Ids.Count - 1) / (TotalSeconds - FirstTokenSeconds) : double.NaN;

    /// <summary>Writes until a stop, handing text on as soon as it is decided.</summary>
    public static Writing Do(CausalLm model, Tokenizer tokenizer, int[] prompt, SamplingParams p, bool useCache, Action<string> show, CancellationToken cancelled)
    {
        Generator generator = new(model);
        StreamDecoder decoder = new(tokenizer);
        StopMatcher stops = new(p.Stop ?? []);
        List<int> ids = [];
        StringBuilder text = new();
        long began = Stopwatch.GetTimestamp();
        double first = 0;
        foreach (int id in generator.Generate(prompt, p, useCache))
        {
            if (ids.Count == 0)
            {
                first = Stopwatch.GetElapsedTime(began).TotalSeconds;
            }
            cancelled.ThrowIfCancellationRequested();
            ids.Add(id);
            Show(stops.Push(decoder.Add(id)));
            if (stops.Stopped)
            {
                break;
            }
        }
        double total = Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (!stops.Stopped)
        {
            Show(stops.Push(decoder.Flush()) + stops.Flush());
        }
        string reason = stops.Stopped || generator.FinishReason == Inference.FinishReason.Stop ? "stop" : "length";
        return new Writing(prompt, ids, text.ToString(), reason, ids.Count == 0 ? total : first, total);

        void Show(string piece)
        {
            text.Append(piece);
            if (piece.Length > 0)
            {
                show(piece);
            }
        }
    }
}
