using System.CommandLine;

namespace Inkstone.Cli;

/// <summary>The flags that mean the same for every verb.</summary>
internal sealed class SharedFlags
{
    public Option<bool> Json { get; } = new("--json") { Description = "print the result as one JSON document" };

    public Option<bool> Quiet { get; } = new("--quiet") { Description = "no progress on stderr" };

    public Option<bool> NoColor { get; } = new("--no-color") { Description = "plain text; NO_COLOR does the same" };

    public Option<int> Threads { get; } = new("--threads") { Description = "computing threads; default: one per core", HelpName = "N" };

    public Option<string> Precision { get; } =
        new("--precision") { Description = "type in which matrix products multiply: fp32 or bf16", HelpName = "P" };

    public Option<long?> Seed { get; } = new("--seed") { Description = "seed of everything random", HelpName = "N" };

    public Option<bool> Force { get; } = new("--force") { Description = "replace an existing output that ink wrote" };

    public Option<bool> Debug { get; } = new("--debug") { Description = "print the stack of an internal fault" };

    public Option<bool> Help { get; } = new("--help", "-h", "-?") { Description = "this help" };

    public IReadOnlyList<Option> All => [Json, Quiet, NoColor, Threads, Precision, Seed, Force, Debug, Help];

    public void AddTo(Command root)
    {
        foreach (Option option in All)
        {
            option.Recursive = true;
            root.Add(option);
        }
    }
}
