namespace Inkstone.Formats;

/// <summary>A model directory as transformers writes it: config.json, generation_config.json, weights in one safetensors file or in
/// shards.</summary>
public sealed class HfDirectory
{
    /// <summary>The weights' file when there are no shards.</summary>
    public const string WeightsFile = "model.safetensors";

    /// <summary>Tells which shard holds which tensor.</summary>
    public const string IndexFile = "model.safetensors.index.json";

    /// <summary>The model's architecture.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>Default sampling and end tokens.</summary>
    public const string GenerationConfigFile = "generation_config.json";

    private HfDirectory(string path, HfConfig config, HfConfig? generationConfig) =>
        (Path, Config, GenerationConfig) = (path, config, generationConfig);

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>config.json.</summary>
    public HfConfig Config { get; }

    /// <summary>generation_config.json, or null.</summary>
    public HfConfig? GenerationConfig { get; }

    /// <summary>Reads the configuration files; weights are opened by <see cref="OpenWeights"/>.</summary>
    /// <param name="path">the directory</param>
    /// <param name="configFile">name of the configuration inside it</param>
    public static HfDirectory Open(string path, string configFile = ConfigFile)
    {
        if (!Directory.Exists(path))
        {
            throw new FileNotFoundException($"there is no model directory {path}.", path);
        }
        string generation = System.IO.Path.Combine(path, GenerationConfigFile);
        return new HfDirectory(
            path,
            HfConfig.Read(System.IO.Path.Combine(path, configFile)),
            File.Exists(generation) ? HfConfig.Read(generation) : null
        );
    }

    /// <summary>Maps the weights.</summary>
    public HfWeights OpenWeights() => HfWeights.Open(Path);
}
