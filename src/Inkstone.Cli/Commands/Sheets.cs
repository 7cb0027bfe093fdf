using System.Globalization;
using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>What <c>inspect</c> says about weights.</summary>
internal static class SafetensorsSheet
{
    public static FactSheet Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        FactSheet sheet = new("safetensors", path);
        sheet.Add("tensors", file.Tensors.Count);
        sheet.Add("elements", file.Tensors.Sum(t => t.Count));
        sheet.Add("bytes", new FileInfo(path).Length);
        foreach ((string key, string value) in file.Metadata)
        {
            sheet.Add("metadata." + key, value);
        }
        sheet.Table("tensors_list", ["name", "dtype", "shape", "elements"], Rows(file.Tensors));
        return sheet;
    }

    public static IEnumerable<string[]> Rows(IEnumerable<TensorEntry> tensors) =>
        tensors.Select(t => (string[])[t.Name, t.DType, $"[{string.Join(", ", t.Shape)}]", t.Count.ToString(CultureInfo.InvariantCulture)]);
}

/// <summary>What <c>inspect</c> says about a token shard.</summary>
internal static class ShardSheet
{
    private const int ShownTokens = 16;

    public static FactSheet Read(string path)
    {
        using TokenShard shard = TokenShard.Open(path);
        TokenShardHeader h = shard.Header;
        FactSheet sheet = new("token shard", path);
        sheet.Add("format", shard.Format.ToString().ToLowerInvariant());
        sheet.Add("tokens", h.TokenCount);
        sheet.Add("bytes_per_token", h.BytesPerToken);
        sheet.Add("documents", h.DocumentCount);
        sheet.Add("text_bytes", h.TextBytes);
        sheet.Add("vocab_size", h.VocabularySize);
        sheet.Add("vocabulary_hash", h.VocabularyHash?.ToString("x16", CultureInfo.InvariantCulture));
        sheet.Add("end_of_document_id", h.EndOfDocumentId);
        sheet.Add("largest_id", h.LargestId);
        int[] first = new int[(int)Math.Min(ShownTokens, shard.Count)];
        shard.Read(0, first);
        sheet.Add("first_tokens", string.Join(',', first));
        return sheet;
    }
}

/// <summary>What <c>inspect</c> says about a model directory or a checkpoint.</summary>
internal static class ModelSheet
{
    public static FactSheet Read(string path)
    {
        HfDirectory model = HfDirectory.Open(path);
        using HfWeights weights = model.OpenWeights();
        TensorEntry[] entries = [.. weights.Names.Order(StringComparer.Ordinal).Select(weights.Entry)];
        bool checkpoint = File.Exists(Path.Combine(path, TrainState.FileName));
        FactSheet sheet = new(checkpoint ? "checkpoint" : "model", path);
        WeightFacts[] facts = [.. entries.Select(t => new WeightFacts(t.Name, t.DType, t.Shape, t.ByteCount, sizeof(float) * t.Count))];
        AddConfig(sheet, model.Config, facts);
        sheet.Add("tokenizer", File.Exists(Path.Combine(path, "tokenizer.json")));
        if (checkpoint)
        {
            TrainState state = TrainState.Read(path);
            sheet.Add("step", state.Step);
            sheet.Add("total_steps", state.TotalSteps);
            sheet.Add("tokens", state.Tokens);
            sheet.Add("epoch", state.Epoch);
            sheet.Add("position", state.Position);
            sheet.Add("best_step", state.BestStep);
            sheet.Add("best_valid_loss", state.BestLoss);
        }
        MemoryNeed.AddTo(sheet, model.Config, facts);
        sheet.Table("tensors", Columns, Rows(facts));
        return sheet;
    }

    /// <summary>Columns of the table of tensors.</summary>
    public static string[] Columns => ["name", "dtype", "shape", "elements", "bytes"];

    public static IEnumerable<string[]> Rows(IEnumerable<WeightFacts> weights) =>
        weights.Select(w =>
            (string[])
                [
                    w.Name,
                    w.Type,
                    $"[{string.Join(", ", w.Shape)}]",
                    w.Count.ToString(CultureInfo.InvariantCulture),
                    w.FileBytes.ToString(CultureInfo.InvariantCulture),
                ]
        );

    public static void AddConfig(FactSheet sheet, HfConfig config, IReadOnlyCollection<WeightFacts> weights)
    {
        sheet.Add("model_type", config.Text("model_type"));
        sheet.Add("parameters", weights.Sum(w => w.Count));
        sheet.Add("dtypes", string.Join(", ", weights.Select(w => w.Type).Distinct()));
        foreach (
            string key in (string[])
                [
                    "vocab_size",
                    "hidden_size",
                    "num_hidden_layers",
                    "num_attention_heads",
                    "num_key_value_heads",
                    "intermediate_size",
                    "max_position_embeddings",
                ]
        )
        {
            sheet.Add(key, config.Has(key) ? config.Int(key) : null);
        }
        sheet.Add("tie_word_embeddings", config.Bool("tie_word_embeddings", false));
    }
}

/// <summary>What <c>inspect</c> says about a low-rank adapter.</summary>
internal static class AdapterSheet
{
    public static FactSheet Read(string path)
    {
        LoraConfig config = PeftAdapter.ReadConfig(path);
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(path, PeftAdapter.WeightsFile));
        FactSheet sheet = new("adapter", path);
        sheet.Add("model", PeftAdapter.BaseOf(path));
        sheet.Add(
            "method",
            config.Dora ? "DoRA"
                : config.RankStabilised ? "rsLoRA"
                : "LoRA"
        );
        sheet.Add("rank", config.Rank);
        sheet.Add("alpha", config.Alpha);
        sheet.Add("dropout", config.Dropout);
        sheet.Add("targets", config.TargetPattern ?? string.Join(", ", config.Targets));
        sheet.Add("parameters", file.Tensors.Sum(t => t.Count));
        sheet.Table("tensors", ["name", "dtype", "shape", "elements"], SafetensorsSheet.Rows(file.Tensors));
        return sheet;
    }
}

/// <summary>What <c>inspect</c> says about a run.</summary>
internal static class RunSheet
{
    /// <summary>Validations in the table; the drawing has them all.</summary>
    private const int ShownValidations = 8;

    public static bool IsRun(string path) =>
        Directory.Exists(Path.Combine(path, "checkpoints"))
        || File.Exists(Path.Combine(path, "metrics.jsonl")) && File.Exists(Path.Combine(path, "recipe.resolved.yaml"));

    public static FactSheet Read(string path)
    {
        CheckpointFolder folder = new(path);
        IReadOnlyList<int> steps = folder.Steps();
        FactSheet sheet = new("run", path);
        sheet.Add("checkpoints", steps.Count);
        if (steps.Count > 0)
        {
            TrainState last = TrainState.Read(folder.GetPath(steps[^1]));
            sheet.Add("step", last.Step);
            sheet.Add("total_steps", last.TotalSteps);
            sheet.Add("tokens", last.Tokens);
            sheet.Add("best_step", last.BestStep);
            sheet.Add("best_valid_loss", last.BestLoss);
            sheet.Add("last", folder.GetPath(last.Step));
            sheet.Add("best", last.BestStep is { } best ? folder.GetPath(best) : null);
        }
        RunMetrics metrics = RunMetrics.Read(path);
        if (metrics.Steps.Count > 0)
        {
            sheet.Add("first_loss", Math.Round(metrics.Steps[0].Loss, 4));
            sheet.Add("last_loss", Math.Round(metrics.Steps[^1].Loss, 4));
            sheet.Add("tokens_per_second", Math.Round(metrics.TokensPerSecond, 1));
        }
        sheet.Draw(width => LossCurve.Draw(metrics, width));
        sheet.Table(
            "validations",
            ["step", "loss", "bits_per_byte"],
            metrics.Validations.Select(v =>
                (string[])[$"{v.Step}", Format.Text($"{v.Loss:0.0000}"), v.BitsPerByte is { } bits ? Format.Text($"{bits:0.0000}") : ""]
            ),
            ShownValidations
        );
        sheet.Table(
            "saved",
            ["step", "valid_best", "path"],
            steps.Select(s =>
            {
                TrainState state = TrainState.Read(folder.GetPath(s));
                return (string[])[$"{s}", state.BestStep == s ? "yes" : "", folder.GetPath(s)];
            })
        );
        return sheet;
    }
}
