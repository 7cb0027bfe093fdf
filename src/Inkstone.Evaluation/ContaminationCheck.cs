using Inkstone.Data;
using Inkstone.Jinja;
using Inkstone.Text;

namespace Inkstone.Evaluation;

/// <summary>Documents of a task that stand in what a model has learned from.</summary>
/// <param name="Task">the task</param>
/// <param name="Documents">its documents that were looked for</param>
/// <param name="Found">numbers of those that share a run of words with the training data</param>
public sealed record TaskContamination(string Task, int Documents, IReadOnlyList<int> Found);

/// <summary>Looks for the documents of an evaluation in training data: texts as data prepare reads them, or token shards.</summary>
public static class ContaminationCheck
{
    private const int Read = 1 << 16;

    /// <summary>The tasks in their order.</summary>
    /// <param name="requests">the evaluation's requests</param>
    /// <param name="paths">files and folders of texts, or of token shards (.bin)</param>
    /// <param name="length">units (Han characters, other words) of a run that counts</param>
    /// <param name="tokenizer">of the shards; may be null where there are none</param>
    /// <param name="cancelled">looked at between documents</param>
    /// <exception cref="ArgumentException">There are shards and no tokenizer.</exception>
    public static IReadOnlyList<TaskContamination> Find(
        IReadOnlyList<Request> requests,
        IReadOnlyList<string> paths,
        int length,
        Tokenizer? tokenizer,
        CancellationToken cancelled = default
    )
    {
        (string Task, int Id, string Text)[] documents =
        [
            .. requests.DistinctBy(r => (r.Task, r.DocumentId)).Select(r => (r.Task, r.DocumentId, string.Join('\n', Texts(r.Document)))),
        ];
        TextOverlap overlap = new([.. documents.Select(d => d.Text)], length);
        foreach (string path in paths)
        {
            foreach (string text in Documents(path, tokenizer))
            {
                cancelled.ThrowIfCancellationRequested();
                overlap.Look(text);
            }
        }
        return
        [
            .. documents
                .Select((d, i) => (d.Task, d.Id, Found: overlap.Found.Contains(i)))
                .GroupBy(d => d.Task)
                .Select(g => new TaskContamination(g.Key, g.Count(), [.. g.Where(d => d.Found).Select(d => d.Id)])),
        ];
    }

    private static IEnumerable<string> Documents(string path, Tokenizer? tokenizer)
    {
        string[] shards =
            Directory.Exists(path) ? [.. Directory.EnumerateFiles(path, "*.bin").Order(StringComparer.Ordinal)]
            : path.EndsWith(".bin", StringComparison.Ordinal) ? [path]
            : [];
        return shards.Length == 0 ? new DocumentReader(new ReadOptions(["text"])).Read(InputFiles.Find([path])).Select(d => d.Text)
            : tokenizer is null
                ? throw new ArgumentException(
                    $"{path} holds token shards, and only the model's tokenizer tells what they say; name the model with --model, or the texts instead of the shards"
                )
            : shards.SelectMany(s => Decoded(s, tokenizer));
    }

    /// <summary>Documents of a shard; where none ends, pieces of it.</summary>
    private static IEnumerable<string> Decoded(string path, Tokenizer tokenizer)
    {
        using TokenShard shard = TokenShard.Open(path);
        shard.CheckVocabulary(tokenizer.VocabularySize, path);
        int? end = shard.Header.EndOfDocumentId ?? tokenizer.EosId;
        int[] ids = new int[Read];
        List<int> document = [];
        for (long at = 0; at < shard.Count; at += Read)
        {
            int count = (int)Math.Min(Read, shard.Count - at);
            shard.Read(at, ids.AsSpan(0, count));
            for (int i = 0; i < count; i++)
            {
                if (ids[i] != end)
                {
                    document.Add(ids[i]);
                }
                if ((ids[i] == end || document.Count == Read) && document.Count > 0)
                {
                    yield return tokenizer.Decode([.. document]);
                    document.Clear();
                }
            }
        }
        if (document.Count > 0)
        {
            yield return tokenizer.Decode([.. document]);
        }
    }

    /// <summary>Texts of a document, wherever they stand.</summary>
    private static IEnumerable<string> Texts(Value value) =>
        value switch
        {
            StringValue text => [text.Text],
            DictValue dict => dict.Entries.Values.SelectMany(Texts),
            SequenceValue list => list.Elements.SelectMany(Texts),
            _ => [],
        };
}
