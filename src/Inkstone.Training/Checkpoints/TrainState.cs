using System.Text.Json;
using System.Text.Json.Serialization;
using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;

namespace Inkstone.Training;

/// <summary>What a run must remember besides its tensors. Random streams are functions of (seed, step), so the step is their
/// counter.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Length of the run; for a budget in minutes it was decided after the first steps.</param>
/// <param name="Tokens">Tokens seen.</param>
/// <param name="Epoch">The loader's pass.</param>
/// <param name="Position">The loader's window within the pass.</param>
/// <param name="BestStep">Step of the best validation so far, or null.</param>
/// <param name="BestLoss">Its loss.</param>
/// <param name="Recipe">The resolved recipe.</param>
public sealed record TrainState(
    int Step,
    int TotalSteps,
    long Tokens,
    long Epoch,
    long Position,
    int? BestStep,
    double? BestLoss,
    string Recipe
)
{
    /// <summary>Name of the file in a checkpoint.</summary>
    public const string FileName = "state.json";

    /// <summary>See <see cref="TrainProgress.Unmeasured"/>.</summary>
    public bool Unmeasured { get; init; }

    /// <summary>Fingerprint of the data that were learned from; null in checkpoints of before there was one.</summary>
    public string? TrainData { get; init; }

    /// <summary>Fingerprint of the data that <see cref="BestLoss"/> was measured on.</summary>
    public string? ValidData { get; init; }

    /// <summary>The loader's cursor.</summary>
    [JsonIgnore]
    public LoaderState Cursor => new(Epoch, Position);

    /// <summary>Reads state.json of a checkpoint.</summary>
    public static TrainState Read(string checkpoint)
    {
        string path = Path.Combine(checkpoint, FileName);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainJson.Default.TrainState) is { Recipe: not null } state
                ? state
                : throw new JsonException("it names no recipe");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not the state of a run ({e.Message.ReplaceLineEndings(" ")})");
        }
    }

    /// <summary>Writes state.json.</summary>
    public void Write(string checkpoint) =>
        AtomicFile.Write(
            Path.Combine(checkpoint, FileName),
            stream => JsonSerializer.Serialize(stream, this, TrainJson.Default.TrainState)
        );
}

/// <summary>Which checkpoints a reader wants: checkpoints.json.</summary>
/// <param name="Last">Directory name of the newest.</param>
/// <param name="Best">Directory name of the one with the lowest validation loss, or null.</param>
/// <param name="BestLoss">That loss.</param>
internal sealed record CheckpointIndex(string Last, string? Best, double? BestLoss);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(TrainState))]
[JsonSerializable(typeof(CheckpointIndex))]
internal sealed partial class TrainJson : JsonSerializerContext;
