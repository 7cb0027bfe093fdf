using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Inkstone.Files;

namespace Inkstone.Cli;

/// <summary>What is known of a stage that was begun.</summary>
/// <param name="Fingerprint">of its command line and of what it read</param>
/// <param name="Done">whether it has ended well</param>
/// <param name="Seconds">how long it took</param>
/// <param name="Result">the JSON that it printed</param>
internal sealed record StageState(string Fingerprint, bool Done, double Seconds, JsonNode? Result);

/// <summary>OUT/pipeline.json: what was done by which pipeline, so that it is not done again.</summary>
/// <param name="Pipeline">its name</param>
/// <param name="Smoke">whether it was a small run</param>
/// <param name="Stages">by name</param>
internal sealed record PipelineState(string Pipeline, bool Smoke, Dictionary<string, StageState> Stages)
{
    public const string FileName = "pipeline.json";

    /// <summary>The state of a directory, or the one to begin with.</summary>
    /// <exception cref="ArgumentException">The directory holds something else.</exception>
    public static PipelineState Open(string directory, PipelineState wanted)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            return !Directory.Exists(directory) || !Directory.EnumerateFileSystemEntries(directory).Any()
                ? wanted
                : throw new ArgumentException($"{directory} holds something else than a pipeline's stages; name another --out");
        }
        PipelineState found = Read(path);
        return found.Pipeline == wanted.Pipeline && found.Smoke == wanted.Smoke
            ? found
            : throw new ArgumentException(
                $"{directory} holds the stages of {found.Pipeline}{(found.Smoke ? " --smoke" : "")}; name another --out"
            );
    }

    /// <summary>Writes it.</summary>
    public void Save(string directory) =>
        AtomicFile.Write(
            Path.Combine(directory, FileName),
            stream => JsonSerializer.Serialize(stream, this, PipelineJson.Default.PipelineState)
        );

    private static PipelineState Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), PipelineJson.Default.PipelineState) ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is damaged; delete it, and every stage is run again", e);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(PipelineState))]
internal sealed partial class PipelineJson : JsonSerializerContext;
