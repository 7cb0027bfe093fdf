using System.Globalization;
using System.Runtime.InteropServices;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>A GGUF file as a model: its configuration with Hugging Face's keys and its tensors under Hugging Face's names.</summary>
public sealed class GgufModel : IDisposable
{
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);

    private GgufModel(GgufFile file)
    {
        File = file;
        Config = HfConfig.Parse(GgufConfig.Read(file).ToJsonString(), file.Path);
        bool interleaved = file.Metadata.Text("general.architecture") == "llama";
        int heads = Config.Int("num_attention_heads"), keyHeads = Config.Int("num_key_value_heads");
        foreach (GgufTensor tensor in file.Tensors.Where(t => t.Name != GgufConfig.FrequencyFactors))
        {
            string name = GgufNames.ToHf(tensor.Name);
            int permuted = !interleaved ? 0 : tensor.Name.Contains(".attn_q.", StringComparison.Ordinal) ? heads
                : tensor.Name.Contains(".attn_k.", StringComparison.Ordinal) ? keyHeads : 0;
            Add(tensor, name, permuted);
        }
    }

    /// <summary>The file.</summary>
    public GgufFile File { get; }

    /// <summary>config.json, as it would stand in a model directory.</summary>
    public HfConfig Config { get; }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _places.Keys;

    /// <summary>Opens and checks a file.</summary>
    public static GgufModel Open(string path)
    {
        GgufFile file = GgufFile.Open(path);
        try
        {
            return new GgufModel(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _places.ContainsKey(name);

    /// <summary>Element type of a tensor in the file.</summary>
    public GgufType Type(string name) => _places[name].Tensor.Type;

    /// <summary>Type in which a tensor may lie in memory as it lies in the file; float32 where there is none.</summary>
    public DType KeptType(string name) => Type(name) switch
    {
        GgufType.BF16 => DType.BFloat16,
        GgufType.Q8_0 => DType.Q8_0,
        GgufType.Q4_0 => DType.Q4_0,
        GgufType.Q4_1 => DType.Q4_1,
        _ => DType.Float32,
    };

    /// <summary>Sizes of a tensor.</summary>
    public IReadOnlyList<long> Shape(string name) => _places[name].Shape;

    /// <summary>Fills a tensor of the same sizes, converting the element type where it differs.</summary>
    public void ReadInto(string name, Tensor target)
    {
        Place place = _places[name];
        if (!place.Shape.SequenceEqual(Enumerable.Range(0, target.Shape.Rank).Select(i => (long)target.Shape[i])))
        {
            throw new InvalidDataException($"{File.Path}: tensor \"{name}\" is [{string.Join(", ", place.Shape)}], the model wants {target.Shape}.");
        }
        // A vector of a permuted matrix, its bias, is permuted element by element.
        bool elements = place.Shape.Length == 1 && place.Heads > 0;
        int width = elements ? 1 : target.Shape.Last, rows = width == 0 ? 0 : checked((int)(target.Count / width));
        if (elements)
        {
            float[] values = new float[rows];
            File.Read(place.Tensor.Name, values);
            for (int row = 0; row < rows; row++)
            {
                target.Span[row] = values[place.Source(row, rows)];
            }
            return;
        }
        float[] decoded = new float[width];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<byte> source = File.Rows(place.Tensor, place.FirstRow + place.Source(row, rows), 1);
            switch (target.DType)
            {
                case DType.Float32:
                    BlockCodec.Decode(place.Tensor.Type, source, target.Span.Slice(row * width, width));
                    break;
                case DType.BFloat16:
                    BlockCodec.Decode(place.Tensor.Type, source, decoded);
                    SafetensorsTypes.FromFloats("BF16", decoded, MemoryMarshal.AsBytes(target.BFloat16s.Slice(row * width, width)));
                    break;
                case var type when type == KeptType(name) && type.IsQuantised():
                    source.CopyTo(target.RowBytes(row));
                    break;
                default:
                    throw new ArgumentException($"a {target.DType} tensor cannot be filled from {place.Tensor.Type}", nameof(target));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => File.Dispose();

    private void Add(GgufTensor tensor, string name, int heads)
    {
        if (heads > 0 && (tensor.Shape.Length == 0 || tensor.Shape[0] % (2L * heads) != 0))
        {
            throw new InvalidDataException($"{File.Path}: {tensor.Name} is {tensor.Describe()}, which cannot be cut into {heads} heads.");
        }
        if (!name.Contains("{0}", StringComparison.Ordinal))
        {
            Put(name, new Place(tensor, 0, tensor.Shape, heads));
            return;
        }
        if (tensor.Shape.Length != 3)
        {
            throw new InvalidDataException($"{File.Path}: {tensor.Name} must have three dimensions, one for the experts.");
        }
        if (tensor.Shape[0] != Config.Int("num_experts", 0))
        {
            throw new InvalidDataException($"{File.Path}: {tensor.Name} has {tensor.Shape[0]} experts, the file's metadata speaks of {Config.Int("num_experts", 0)}.");
        }
        for (int expert = 0; expert < tensor.Shape[0]; expert++)
        {
            Put(name.Replace("{0}", expert.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal),
                new Place(tensor, expert * tensor.Shape[1], tensor.Shape[1..], 0));
        }
    }

    private void Put(string name, Place place)
    {
        if (!_places.TryAdd(name, place))
        {
            throw new InvalidDataException($"{File.Path} has two tensors for \"{name}\".");
        }
    }

    /// <summary>
    /// Where a tensor lies. llama.cpp rotates neighbouring rows of a head, Hugging Face rows half a head apart: for the architecture llama, files hold
    /// row (j, half) of each of the <paramref name="Heads"/> heads where Hugging Face has (half, j); 0 means nothing is permuted.
    /// </summary>
    private sealed record Place(GgufTensor Tensor, long FirstRow, long[] Shape, int Heads)
    {
        public long Source(int row, int rows)
        {
            if (Heads == 0)
            {
                return row;
            }
            int size = rows / Heads, within = row % size;
            return row - within + 2 * (within % (size / 2)) + within / (size / 2);
        }
    }
}
