using System.Globalization;
using System.Text.Json;
using Inkstone.Files;

namespace Inkstone.Training;

/// <summary>
/// OUT/checkpoints: one directory per saved step, complete as soon as it bears its name, because it is written under another name, flushed and
/// renamed; and renamed again before it is deleted. So whatever is called step-N can be resumed from, even after kill -9.
/// </summary>
public sealed class CheckpointFolder(string run)
{
    private const string Prefix = "step-";

    /// <summary>The folder.</summary>
    public string Path { get; } = System.IO.Path.Combine(run, "checkpoints");

    /// <summary>Directory of one step.</summary>
    public string Of(int step) => System.IO.Path.Combine(Path, Name(step));

    /// <summary>Saved steps, ascending.</summary>
    public IReadOnlyList<int> Steps()
    {
        List<int> steps = [];
        if (Directory.Exists(Path))
        {
            foreach (string directory in Directory.EnumerateDirectories(Path, Prefix + "*"))
            {
                string name = System.IO.Path.GetFileName(directory);
                if (int.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int step))
                {
                    steps.Add(step);
                }
            }
        }
        steps.Sort();
        return steps;
    }

    /// <summary>Removes what an interrupted save or deletion has left.</summary>
    public void Clean()
    {
        if (Directory.Exists(Path))
        {
            AtomicDirectory.Sweep(Path);
        }
    }

    /// <summary>Saves one step, points the index to it, and deletes what is neither best, last nor one of the <paramref name="keep"/> newest.</summary>
    public string Save(TrainState state, int keep, Action<string> fill)
    {
        string path = Of(state.Step);
        AtomicDirectory.Write(path, overwrite: true, directory =>
        {
            fill(directory);
            state.Write(directory);
        });
        Index(state);
        IReadOnlyList<int> steps = Steps();
        for (int i = 0; i < steps.Count - 1 - keep; i++)
        {
            if (steps[i] != state.BestStep && steps[i] != state.Step)
            {
                AtomicDirectory.Delete(Of(steps[i]));
            }
        }
        return path;
    }

    /// <summary>Writes checkpoints.json.</summary>
    public void Index(TrainState state)
    {
        string? best = state.BestStep is { } step && Directory.Exists(Of(step)) ? Name(step) : null;
        CheckpointIndex index = new(Name(state.Step), best, best is null ? null : state.BestLoss);
        AtomicFile.Write(System.IO.Path.Combine(Path, "checkpoints.json"), stream => JsonSerializer.Serialize(stream, index, TrainJson.Default.CheckpointIndex));
    }

    /// <summary>The model directory that <paramref name="path"/> means: itself, or the best (else last) checkpoint of a run.</summary>
    public static string Resolve(string path)
    {
        string index = System.IO.Path.Combine(path, "checkpoints", "checkpoints.json");
        if (File.Exists(System.IO.Path.Combine(path, "config.json")) || !File.Exists(index))
        {
            return path;
        }
        CheckpointIndex found = JsonSerializer.Deserialize(File.ReadAllBytes(index), TrainJson.Default.CheckpointIndex)
            ?? throw new InvalidDataException($"{index} is empty; give the path of a checkpoint instead");
        return System.IO.Path.Combine(path, "checkpoints", found.Best ?? found.Last);
    }

    private static string Name(int step) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D6}");
}
