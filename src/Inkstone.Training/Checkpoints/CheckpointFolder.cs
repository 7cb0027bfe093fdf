using System.Globalization;
using System.Text.Json;
using Inkstone.Files;
using Inkstone.Formats;

namespace Inkstone.Training;

/// <summary>
/// OUT/checkpoints: one directory per saved step, complete as soon as it bears its name, because it is written under another name, flushed
/// and
/// renamed; and renamed again before it is deleted. So whatever is called step-N can be resumed from, even after kill -9.
/// </summary>
public sealed class CheckpointFolder(string run)
{
    private const string Prefix = "step-",
        IndexFile = "checkpoints.json";

    /// <summary>The folder.</summary>
    public string Path { get; } = System.IO.Path.Combine(run, "checkpoints");

    /// <summary>Directory of one step.</summary>
    public string GetPath(int step) => System.IO.Path.Combine(Path, Name(step));

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

    /// <summary>
    /// The newest checkpoint, or null where there is none. A damaged one is an error that names the newest whole one before it: which steps
    /// are lost is for the user to say.
    /// </summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public int? Newest()
    {
        IReadOnlyList<int> steps = Steps();
        if (steps.Count == 0 || Damage(steps[^1]) is not { } damage)
        {
            return steps.Count == 0 ? null : steps[^1];
        }
        int whole = steps.Count - 2;
        while (whole >= 0 && Damage(steps[whole]) is not null)
        {
            whole--;
        }
        string moved = string.Join(" and ", steps.Skip(whole + 1).Reverse().Select(GetPath));
        throw new InvalidDataException(
            $"the checkpoint {GetPath(steps[^1])} is damaged: {damage}; "
                + (
                    whole < 0
                        ? "no other one is whole, so begin anew with --force or another out"
                        : $"{GetPath(steps[whole])} is whole: to go on from it, move {moved} away and --resume again"
                )
        );
    }

    /// <summary>What is wrong with a checkpoint, by its list of files and the headers of its tensors; null: nothing.</summary>
    internal string? Damage(int step)
    {
        string directory = GetPath(step);
        try
        {
            if (WrittenFiles.Read(directory).Damage() is { } damage)
            {
                return damage;
            }
            TrainState.Read(directory);
            foreach (string file in Directory.EnumerateFiles(directory, "*.safetensors", SearchOption.AllDirectories))
            {
                SafetensorsFile.Open(file).Dispose();
            }
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return e.Message.TrimEnd('.');
        }
    }

    /// <summary>Removes what an interrupted save or deletion has left.</summary>
    public void Clean()
    {
        if (Directory.Exists(Path))
        {
            AtomicDirectory.Sweep(Path);
        }
    }

    /// <summary>Saves one step, points the index to it, and deletes what is neither best, last nor one of the <paramref name="keep"/>
    /// newest.</summary>
    public string Save(TrainState state, int keep, Action<string> fill)
    {
        string path = GetPath(state.Step);
        AtomicDirectory.Write(
            path,
            overwrite: true,
            directory =>
            {
                fill(directory);
                state.Write(directory);
            }
        );
        Index(state);
        IReadOnlyList<int> steps = Steps();
        for (int i = 0; i < steps.Count - 1 - keep; i++)
        {
            if (steps[i] != state.BestStep && steps[i] != state.Step)
            {
                AtomicDirectory.Delete(GetPath(steps[i]));
            }
        }
        return path;
    }

    /// <summary>Writes checkpoints.json.</summary>
    public void Index(TrainState state)
    {
        string? best = state.BestStep is { } step && Directory.Exists(GetPath(step)) ? Name(step) : null;
        CheckpointIndex index = new(Name(state.Step), best, best is null ? null : state.BestLoss);
        AtomicFile.Write(
            System.IO.Path.Combine(Path, IndexFile),
            stream => JsonSerializer.Serialize(stream, index, TrainJson.Default.CheckpointIndex)
        );
    }

    /// <summary>The model directory that <paramref name="path"/> means: itself, or the best (else last) checkpoint of a run.</summary>
    public static string Resolve(string path)
    {
        string index = System.IO.Path.Combine(path, "checkpoints", IndexFile);
        if (File.Exists(System.IO.Path.Combine(path, "config.json")) || !File.Exists(index))
        {
            return path;
        }
        CheckpointIndex found =
            ReadIndex(index) ?? throw new InvalidDataException($"{index} is damaged; give the path of a checkpoint instead");
        return System.IO.Path.Combine(path, "checkpoints", found.Best ?? found.Last);
    }

    /// <summary>The first thing in the folder that no run wrote, in words; null: there is none.</summary>
    public string? Foreign() =>
        WrittenFiles
            .Read(Path)
            .Foreign(name =>
            {
                string entry = System.IO.Path.Combine(Path, name);
                return Directory.Exists(entry)
                    ? WrittenFiles.Read(entry).Foreign() is null
                    : name == IndexFile && ReadIndex(entry) is not null;
            });

    private static CheckpointIndex? ReadIndex(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainJson.Default.CheckpointIndex) is { Last: not null } index
                ? index
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Name(int step) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D6}");
}
