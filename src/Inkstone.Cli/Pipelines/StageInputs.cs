using System.Globalization;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>What a stage reads, and its fingerprint: where that is the same as last time, so is what the stage makes.</summary>
internal static class StageInputs
{
    /// <summary>Larger files are known by their length and time of writing: reading a corpus takes longer than what is done with
    /// it.</summary>
    private const long KnownByContent = 16 << 20;

    // Folders of the presets that verbs take by name as their first argument.
    private static readonly Dictionary<string, string> Presets = new(StringComparer.Ordinal)
    {
        ["pretrain"] = "runs",
        ["sft"] = "sft",
        ["dpo"] = "dpo",
        ["grpo"] = "grpo",
        ["ppo"] = "ppo",
        ["reward"] = "reward",
        ["distill"] = "distill",
        ["mix"] = "mix",
    };

    /// <summary>Files and directories that a command line names and that are not the stage's own, by path.</summary>
    /// <param name="words">the command line</param>
    /// <param name="output">the directory below which stages lie: what lies in it and in no stage is a log, and no input</param>
    /// <param name="own">the stage's own directory</param>
    public static IEnumerable<string> Find(IReadOnlyList<string> words, string output, string own)
    {
        foreach ((int i, string word) in words.Index())
        {
            if (i > 0 && Presets.TryGetValue(words[i - 1], out string? folder) && i <= 2 && !word.StartsWith('-'))
            {
                yield return Training.Presets.Recipe(word, folder);
            }
            foreach (
                string path in word[(word.IndexOf('=', StringComparison.Ordinal) + 1)..]
                    .Trim('[', ']')
                    .Split(',', StringSplitOptions.RemoveEmptyEntries)
            )
            {
                if (
                    (File.Exists(path) || Directory.Exists(path))
                    && !Lies(path, own)
                    && (
                        !Lies(path, output)
                        || Path.GetFullPath(Path.GetDirectoryName(Path.GetFullPath(path))!) != Path.GetFullPath(output)
                        || Directory.Exists(path)
                    )
                )
                {
                    yield return path;
                }
            }
        }
    }

    /// <summary>The hash of a command line and of all that is in its inputs.</summary>
    public static string Fingerprint(IReadOnlyList<string> words, IEnumerable<string> inputs)
    {
        Sha256 hash = new();
        Add(string.Join('\n', words));
        foreach (string input in inputs.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            bool single = File.Exists(input);
            string[] files = single
                ? [input]
                : [.. Directory.EnumerateFiles(input, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
            foreach (string file in files)
            {
                FileInfo info = new(file);
                if (info.Name != DirectoryLock.FileName && info.Name != WrittenFiles.FileName)
                {
                    Add(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"\n{input} {(single ? "" : Path.GetRelativePath(input, file))} {info.Length} {(info.Length > KnownByContent ? info.LastWriteTimeUtc.Ticks : 0)}\n"
                        )
                    );
                    if (info.Length <= KnownByContent)
                    {
                        hash.AppendFile(file);
                    }
                }
            }
        }
        return hash.FinishHex();

        void Add(string text) => hash.Append(System.Text.Encoding.UTF8.GetBytes(text));
    }

    private static bool Lies(string path, string directory)
    {
        string relative = Path.GetRelativePath(directory, path);
        return relative == "." || !relative.StartsWith("..", StringComparison.Ordinal) && !Path.IsPathRooted(relative);
    }
}
