using System.Text.Json;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>Low-rank adapters as PEFT keeps them: a directory with adapter_config.json and adapter_model.safetensors.</summary>
public static class PeftAdapter
{
    /// <summary>Name of the configuration.</summary>
    public const string ConfigFile = "adapter_config.json";

    /// <summary>Name of the weights.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Whether a directory is an adapter.</summary>
    public static bool IsAdapter(string directory) => File.Exists(Path.Combine(directory, ConfigFile));

    /// <summary>
    /// The model below, as adapter_config.json names it; null where none is named. A relative name is looked for from the adapter's
    /// directory, from the working
    /// directory, and from the directories above the adapter; one that is nowhere (such as a hub's ORG/NAME) is given as it stands.
    /// </summary>
    public static string? BaseOf(string directory)
    {
        string name = HfConfig.Read(Path.Combine(directory, ConfigFile)).Text("base_model_name_or_path", "");
        if (name.Length == 0)
        {
            return null;
        }
        string place = Path.GetFullPath(directory);
        IEnumerable<string> places = [place, Environment.CurrentDirectory, .. Above(place)];
        return places.Select(from => Path.GetFullPath(name, from)).FirstOrDefault(Path.Exists) ?? name;
    }

    /// <summary>Opens a model that wears the adapter in <paramref name="directory"/>.</summary>
    public static CausalLm Open(string model, string directory, Device device, DType? matrixType = DType.Float32, bool trained = true)
    {
        using HfWeights weights = HfWeights.OpenFile(Path.Combine(directory, WeightsFile));
        LoraConfig config = PeftConfig.Read(directory, weights.Names);
        CausalLm opened = Pretrained.Open(
            model,
            device,
            matrixType,
            trained,
            adapter: new Adapter(config, new LoadedParameters(weights), trained)
        );
        if (
            !opened.Adapter!.Parameters.Any(p => ReferenceEquals(p.Tensor, opened.OutputWeight))
            || weights.Contains($"{Adapter.Prefix}{LoraConfig.Head}.weight")
        )
        {
            string generation = Path.Combine(directory, HfDirectory.GenerationConfigFile);
            opened.GenerationConfig = File.Exists(generation) ? HfConfig.Read(generation) : opened.GenerationConfig;
            return opened;
        }
        opened.Dispose();
        throw new InvalidDataException(
            $"{Path.Combine(directory, ConfigFile)}: \"modules_to_save\" holds the embedding of a model whose embedding is its head, too; the two would have to be parted. "
                + "Merge the adapter with PEFT first."
        );
    }

    /// <summary>Brings the adapter in <paramref name="directory"/> into a set over a model that is open already.</summary>
    public static Adapter AddTo(AdapterSet set, string directory)
    {
        using HfWeights weights = HfWeights.OpenFile(Path.Combine(directory, WeightsFile));
        return set.Add(PeftConfig.Read(directory, weights.Names), new LoadedParameters(weights));
    }

    /// <summary>Opens a model that wears a new adapter, which does not change it yet.</summary>
    public static CausalLm New(string model, LoraConfig config, ulong seed, Device device, DType? matrixType = DType.Float32) =>
        Pretrained.Open(
            model,
            device,
            matrixType,
            adapter: new Adapter(config.Validate("the recipe"), new FreshParameters(seed, 0), trained: true)
        );

    /// <summary>Reads adapter_config.json; which layers a null target_modules means is read from the weights.</summary>
    public static LoraConfig ReadConfig(string directory)
    {
        using HfWeights weights = HfWeights.OpenFile(Path.Combine(directory, WeightsFile));
        return PeftConfig.Read(directory, weights.Names);
    }

    /// <summary>
    /// What to know about an adapter that other tools are to read, or null: PEFT with transformers 5 leaves out, in silence, adapters on
    /// the feed-forward layers
    /// of families whose layers it builds otherwise.
    /// </summary>
    public static string? Caution(CausalLm model) =>
        model.Config.Text("model_type", "") is ("deepseek_v3" or "qwen3_next") and var family
        && model.Adapter is { } adapter
        && adapter.Paths.Any(path => path.Contains(".mlp.", StringComparison.Ordinal))
            ? $"PEFT with transformers 5 ignores adapters on the feed-forward layers of {family}; this program reads them, and ink merge gives a model that every tool reads"
            : null;

    /// <summary>Writes an adapter into an empty directory.</summary>
    /// <param name="adapter">what to write</param>
    /// <param name="directory">where; it exists</param>
    /// <param name="model">path or name of the model below, for base_model_name_or_path</param>
    public static void Write(Adapter adapter, string directory, string model)
    {
        AtomicFile.WriteText(
            Path.Combine(directory, ConfigFile),
            PeftConfig.Write(adapter.Config, adapter.Paths, model).ToJsonString(Indented) + "\n"
        );
        SafetensorsWriter.Write(
            Path.Combine(directory, WeightsFile),
            [.. adapter.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor))],
            new Dictionary<string, string> { ["format"] = "pt" }
        );
    }

    private static IEnumerable<string> Above(string directory)
    {
        for (string? above = Path.GetDirectoryName(directory); above is not null; above = Path.GetDirectoryName(above))
        {
            yield return above;
        }
    }
}
