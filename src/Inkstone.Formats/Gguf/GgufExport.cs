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
    /// <param name="parameters">state dict with Hugging Face's names, float32 or bfloat16</param>
    /// <param name="type">type of the matrices, which may be a mixture; vectors and routers stay F32, and with Q4_0 embedding and head are Q8_0</param>
    /// <param name="tokenizer">directory with tokenizer.json, or null</param>
    /// <param name="name">the model's name for people</param>
    public static void Write(string path, HfConfig config, IReadOnlyCollection<NamedTensor> parameters, GgufFileType type, string? tokenizer, string? name = null)
    {
        GgufMetadata m = new(path);
        m.Add("general.architecture", GgufHyperparameters.Architecture(config));
        m.Add("general.type", "model");
        if (name is not null)
        {
            m.Add("general.name", name);
        }
        m.Add("general.file_type", (uint)type);
        m.Add("general.quantization_version", 2u);
        m.Add(WriterKey, "ink");
        float[]? factors = GgufHyperparameters.Write(config, m);
        GgufVocabulary.Write(tokenizer, config, m);
        GgufGeneration.Write(tokenizer, config, m);
        List<GgufRows> tensors = Tensors(config, parameters, type);
        if (factors is not null)
        {
            tensors.Add(new GgufRows(GgufConfig.FrequencyFactors, GgufType.F32, [factors.Length], (_, row) => factors.CopyTo(row)));
        }
        GgufWriter.Write(path, m, tensors, parameters.First().Tensor.Device.Workers);
    }

    private static List<GgufRows> Tensors(HfConfig config, IReadOnlyCollection<NamedTensor> parameters, GgufFileType type)
    {
        bool interleaved = GgufHyperparameters.Architecture(config) == "llama";
        int heads = config.Int("num_attention_heads"), keyHeads = config.Int("num_key_value_heads", heads);
        GgufMixture mixture = new(type, config.Int("num_hidden_layers"), config.Int("num_experts", 0), Math.Max(1, heads / keyHeads), !parameters.Any(p => p.Name == "lm_head.weight"));
        Dictionary<string, List<Tensor>> parts = new(StringComparer.Ordinal);
        foreach (NamedTensor parameter in parameters)
        {
            (string Name, int? Expert) place = GgufNames.FromHf(parameter.Name)
                ?? throw new InvalidDataException($"{config.Source}: GGUF has no name for the parameter \"{parameter.Name}\".");
            if (!parts.TryGetValue(place.Name, out List<Tensor>? experts))
            {
                parts[place.Name] = experts = [];
            }
            if (place.Expert is { } expert && expert != experts.Count)
            {
                throw new InvalidDataException($"{config.Source}: \"{parameter.Name}\" comes before the experts below it.");
            }
            experts.Add(parameter.Tensor);
        }
        return [.. parts.Select(part => Rows(part.Key, part.Value))];

        GgufRows Rows(string name, List<Tensor> tensors)
        {
            Shape shape = tensors[0].Shape;
            int width = shape.Last, rows = checked((int)(shape.Count / width));
            int permuted = !interleaved ? 0 : name.Contains(".attn_q.", StringComparison.Ordinal) ? heads : name.Contains(".attn_k.", StringComparison.Ordinal) ? keyHeads : 0;
            List<long> sizes = [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])];
            if (name.Contains("_exps.", StringComparison.Ordinal))
            {
                sizes.Insert(0, tensors.Count);
            }
            if (shape.Rank == 1)
            {
                float[] values = new float[width];
                for (int i = 0; i < width; i++)
                {
                    values[i] = tensors[0].Span[(int)Source(i, width, permuted)];
                }
                return new GgufRows(name, GgufType.F32, [.. sizes], (_, row) => values.CopyTo(row));
            }
            return new GgufRows(name, mixture.TypeOf(name, width), [.. sizes],
                (row, target) => Read(tensors[(int)(row / rows)], checked((int)Source(row % rows, rows, permuted)), target));
        }
    }

    /// <summary>The file holds row (j, half) of each head where Hugging Face has (half, j): see <see cref="GgufModel"/>.</summary>
    private static long Source(long row, long rows, int heads)
    {
        if (heads == 0)
        {
            return row;
        }
        long size = rows / heads, within = row % size;
        return row - within + within % 2 * (size / 2) + within / 2;
    }

    private static void Read(Tensor tensor, int row, Span<float> target)
    {
        int width = target.Length;
        if (tensor.DType == DType.Float32)
        {
            tensor.Span.Slice(row * width, width).CopyTo(target);
        }
        else
        {
            _ = SafetensorsTypes.ToFloats("BF16", System.Runtime.InteropServices.MemoryMarshal.AsBytes(tensor.BFloat16s.Slice(row * width, width)), target);
        }
    }
}
