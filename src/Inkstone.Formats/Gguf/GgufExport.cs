using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>Writes a model as GGUF for llama.cpp and everything built on it.</summary>
public static class GgufExport
{
    private const string WriterKey = "inkstone.writer";

    /// <summary>Whether a file is one of those written here, by its metadata.</summary>
    public static bool Wrote(string path)
    {
        try
        {
            using GgufFile file = GgufFile.Open(path);
            return file.Metadata.Has(WriterKey);
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Writes one file, or nothing.</summary>
    /// <param name="path">the file</param>
    /// <param name="config">config.json</param>
    /// <param name="architecture">what files of its family look like</param>
    /// <param name="parameters">state dict with Hugging Face's names, float32 or bfloat16</param>
    /// <param name="type">type of the matrices, which may be a mixture; vectors, biases and routers stay F32, and with Q4_0 embedding and
    /// head are Q8_0</param>
    /// <param name="tokenizer">directory with tokenizer.json, or null</param>
    /// <param name="name">the model's name for people</param>
    /// <param name="warn">is told what llama.cpp will compute otherwise</param>
    /// <exception cref="InvalidDataException">The file cannot carry what the model is.</exception>
    public static void Write(
        string path,
        HfConfig config,
        GgufArchitecture architecture,
        IReadOnlyCollection<NamedTensor> parameters,
        GgufFileType type,
        string? tokenizer,
        string? name = null,
        Action<string>? warn = null
    )
    {
        config = architecture.Text(config);
        parameters = [.. parameters.Select(p => p with { Name = architecture.TextName(p.Name) })];
        GgufMetadata m = new(path);
        m.Add("general.architecture", architecture.Name);
        m.Add("general.type", "model");
        if (name is not null)
        {
            m.Add("general.name", name);
        }
        m.Add("general.file_type", (uint)type);
        m.Add("general.quantization_version", 2u);
        m.Add(WriterKey, "ink");
        IReadOnlyList<(string Name, float[] Values)> positions = GgufHyperparameters.Write(config, architecture, m, warn ?? (_ => { }));
        GgufVocabulary.Write(tokenizer, config, m);
        GgufGeneration.Write(tokenizer, config, m);
        bool tied = !parameters.Any(p => p.Name == "lm_head.weight");
        if (tied && architecture.NeedsHead)
        {
            parameters =
            [
                .. parameters,
                new NamedTensor("lm_head.weight", parameters.First(p => p.Name == "model.embed_tokens.weight").Tensor),
            ];
        }
        GgufKeys keys = new(architecture.Name, m);
        GgufMixture mixture = new(
            type,
            keys.Required("block_count"),
            keys.Int("expert_count") ?? 0,
            Math.Max(1, keys.Required("attention.head_count") / keys.Required("attention.head_count_kv")),
            tied && !architecture.NeedsHead
        );
        GgufRows[] tensors =
        [
            .. Tensors(config, architecture, parameters, mixture),
            .. positions.Select(p => new GgufRows(p.Name, GgufType.F32, [p.Values.Length], (_, row) => p.Values.CopyTo(row), _ => p.Name)),
        ];
        GgufWriter.Write(path, m, tensors, parameters.First().Tensor.Device.Workers);
    }

    private static List<GgufRows> Tensors(
        HfConfig config,
        GgufArchitecture architecture,
        IReadOnlyCollection<NamedTensor> parameters,
        GgufMixture mixture
    )
    {
        ILookup<string, GgufTensorRule> rules = architecture
            .Tensors.Where(rule => !rule.ReadOnly)
            .ToLookup(rule => rule.Parameter, StringComparer.Ordinal);
        Dictionary<string, (GgufTensorRule Rule, List<NamedTensor> Parts)> files = new(StringComparer.Ordinal);
        foreach (NamedTensor parameter in parameters.Where(p => !architecture.Omits(config, p.Name)))
        {
            (string pattern, int[] numbers) = GgufTensorRule.Pattern(parameter.Name);
            if (!rules.Contains(pattern))
            {
                throw new InvalidDataException(
                    $"{config.Source}: llama.cpp's {architecture.Name} has no place for the parameter \"{parameter.Name}\", so the model cannot be written as GGUF."
                );
            }
            foreach (GgufTensorRule rule in rules[pattern])
            {
                string name = GgufTensorRule.Fill(rule.File, numbers);
                if (!files.TryGetValue(name, out (GgufTensorRule Rule, List<NamedTensor> Parts) file))
                {
                    files[name] = file = (rule, []);
                }
                if (rule.Stacked && numbers[^1] != file.Parts.Count)
                {
                    throw new InvalidDataException($"{config.Source}: \"{parameter.Name}\" comes before the experts below it.");
                }
                file.Parts.Add(parameter);
            }
        }
        return [.. files.Select(file => Rows(config, file.Key, file.Value.Rule, file.Value.Parts, mixture))];
    }

    private static GgufRows Rows(HfConfig config, string name, GgufTensorRule rule, List<NamedTensor> parts, GgufMixture mixture)
    {
        Shape shape = parts[0].Tensor.Shape;
        GgufView view = rule.Layout.View(
            config,
            [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])],
            $"{config.Source}: {parts[0].Name}"
        );
        int width = (int)view.Shape[^1];
        long rows = view.Shape.Aggregate(1L, (product, size) => product * size) / Math.Max(1, width);
        long[] sizes = rule.Stacked ? [parts.Count, .. view.Shape] : view.Shape;
        GgufType type =
            sizes.Length == 1 || !name.EndsWith(".weight", StringComparison.Ordinal) ? GgufType.F32 : mixture.TypeOf(name, width);
        bool whole = view.KeepsRows(shape.Last);
        return new GgufRows(
            name,
            type,
            sizes,
            (row, target) => Read(parts[(int)(row / rows)].Tensor, view, whole, row % rows, target),
            row => parts[(int)(row / rows)].Name
        );
    }

    private static void Read(Tensor tensor, GgufView view, bool whole, long row, Span<float> target)
    {
        if (whole)
        {
            tensor.CopyTo(target, view.Place(row * target.Length));
        }
        else
        {
            view.Gather(row, tensor.Item, target);
        }
    }
}
