using System.Text.Json;
using System.Text.Json.Serialization;
using Inkstone.Files;

namespace Inkstone.Cli;

/// <summary>DIR/quickstart.json: with which settings a quickstart was begun, and how many of its stages are done, so that a stopped one can
/// go on.</summary>
internal sealed record QuickstartState(bool Smoke, long Seed, string Precision, int StagesDone)
{
    private const string FileName = "quickstart.json";

    /// <summary>
    /// The state from which to go on: that of <paramref name="directory"/> when it holds an unfinished quickstart of the same settings,
    /// else
    /// <paramref name="wanted"/>, where there is nothing yet or <c>--force</c> was given.
    /// </summary>
    public static QuickstartState Begin(CommandContext call, string directory, QuickstartState wanted)
    {
        string path = Path.Combine(directory, FileName);
        if (call.Force || !File.Exists(path))
        {
            if (!call.Force)
            {
                call.Claim(directory); // with --force each part looks at its own place
            }
            return wanted;
        }
        QuickstartState found = Read(path);
        return found.StagesDone == Quickstart.Stages
                ? throw new ArgumentException($"{directory} holds a finished quickstart; name another --out, or add --force to begin anew")
            : found with { StagesDone = 0 } == wanted ? found
            : throw new ArgumentException(
                $"{directory} holds an unfinished quickstart of other settings ({found.Settings}); repeat it with those to go on, or add --force to begin anew"
            );
    }

    /// <summary>What <paramref name="directory"/> says, or null when no quickstart made it.</summary>
    public static QuickstartState? Find(string directory) =>
        Path.Combine(directory, FileName) is var path && File.Exists(path) ? Read(path) : null;

    /// <summary>The flags that were given, or their defaults.</summary>
    public string Settings => $"{(Smoke ? "--smoke " : "")}--seed {Seed} --precision {Precision}";

    public void Save(string directory) =>
        AtomicFile.Write(
            Path.Combine(directory, FileName),
            stream => JsonSerializer.Serialize(stream, this, QuickstartJson.Default.QuickstartState)
        );

    private static QuickstartState Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), QuickstartJson.Default.QuickstartState) ?? throw new JsonException();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is damaged; delete it and add --force to begin anew", e);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(QuickstartState))]
internal sealed partial class QuickstartJson : JsonSerializerContext;
