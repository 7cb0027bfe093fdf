namespace Inkstone.Training;

/// <summary>OUT of a run: what may be there before, and what is removed when the run begins anew.</summary>
internal static class RunDirectory
{
    private static readonly string[] OwnFiles = ["metrics.jsonl", "samples.jsonl", "recipe.resolved.yaml"];
    private static readonly string[] OwnFolders = ["checkpoints", "tensorboard", "best", "final"];

    /// <summary>Refuses a directory that holds a run, or anything else, unless told to resume or to begin anew.</summary>
    public static void Check(string path, bool resume, bool force)
    {
        if (File.Exists(path))
        {
            throw new ArgumentException($"{path} is a file; out must name a directory");
        }
        bool used = Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any();
        if (used && !resume && !force)
        {
            throw new ArgumentException($"{path} exists already; add --resume to go on with it, --force to begin anew, or name another out");
        }
    }

    /// <summary>Makes the directory; beginning anew removes what an earlier run wrote there, and nothing else.</summary>
    public static void Prepare(string path, bool resume)
    {
        Directory.CreateDirectory(path);
        if (resume)
        {
            return;
        }
        foreach (string folder in OwnFolders.Select(f => Path.Combine(path, f)).Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }
        foreach (string file in OwnFiles)
        {
            File.Delete(Path.Combine(path, file));
        }
    }
}
