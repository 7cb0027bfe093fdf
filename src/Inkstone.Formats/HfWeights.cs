using System.Text.Json;
using Inkstone.Tensors;

namespace Inkstone.Formats;

/// <summary>The state dict of a model directory, in one file or in shards.</summary>
public sealed class HfWeights : IDisposable
{
    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _places = new(StringComparer.Ordinal);

    private HfWeights(string directory) => Directory = directory;

    /// <summary>The directory, or the one file.</summary>
    public string Directory { get; }

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _places.Keys;

    /// <summary>Opens one safetensors file, whatever its name.</summary>
    public static HfWeights OpenFile(string path)
    {
        HfWeights weights = new(path);
        weights.AddAll(path);
        return weights;
    }

    /// <summary>Opens model.safetensors, or the shards that model.safetensors.index.json names.</summary>
    public static HfWeights Open(string directory)
    {
        HfWeights weights = new(directory);
        try
        {
            string single = Path.Combine(directory, HfDirectory.WeightsFile),
                index = Path.Combine(directory, HfDirectory.IndexFile);
            if (File.Exists(single))
            {
                weights.AddAll(single);
            }
            else if (File.Exists(index))
            {
                weights.OpenShards(index);
            }
            else
            {
                throw new FileNotFoundException(
                    $"{directory} has neither {HfDirectory.WeightsFile} nor {HfDirectory.IndexFile}; a model directory has one of them."
                );
            }
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => _places.ContainsKey(name);

    /// <summary>The file that holds a tensor.</summary>
    public string FileOf(string name) => Place(name).Path;

    /// <summary>A tensor's entry.</summary>
    public TensorEntry Entry(string name) => Place(name).Entry(name);

    /// <summary>Fills a tensor of the same sizes, converting the element type.</summary>
    public void ReadInto(string name, Tensor target) => Place(name).ReadInto(name, target);

    /// <summary>Part <paramref name="part"/> of <paramref name="parts"/> equal ones of a tensor's bytes, cut along its first
    /// dimension.</summary>
    public ReadOnlySpan<byte> Bytes(string name, int part, int parts) => Place(name).Bytes(name, part, parts);

    /// <summary>Whether two tensors have the same type, sizes and bytes.</summary>
    public bool SameBytes(string name, string other) => Place(name).SameBytes(name, Place(other), other);

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    private SafetensorsFile Place(string name) =>
        _places.TryGetValue(name, out SafetensorsFile? file)
            ? file
            : throw new InvalidDataException($"{Directory} has no tensor \"{name}\".");

    private void AddAll(string path)
    {
        SafetensorsFile file = Add(path);
        foreach (TensorEntry entry in file.Tensors)
        {
            _places.Add(entry.Name, file);
        }
    }

    private SafetensorsFile Add(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        _files.Add(file);
        return file;
    }

    private void OpenShards(string index)
    {
        Dictionary<string, SafetensorsFile> shards = new(StringComparer.Ordinal);
        foreach ((string name, string shard) in ReadIndex(index))
        {
            if (!shards.TryGetValue(shard, out SafetensorsFile? file))
            {
                // A shard lies beside its index: a name with a path in it would let a download read other files.
                if (shard.Length == 0 || shard != Path.GetFileName(shard) || shard is "." or "..")
                {
                    throw new InvalidDataException($"{index}: shard \"{shard}\" must be a plain file name.");
                }
                shards[shard] = file = Add(Path.Combine(Directory, shard));
            }
            if (!file.Contains(name))
            {
                throw new InvalidDataException($"{index} places tensor \"{name}\" in {shard}, which has no such tensor.");
            }
            _places[name] = file;
        }
    }

    private static List<(string Name, string Shard)> ReadIndex(string index)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(index));
            if (
                document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("weight_map", out JsonElement map)
                || map.ValueKind != JsonValueKind.Object
                || map.EnumerateObject().Any(item => item.Value.ValueKind != JsonValueKind.String)
            )
            {
                throw new InvalidDataException($"{index} must have a \"weight_map\" from tensor names to file names.");
            }
            return [.. map.EnumerateObject().Select(item => (item.Name, item.Value.GetString()!))];
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{index}:{1 + (e.LineNumber ?? 0)}: this is not valid JSON; download or write the file again.",
                e
            );
        }
    }
}
