using Inkstone.Files;

namespace Inkstone.Training;

/// <summary>One command of a pipeline.</summary>
/// <param name="Name">how others call it, and the directory below OUT that is its own</param>
/// <param name="Run">the command line, with {names} for values and directories of stages</param>
/// <param name="Inputs">what it reads beside what its command line names</param>
/// <param name="Outputs">what must be there when it has ended, beside its own directory where the command line names that</param>
public sealed record PipelineStage(string Name, string Run, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs);

/// <summary>What a machine must have free before anything begins; null: not asked.</summary>
/// <param name="MemoryBytes">main memory</param>
/// <param name="DiskBytes">room where the stages go</param>
public sealed record PipelineNeeds(long? MemoryBytes, long? DiskBytes);

/// <summary>Commands of this program, one after the other, each with a directory of its own.</summary>
/// <param name="File">where it was read</param>
/// <param name="About">what it makes, in a sentence</param>
/// <param name="Values">texts that commands take by name</param>
/// <param name="Needs">what the machine must have</param>
/// <param name="Stages">in their order</param>
public sealed record Pipeline(
    string File,
    string About,
    IReadOnlyDictionary<string, string> Values,
    PipelineNeeds Needs,
    IReadOnlyList<PipelineStage> Stages
)
{
    /// <summary>The name that stands for the directory below which all stages lie.</summary>
    public const string OutName = "out";

    /// <summary>Its name: that of the file.</summary>
    public string Name => Path.GetFileNameWithoutExtension(File);

    /// <summary>Reads a file.</summary>
    /// <param name="file">YAML</param>
    /// <param name="smoke">whether its section smoke replaces values</param>
    /// <param name="values">values that count more than both</param>
    /// <exception cref="InvalidDataException">A key is unknown, or a value does not fit; the message names file, line and key.</exception>
    public static Pipeline Load(string file, bool smoke, IReadOnlyList<KeyValuePair<string, string>> values) =>
        Read(RecipeFile.Load(file, []), file, smoke, values);

    internal static Pipeline Read(RecipeSection root, string file, bool smoke, IReadOnlyList<KeyValuePair<string, string>> values)
    {
        string about = root.Text("about", "")!;
        Dictionary<string, string> all = Texts(root.Section("values")),
            small = Texts(root.Section("smoke"));
        foreach ((string name, string value) in small)
        {
            all[name] = all.TryGetValue(name, out string? full)
                ? smoke
                    ? value
                    : full
                : throw new InvalidDataException(
                    $"{file}: smoke.{name} replaces no value{Spelling.Suggestion(name, all.Keys)}; add it to values"
                );
        }
        foreach ((string name, string value) in values)
        {
            all[name] = all.ContainsKey(name)
                ? value
                : throw new ArgumentException($"--set names '{name}', and {file} has no such value{Spelling.Suggestion(name, all.Keys)}");
        }
        RecipeSection needs = root.Section("needs"),
            stages = root.Section("stages");
        PipelineNeeds free = new(Bytes(needs, "memory"), Bytes(needs, "disk"));
        List<PipelineStage> read =
        [
            .. stages
                .Keys.Select(name => stages.Section(name))
                .Select(s => new PipelineStage(s.Name, s.RequiredText("run"), s.Texts("inputs"), s.Texts("outputs"))),
        ];
        root.Require(
            read.Count > 0,
            "stages",
            "has no stage; add one, such as 'tokens: {run: tokenize --tokenizer tok --input text --out \"{tokens}\"}'"
        );
        root.Close();
        if (
            read.Find(s =>
                all.ContainsKey(s.Name) || s.Name == OutName || !s.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ) is
            { } odd
        )
        {
            throw new InvalidDataException(
                $"{file}: a stage may not be called '{odd.Name}': names are letters, digits, - and _, 'out' is taken, and so are the names of values"
            );
        }
        return new Pipeline(file, about, all, free, read);
    }

    private static Dictionary<string, string> Texts(RecipeSection section) =>
        section.Keys.ToDictionary(key => key, key => section.Text(key) ?? "", StringComparer.Ordinal);

    /// <summary>A number of bytes such as 4 GB or 500 MB.</summary>
    private static long? Bytes(RecipeSection s, string key)
    {
        if (s.Text(key) is not { } text)
        {
            return null;
        }
        string unit = text.TrimStart('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.', ' ');
        double scale = unit switch
        {
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            _ => 0,
        };
        bool fits =
            double.TryParse(text[..^unit.Length], System.Globalization.CultureInfo.InvariantCulture, out double number) && scale > 0;
        s.Require(fits, key, $"must be a size such as 4 GB, got '{text}'");
        return fits ? (long)(number * scale) : null;
    }
}
