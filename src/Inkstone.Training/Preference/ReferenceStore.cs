using System.Globalization;
using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>
/// Log-probabilities of all answers under the model as it was before the first step, computed once and stored in OUT/reference.state, a
/// safetensors file of one list with
/// the fingerprints of the data as metadata.
/// </summary>
internal static class ReferenceStore
{
    public const string FileName = "reference.state";

    private const string List = "logprobs",
        Data = "data";
    private const int TokensAtOnce = 1024;

    /// <summary>Reads what is stored into the sources; false where nothing is, or it belongs to other data.</summary>
    public static bool Read(string directory, string fingerprint, params ReadOnlySpan<PreferenceSource?> sources)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            return false;
        }
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue(Data, out string? of) || of != fingerprint)
        {
            return false;
        }
        float[] all = file.ReadFloats(List);
        int at = 0;
        foreach (PreferenceSource? source in sources)
        {
            if (source is not null)
            {
                source.Reference =
                [
                    .. source.Examples.Select(
                        (_, i) =>
                            Answers(source, i)
                                .Select(answer =>
                                {
                                    float[] run = all[at..(at + Scored(source.Examples[i], answer))];
                                    at += run.Length;
                                    return run;
                                })
                                .ToArray()
                    ),
                ];
            }
        }
        return at == all.Length
            ? true
            : throw new InvalidDataException($"{path} holds {all.Length} numbers where {at} are wanted; begin the run anew with --force");
    }

    /// <summary>Computes them with the model as it is and stores them.</summary>
    /// <param name="model">the reference</param>
    /// <param name="directory">OUT</param>
    /// <param name="fingerprint">of the data</param>
    /// <param name="progress">hears the share that is done</param>
    /// <param name="cancelled">ends it</param>
    /// <param name="sources">whose answers</param>
    public static void Compute(
        CausalLm model,
        string directory,
        string fingerprint,
        Action<double>? progress,
        CancellationToken cancelled,
        params IReadOnlyList<PreferenceSource?> sources
    )
    {
        List<float> all = [];
        AnswerBatch batch = new(model.SharesPrompts);
        TokenRuns runs = new();
        long done = 0,
            tokens = sources.Sum(s => s?.Examples.Sum(e => (long)e.Tokens) ?? 0);
        foreach (PreferenceSource source in sources.OfType<PreferenceSource>())
        {
            float[][][] reference = new float[source.Examples.Count][][];
            for (int from = 0; from < reference.Length; )
            {
                cancelled.ThrowIfCancellationRequested();
                int to = from;
                batch.Clear();
                do
                {
                    batch.Add(source.Examples[to].Prompt, Answers(source, to));
                    done += source.Examples[to++].Tokens;
                } while (to < reference.Length && batch.TokenCount + source.Examples[to].Tokens <= TokensAtOnce);
                batch.Close();
                batch.LogProbs(model, runs);
                for (int i = from, run = 0; i < to; i++)
                {
                    reference[i] = [.. Answers(source, i).Select(_ => runs[run++].ToArray().Select(v => (float)v).ToArray())];
                    all.AddRange(reference[i].SelectMany(r => r));
                }
                from = to;
                progress?.Invoke((double)done / tokens);
            }
            source.Reference = reference;
        }
        using Tensor list = Tensor.From(model.Device, new Shape(all.Count), [.. all]);
        SafetensorsWriter.Write(
            Path.Combine(directory, FileName),
            [new NamedTensor(List, list)],
            new Dictionary<string, string>
            {
                [Data] = fingerprint,
                ["answers"] = sources.Sum(s => s?.Examples.Count ?? 0).ToString(CultureInfo.InvariantCulture),
            }
        );
        Files.WrittenFiles.Read(directory).Add(FileName);
    }

    private static int[][] Answers(PreferenceSource source, int example) =>
        source.Moved[example] is { } moved ? [.. source.Examples[example].Answers, moved] : source.Examples[example].Answers;

    /// <summary>Without a prompt nothing foretells the first token.</summary>
    private static int Scored(PreferenceExample example, int[] answer) => answer.Length - (example.Prompt.Length == 0 ? 1 : 0);
}
