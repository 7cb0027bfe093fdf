using System.Runtime.InteropServices;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>A GGUF file as a model: its configuration with Hugging Face's keys and its tensors under Hugging Face's names.</summary>
public sealed class GgufModel : IDisposable
{
    private readonly Dictionary<string, List<Part>> _parameters = new(StringComparer.Ordinal);

    private GgufModel(GgufFile file, IReadOnlyList<GgufArchitecture> known)
    {
        File = file;
        GgufArchitecture architecture = GgufConfig.Architecture(file, known);
        Config = HfConfig.Parse(GgufConfig.Read(file, architecture).ToJsonString(), file.Path);
        int? experts = new GgufKeys(architecture.Name, file.Metadata).Int("expert_count");
        ILookup<string, GgufTensorRule> rules = architecture.Tensors.ToLookup(rule => rule.File, StringComparer.Ordinal);
        foreach (
            GgufTensor tensor in file.Tensors.Where(t => t.Name is not (GgufRope.Factors or GgufRope.LongFactors or GgufRope.ShortFactors))
        )
        {
            (string pattern, int[] numbers) = GgufTensorRule.Pattern(tensor.Name);
            Add(tensor, rules[pattern].FirstOrDefault() ?? new GgufTensorRule(tensor.Name, tensor.Name, GgufLayout.Same), numbers, experts);
        }
    }

    /// <summary>The file.</summary>
    public GgufFile File { get; }

    /// <summary>config.json, as it would stand in a model directory.</summary>
    public HfConfig Config { get; }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _parameters.Keys;

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">the file</param>
    /// <param name="known">architectures that may be in it</param>
    public static GgufModel Open(string path, IReadOnlyList<GgufArchitecture> known)
    {
        GgufFile file = GgufFile.Open(path);
        try
        {
            return new GgufModel(file, known);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _parameters.ContainsKey(name);

    /// <summary>Element type of a parameter in the file.</summary>
    public GgufType Type(string name) => _parameters[name][0].Tensor.Type;

    /// <summary>Type in which a parameter may lie in memory as it lies in the file; float32 where there is none.</summary>
    public DType KeptType(string name) =>
        !_parameters[name].All(part => part.KeepsRows)
            ? DType.Float32
            : Type(name) switch
            {
                GgufType.BF16 => DType.BFloat16,
                GgufType.Q8_0 => DType.Q8_0,
                GgufType.Q4_0 => DType.Q4_0,
                GgufType.Q4_1 => DType.Q4_1,
                _ => DType.Float32,
            };

    /// <summary>Sizes of a parameter.</summary>
    public IReadOnlyList<long> Shape(string name) => _parameters[name][0].Shape;

    /// <summary>Fills a tensor of the same sizes, converting the element type where it differs.</summary>
    public void ReadInto(string name, Tensor target)
    {
        List<Part> parts = _parameters[name];
        if (!parts[0].Shape.SequenceEqual(Enumerable.Range(0, target.Shape.Rank).Select(i => (long)target.Shape[i])))
        {
            throw new InvalidDataException(
                $"{File.Path}: tensor \"{name}\" is [{string.Join(", ", parts[0].Shape)}], the model wants {target.Shape}."
            );
        }
        if (parts.Sum(part => part.View.Shape.Aggregate(1L, (product, size) => product * size)) != target.Count)
        {
            throw new InvalidDataException(
                $"{File.Path} has only a part of \"{name}\": {string.Join(", ", parts.Select(part => part.Tensor.Name))}."
            );
        }
        float[]? wide =
            target.DType is DType.Float32 or DType.BFloat16 && !parts.All(part => part.KeepsRows) ? new float[target.Count] : null;
        foreach (Part part in parts)
        {
            Read(part, target, wide);
        }
        if (wide is not null)
        {
            target.CopyFrom(wide);
        }
    }

    private void Read(Part part, Tensor target, float[]? wide)
    {
        int width = (int)part.View.Shape[^1];
        float[] decoded = new float[width];
        long rows = width == 0 ? 0 : part.View.Shape.Aggregate(1L, (product, size) => product * size) / width;
        for (long row = 0; row < rows; row++)
        {
            ReadOnlySpan<byte> source = File.Rows(part.Tensor, part.FirstRow + row, 1);
            if (!part.KeepsRows && wide is not null)
            {
                BlockCodec.Decode(part.Tensor.Type, source, decoded);
                part.View.Scatter(row, decoded, wide);
                continue;
            }
            int start = checked((int)part.View.Place(row * width));
            switch (target.DType)
            {
                case DType.Float32 or DType.BFloat16 when wide is not null:
                    BlockCodec.Decode(part.Tensor.Type, source, wide.AsSpan(start, width));
                    break;
                case DType.Float32 or DType.BFloat16:
                    BlockCodec.Decode(part.Tensor.Type, source, decoded);
                    target.CopyFrom(decoded, start);
                    break;
                case var type when part.KeepsRows && type.IsQuantised() && type.ToString() == part.Tensor.Type.ToString():
                    source.CopyTo(target.RowBytes(start / width));
                    break;
                default:
                    throw new ArgumentException($"a {target.DType} tensor cannot be filled from {part.Tensor.Type}", nameof(target));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    private void Add(GgufTensor tensor, GgufTensorRule rule, int[] numbers, int? experts)
    {
        if (!rule.Stacked)
        {
            AddPart(GgufTensorRule.Fill(rule.Parameter, numbers), tensor, rule, 0, tensor.Shape);
            return;
        }
        if (tensor.Shape.Length != 3)
        {
            throw new InvalidDataException($"{File.Path}: {tensor.Name} must have three dimensions, one for the experts.");
        }
        if (tensor.Shape[0] != (experts ?? 0))
        {
            throw new InvalidDataException(
                $"{File.Path}: {tensor.Name} has {tensor.Shape[0]} experts, the file's metadata speaks of {experts ?? 0}."
            );
        }
        for (int expert = 0; expert < tensor.Shape[0]; expert++)
        {
            AddPart(GgufTensorRule.Fill(rule.Parameter, [.. numbers, expert]), tensor, rule, expert * tensor.Shape[1], tensor.Shape[1..]);
        }
    }

    private void AddPart(string name, GgufTensor tensor, GgufTensorRule rule, long firstRow, long[] sizes)
    {
        long[] shape = rule.Layout.ParameterShape?.Invoke(Config, sizes) ?? sizes;
        GgufView view = rule.Layout.View(Config, shape, $"{File.Path}: {tensor.Name}");
        if (!view.Shape.SequenceEqual(sizes))
        {
            throw new InvalidDataException(
                $"{File.Path}: {tensor.Name} is {tensor.Describe()}, but [{string.Join(", ", view.Shape)}] is wanted."
            );
        }
        if (!_parameters.TryGetValue(name, out List<Part>? parts))
        {
            _parameters[name] = parts = [];
        }
        if (parts.Any(part => part.View.Offset == view.Offset || !part.Shape.SequenceEqual(shape)))
        {
            throw new InvalidDataException($"{File.Path} has two tensors for \"{name}\": {parts[0].Tensor.Name} and {tensor.Name}.");
        }
        parts.Add(new Part(tensor, firstRow, shape, view));
    }

    /// <summary>A tensor of the file, or an expert's rows of one, and how it lies in a parameter of sizes
    /// <paramref name="Shape"/>.</summary>
    private sealed record Part(GgufTensor Tensor, long FirstRow, long[] Shape, GgufView View)
    {
        public bool KeepsRows { get; } = Shape.Length > 0 && View.KeepsRows(Shape[^1]);
    }
}
