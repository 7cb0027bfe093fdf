using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Cli;

/// <summary>What <c>inspect</c> says about the folders of <c>data prepare</c> and <c>tokenize</c>, by their metadata.json.</summary>
internal static class MetadataSheet
{
    private const string FileName = "metadata.json";

    /// <summary>The sheet, or null when no metadata.json of ours is there.</summary>
    public static FactSheet? Find(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) switch
            {
                JsonObject o when o["shards"] is JsonArray => Tokens(folder, o),
                JsonObject o when o["filter_stats"] is JsonArray => Prepared(folder, o),
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path} is damaged; make the folder again with ink data prepare or ink tokenize", e);
        }
    }

    private static FactSheet Prepared(string folder, JsonObject o)
    {
        FactSheet sheet = new("prepared text", folder);
        foreach (string key in (string[])["documents", "train_documents", "valid_documents", "bytes"])
        {
            sheet.Add(key, o[key]?.DeepClone());
        }
        sheet.Add("inputs", string.Join(", ", o["options"]?["inputs"]?.AsArray().Select(i => $"{i}") ?? []));
        sheet.Add("median_characters", o["length_stats"]?["median"]?.DeepClone());
        sheet.Add("longest_characters", o["length_stats"]?["max"]?.DeepClone());
        sheet.Table("files", ["file", "bytes"], Files(folder));
        sheet.Table(
            "filters",
            ["filter", "seen", "changed", "dropped"],
            o["filter_stats"]!.AsArray().Select(f => (string[])[$"{f!["name"]}", $"{f["seen"]}", $"{f["changed"]}", $"{f["dropped"]}"])
        );
        return sheet;
    }

    private static FactSheet Tokens(string folder, JsonObject o)
    {
        FactSheet sheet = new("tokens", folder);
        foreach (
            string key in (string[])
                [
                    "format",
                    "train_tokens",
                    "valid_tokens",
                    "documents",
                    "train_bytes",
                    "valid_bytes",
                    "vocabulary_size",
                    "vocabulary_hash",
                    "end_of_document_id",
                ]
        )
        {
            sheet.Add(key, o[key]?.DeepClone());
        }
        sheet.Table(
            "shards",
            ["file", "split", "tokens", "documents", "bytes"],
            o["shards"]!
                .AsArray()
                .Select(s => (string[])[$"{s!["file"]}", $"{s["split"]}", $"{s["tokens"]}", $"{s["documents"]}", $"{s["bytes"]}"])
        );
        return sheet;
    }

    private static IEnumerable<string[]> Files(string folder) =>
        new DirectoryInfo(folder)
            .EnumerateFiles()
            .OrderBy(f => f.Name, StringComparer.Ordinal)
            .Select(f => (string[])[f.Name, $"{f.Length}"]);
}

/// <summary>What <c>inspect</c> says about the directory of a quickstart.</summary>
internal static class QuickstartSheet
{
    private static readonly (string Name, string What)[] Parts =
    [
        ("corpus", "the invented text, questions about it, and conversations"),
        ("text", "the text cleaned and split: what ink data prepare writes"),
        ("tokenizer", "the tokenizer learned from it"),
        ("tokens", "the text as token shards: what ink tokenize writes"),
        ("run", "the pretraining run and its model, which continues text"),
        ("chat", "the fine-tuning run and its model, which answers"),
        ("pairs.jsonl", "right answers beside wrong ones of that model"),
        ("preferred", "the run that learns from these pairs, and its model"),
    ];

    /// <summary>The sheet, or null when no quickstart made <paramref name="folder"/>.</summary>
    public static FactSheet? Find(string folder)
    {
        if (QuickstartState.Find(folder) is not { } state)
        {
            return null;
        }
        FactSheet sheet = new("quickstart", folder);
        sheet.Add("settings", state.Settings);
        sheet.Add("stages_done", state.StagesDone);
        sheet.Add("stages", Quickstart.Stages);
        sheet.Table(
            "parts",
            ["path", "what"],
            Parts
                .Select(p => p with { Name = Path.Combine(folder, p.Name) })
                .Where(p => Path.Exists(p.Name))
                .Select(p => (string[])[p.Name, p.What])
        );
        return sheet;
    }
}

/// <summary>What <c>inspect</c> says about files of text: JSONL, JSON, Parquet, plain text, gzipped or not, or a folder of them.</summary>
internal static class DataSheet
{
    private const int Examined = 1000,
        ShownCharacters = 60;

    public static bool Reads(string file) => InputFiles.IsJsonLines(file) || InputFiles.IsParquet(file) || InputFiles.IsPlainText(file);

    public static FactSheet Read(string path)
    {
        IReadOnlyList<string> files = InputFiles.Find([path]);
        FactSheet sheet = new("data", path);
        sheet.Add("bytes", files.Sum(f => new FileInfo(f).Length));
        List<string[]> rows = [];
        Dictionary<string, (int Count, string First)> keys = [];
        int examined = 0;
        foreach (string file in files)
        {
            long records = 0;
            foreach (JsonObject? record in Records(file))
            {
                records++;
                if (record is not null && records <= Examined)
                {
                    examined++;
                    foreach ((string key, JsonNode? value) in record)
                    {
                        (int count, string first) = keys.GetValueOrDefault(key, (0, Shown(value)));
                        keys[key] = (count + 1, first);
                    }
                }
            }
            rows.Add([
                Path.GetRelativePath(File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path, file),
                InputFiles.IsParquet(file) ? "parquet"
                : InputFiles.IsJsonLines(file) ? "json"
                : "text",
                $"{records}",
            ]);
        }
        sheet.Add("records", rows.Sum(r => long.Parse(r[2], System.Globalization.CultureInfo.InvariantCulture)));
        sheet.Add("examined_for_keys", examined);
        sheet.Table("files", ["file", "format", "records"], rows);
        sheet.Table("keys", ["key", "in_records", "first_value"], keys.Select(k => (string[])[k.Key, $"{k.Value.Count}", k.Value.First]));
        return sheet;
    }

    /// <summary>Records of a file; those of Parquet behind the first thousand are counted only.</summary>
    private static IEnumerable<JsonObject?> Records(string file)
    {
        if (InputFiles.IsParquet(file))
        {
            using ParquetFile parquet = new(file);
            long rows = parquet.RowCount;
            foreach (JsonObject row in parquet.ReadRows().Take(Examined))
            {
                rows--;
                yield return row;
            }
            for (; rows > 0; rows--)
            {
                yield return null;
            }
        }
        else if (InputFiles.IsJsonLines(file))
        {
            foreach ((_, JsonObject record) in JsonRecords.Read(file, []))
            {
                yield return record;
            }
        }
        else
        {
            foreach (Document document in new DocumentReader(new ReadOptions()).Read([file]))
            {
                yield return new JsonObject { ["text"] = document.Text };
            }
        }
    }

    private static string Shown(JsonNode? value)
    {
        string text = Format.Visible(
            (value is JsonValue v && v.TryGetValue(out string? s) ? s : value?.ToJsonString(Readable) ?? "null").ReplaceLineEndings("⏎")
        );
        return Cells.Fit(text, ShownCharacters);
    }

    private static readonly JsonSerializerOptions Readable = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
