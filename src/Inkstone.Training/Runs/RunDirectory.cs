using Inkstone.Files;

namespace Inkstone.Training;

/// <summary>OUT of a run: what may be there before, and what is removed when the run begins anew.</summary>
internal static class RunDirectory
{
    /// <summary>Name of the recipe with every key, as the run reads it.</summary>
    public const string RecipeFile = "recipe.resolved.yaml";

    private const string EventsFolder = "tensorboard";
    private static readonly string[] LogFiles = [MetricsFile.MetricsName, MetricsFile.SamplesName];
    private static readonly string[] CopyFolders = ["best", "final"];

    /// <summary>Refuses a directory that holds a run, or anything else, unless told to resume or to begin anew.</summary>
    public static void Check(string path, bool resume, bool force)
    {
        if (File.Exists(path))
        {
            throw new ArgumentException($"{path} is a file; out must name a directory");
        }
        bool used =
            Directory.Exists(path)
            && Directory.EnumerateFileSystemEntries(path).Any(entry => Path.GetFileName(entry) != DirectoryLock.FileName);
        if (used && !resume && !force)
        {
            throw new ArgumentException(
                $"{path} exists already; add --resume to go on with it, --force to begin anew, or name another out"
            );
        }
        if (used && Foreign(path, resume) is { } foreign)
        {
            throw new ArgumentException($"{path} holds {foreign}; only what a run wrote is replaced: move it away or name another out");
        }
    }

    /// <summary>Makes the directory; beginning anew removes what an earlier run wrote there, and nothing else.</summary>
    public static void Prepare(string path, bool resume)
    {
        Directory.CreateDirectory(path);
        Check(path, resume, force: true); // reading the data took its time
        if (resume)
        {
            return;
        }
        foreach (
            string folder in CopyFolders
                .Append(EventsFolder)
                .Select(name => Path.Combine(path, name))
                .Append(new CheckpointFolder(path).Path)
                .Where(Directory.Exists)
        )
        {
            Directory.Delete(folder, recursive: true);
        }
        foreach (string file in LogFiles.Append(RecipeFile))
        {
            File.Delete(Path.Combine(path, file));
        }
    }

    /// <summary>The first thing under one of the run's names that no run wrote, judged by what is in it; a resumed run replaces its copies
    /// of checkpoints only.</summary>
    private static string? Foreign(string path, bool resume)
    {
        foreach (string name in CopyFolders.Where(name => Directory.Exists(Path.Combine(path, name))))
        {
            if (WrittenFiles.Read(Path.Combine(path, name)).Foreign() is { } foreign)
            {
                return $"in {name} {foreign}";
            }
        }
        if (resume)
        {
            return null;
        }
        if (
            LogFiles.FirstOrDefault(name => File.Exists(Path.Combine(path, name)) && !MetricsFile.IsLog(Path.Combine(path, name))) is
            { } log
        )
        {
            return $"{log}, which is no log of a run";
        }
        string events = Path.Combine(path, EventsFolder);
        if (
            Directory.Exists(events)
            && WrittenFiles
                .Read(events)
                .Foreign(name => File.Exists(Path.Combine(events, name)) && TensorBoardFile.IsOurs(Path.Combine(events, name)))
                is { } other
        )
        {
            return $"in {EventsFolder} {other}";
        }
        CheckpointFolder checkpoints = new(path);
        return Directory.Exists(checkpoints.Path) && checkpoints.Foreign() is { } stranger
            ? $"in checkpoints {stranger}"
            : WrittenFiles.Read(path).Foreign(name => name != RecipeFile);
    }
}
