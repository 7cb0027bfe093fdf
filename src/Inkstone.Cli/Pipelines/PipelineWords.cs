using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Command lines of a pipeline with everything in its place.</summary>
/// <param name="pipeline">whose</param>
/// <param name="output">the directory below which stages lie</param>
internal sealed partial class PipelineWords(Pipeline pipeline, string output)
{
    /// <summary>The directory of a stage.</summary>
    public string Own(string stage) => Path.Combine(output, stage);

    /// <summary>
    /// The words of a stage's command line, without the program's name. A word that is nothing but the name of a value becomes the words of
    /// that value, which may be none.
    /// </summary>
    public string[] Resolve(PipelineStage stage)
    {
        List<string> words =
        [
            .. CommandLineParser.SplitCommandLine(stage.Run).SelectMany(word => Expand(word, stage, $"stages.{stage.Name}.run", [])),
        ];
        return [.. words is ["ink", .. var rest] ? rest : words];
    }

    /// <summary>A path that a stage names beside its command line.</summary>
    public string File(string text, PipelineStage stage, string key) => Fill(text, stage, $"stages.{stage.Name}.{key}", []);

    /// <summary>Stages whose directories the command line of this one names, itself included.</summary>
    public IReadOnlySet<string> Named(PipelineStage stage)
    {
        HashSet<string> names = [];
        Visit(stage.Run, []);
        return names;

        void Visit(string text, HashSet<string> open)
        {
            foreach (Match name in Name().Matches(text))
            {
                string word = name.Groups[1].Value;
                if (pipeline.Values.TryGetValue(word, out string? value) && open.Add(word))
                {
                    Visit(value, open);
                    open.Remove(word);
                }
                else if (pipeline.Stages.Any(s => s.Name == word))
                {
                    names.Add(word);
                }
            }
        }
    }

    private IEnumerable<string> Expand(string word, PipelineStage stage, string place, string[] open) =>
        Name().Match(word) is { Success: true } name
        && name.Length == word.Length
        && pipeline.Values.TryGetValue(name.Groups[1].Value, out string? value)
            ? CommandLineParser.SplitCommandLine(value).SelectMany(w => Expand(w, stage, place, Opened(name.Groups[1].Value, place, open)))
            : [Fill(word, stage, place, open)];

    private string Fill(string text, PipelineStage stage, string place, string[] open) =>
        Name()
            .Replace(
                text,
                name =>
                {
                    string word = name.Groups[1].Value;
                    if (word == Pipeline.OutName)
                    {
                        return output;
                    }
                    if (pipeline.Values.TryGetValue(word, out string? value))
                    {
                        return Fill(value, stage, place, Opened(word, place, open));
                    }
                    string[] known = [.. pipeline.Stages.TakeWhile(s => s != stage).Append(stage).Select(s => s.Name)];
                    return known.Contains(word)
                        ? Own(word)
                        : throw new InvalidDataException(
                            $"{pipeline.File}: {place} names {{{word}}}, which is neither a value nor this stage or one before it{Spelling.Suggestion(word, [.. known, .. pipeline.Values.Keys, Pipeline.OutName])}"
                        );
                }
            );

    private string[] Opened(string value, string place, string[] open) =>
        open.Contains(value)
            ? throw new InvalidDataException($"{pipeline.File}: {place} names {{{value}}}, whose value names itself")
            : [.. open, value];

    /// <summary>A command line with flags added, in place of those that it has already.</summary>
    public static string[] With(IReadOnlyList<string> words, IReadOnlyList<string> added)
    {
        HashSet<string> replaced = [.. added.Where(IsFlag).Select(Flag)];
        List<string> kept = [];
        bool drops = false;
        foreach (string word in words)
        {
            drops = IsFlag(word) ? replaced.Contains(Flag(word)) : drops;
            if (!drops)
            {
                kept.Add(word);
            }
        }
        return [.. kept, .. added];
    }

    private static bool IsFlag(string word) => word.StartsWith("--", StringComparison.Ordinal);

    private static string Flag(string word) => word.Split('=', 2)[0];

    [GeneratedRegex(@"\{([A-Za-z0-9_-]+)\}")]
    private static partial Regex Name();
}
