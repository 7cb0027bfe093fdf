using System.CommandLine;

namespace Inkstone.Cli;

/// <summary>One verb of <c>ink</c>, or a group of verbs: its words, its flags, two worked examples, and what it does.</summary>
internal sealed class CliCommand : Command
{
    private CliCommand(
        string name,
        string description,
        IReadOnlyList<Symbol> symbols,
        Func<CommandContext, int>? run,
        IReadOnlyList<string> examples
    )
        : base(name, description)
    {
        (Run, Examples) = (run, examples);
        if (run is not null)
        {
            SetAction(_ => 0); // never invoked: it says that the verb works without one of those below it
        }
        foreach (Symbol symbol in symbols)
        {
            switch (symbol)
            {
                case Option option:
                    Add(option);
                    break;
                case Argument argument:
                    Add(argument);
                    break;
                case Command command:
                    Add(command);
                    break;
            }
        }
    }

    /// <summary>A verb; <paramref name="run"/> returns the exit code.</summary>
    public CliCommand(
        string name,
        string description,
        IReadOnlyList<Symbol> flags,
        Func<CommandContext, int> run,
        string example,
        string secondExample
    )
        : this(name, description, flags, run, [example, secondExample]) { }

    /// <summary>A group of verbs.</summary>
    public CliCommand(string name, string description, IReadOnlyList<CliCommand> verbs, string example, string secondExample)
        : this(name, description, verbs, null, [example, secondExample]) { }

    /// <summary>The work, or null for a group.</summary>
    public Func<CommandContext, int>? Run { get; }

    /// <summary>Command lines that work as they stand.</summary>
    public IReadOnlyList<string> Examples { get; }

    /// <summary>True when several processes, started by mpirun, do it together.</summary>
    public bool TakesRanks { get; init; }

    /// <summary>True when <c>--section.key value</c> flags are collected instead of refused.</summary>
    public bool TakesRecipeKeys { get; init; }
}
