using System.CommandLine;
using System.CommandLine.Parsing;
using System.Reflection;
using System.Text;
using Inkstone.Distributed;
using Inkstone.Files;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>
/// Between the shell and a verb: parses, prints help, names the nearest word for a wrong one, turns signals into cancellation and
/// faults into one sentence and an exit code (0 done, 1 check failed or internal fault, 2 wrong input, 130 interrupted).
/// </summary>
internal sealed class CommandHost(CliCommand root)
{
    private readonly SharedFlags _flags = new();
    private readonly Option<bool> _version = new("--version") { Description = "the version of this program" };

    /// <summary>The version that was built, without the commit behind it.</summary>
    private static string Version =>
        typeof(CommandHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public int Run(string[] args)
    {
        using StreamWriter output = new(new Unheard(Console.OpenStandardOutput()), new UTF8Encoding(false), 1 << 16);
        using StreamWriter error = new(new Unheard(Console.OpenStandardError()), new UTF8Encoding(false)) { AutoFlush = true };
        Launch? launch = Launch.Current is { Size: > 1 } several ? several : null;
        if (launch is not null)
        {
            Environment.SetEnvironmentVariable("TERM", "dumb"); // or the runtime writes escapes into what it takes for a terminal
        }
        // A launcher's pipes and pseudo-terminals are no place for a line that is rewritten, and the first process speaks for all.
        return launch is null ? Run(args, output, Terminal.Wrap(error), error, null)
            : launch.Rank == 0 ? Run(args, output, error, error, launch)
            : Run(args, TextWriter.Null, TextWriter.Null, error, launch);
    }

    /// <param name="args">the command line</param>
    /// <param name="output">where results go</param>
    /// <param name="error">where everything else goes</param>
    /// <param name="last">where a process says why it ends all others</param>
    /// <param name="launch">who started several processes; null: this one is alone</param>
    private int Run(string[] args, TextWriter output, TextWriter error, TextWriter last, Launch? launch)
    {
        using Signals signals = new(error, launch is not null);
        _flags.AddTo(root);
        root.Add(_version);
        if (args is ["help", .. string[] asked])
        {
            args = [.. asked, _flags.Help.Name];
        }
        (ParseResult parsed, CliCommand verb, List<KeyValuePair<string, string>> keys) = Parse(args);
        string path = PathOf(parsed);
        if (verb == root && parsed.GetValue(_version))
        {
            output.WriteLine($"{root.Name} {Version}");
            return 0;
        }
        if (verb.Run is null ? parsed.UnmatchedTokens.Count == 0 : parsed.GetValue(_flags.Help))
        {
            output.Write(Help.Page(verb, path, _flags));
            return 0;
        }
        if (Mistake(parsed, verb, path) is { } mistake)
        {
            error.WriteLine($"ink: {mistake}");
            return 2;
        }
        if (launch is not null && !verb.TakesRanks)
        {
            error.WriteLine($"ink: {path} is done by one process, and {launch.Launcher} started {launch.Size}; run it without");
            return 2;
        }
        ICommunicator ranks = new SingleProcess();
        try
        {
            ranks = launch is null
                ? ranks
                : MpiCommunicator.Open(
                    launch,
                    why =>
                        last.WriteLine(
                            $"ink: rank {launch.Rank}: {why}; the job ends: what the last checkpoint holds can be gone on from with --resume"
                        )
                );
            int code = verb.Run!(new CommandContext(parsed, keys, _flags, output, error, signals, ranks) { Host = this });
            signals.End();
            output.Flush();
            ranks.Dispose();
            return code;
        }
        catch (Exception e)
        {
            signals.End();
            output.Flush();
            return launch is null
                ? Faults.Report(e, error, parsed.GetValue(_flags.Debug))
                : EndAll(e, ranks, launch, last, parsed.GetValue(_flags.Debug));
        }
    }

    /// <summary>What is wrong with a command line, or null; and the verb that it names.</summary>
    internal (string? Mistake, CliCommand Verb) Check(string[] args)
    {
        (ParseResult parsed, CliCommand verb, _) = Parse(args);
        return (Mistake(parsed, verb, PathOf(parsed)), verb);
    }

    /// <summary>Runs a command line without mistakes inside another verb: its progress and signals are that verb's, its result goes to
    /// <paramref name="output"/>.</summary>
    internal int RunInside(string[] args, TextWriter output, TextWriter error, Signals signals)
    {
        (ParseResult parsed, CliCommand verb, List<KeyValuePair<string, string>> keys) = Parse(args);
        try
        {
            return verb.Run!(new CommandContext(parsed, keys, _flags, output, error, signals, new SingleProcess()) { Host = this });
        }
        catch (Exception e)
        {
            return Faults.Report(e, error, parsed.GetValue(_flags.Debug));
        }
        finally
        {
            output.Flush();
        }
    }

    private (ParseResult Parsed, CliCommand Verb, List<KeyValuePair<string, string>> Keys) Parse(string[] args)
    {
        ParserConfiguration configuration = new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };
        ParseResult parsed = root.Parse(args, configuration);
        List<KeyValuePair<string, string>> keys = [];
        if (parsed.CommandResult.Command is CliCommand { TakesRecipeKeys: true })
        {
            parsed = root.Parse(RecipeKeys.TakeOut(args, keys), configuration);
        }
        return (parsed, (CliCommand)parsed.CommandResult.Command, keys);
    }

    /// <summary>A fault of one process ends all of them, because the others would wait for it for ever. One that all have, the first one
    /// tells.</summary>
    private static int EndAll(Exception fault, ICommunicator ranks, Launch launch, TextWriter last, bool withStack)
    {
        if (launch.Rank > 0)
        {
            Thread.Sleep(TimeSpan.FromSeconds(5));
            last.WriteLine($"ink: rank {launch.Rank} on {Environment.MachineName} ends the job:");
        }
        int code = Faults.Report(fault, last, withStack);
        ranks.Abort(code);
        return code;
    }

    private static string PathOf(ParseResult parsed)
    {
        List<string> names = [];
        for (SymbolResult? at = parsed.CommandResult; at is not null; at = at.Parent)
        {
            if (at is CommandResult command)
            {
                names.Insert(0, command.Command.Name);
            }
        }
        return string.Join(' ', names);
    }

    private static string? Mistake(ParseResult parsed, CliCommand verb, string path)
    {
        string? wrong = parsed.UnmatchedTokens.Count > 0 ? parsed.UnmatchedTokens[0] : null;
        if (wrong is not null && verb.Run is null && !wrong.StartsWith('-'))
        {
            return $"there is no verb '{path} {wrong}'{Spelling.Suggestion(wrong, verb.Subcommands.Select(c => c.Name))}; see '{path} --help'";
        }
        if (wrong is not null)
        {
            return wrong.StartsWith('-') ? UnknownFlag(verb, path, wrong) : $"'{path}' does not take '{wrong}'; see '{path} --help'";
        }
        return parsed.Errors.Count == 0 ? null : Sentence(parsed.Errors[0]) + $"; see '{path} --help'";
    }

    private static string Sentence(ParseError error)
    {
        // What the library says about a value of the wrong kind names .NET types.
        if (
            error.SymbolResult is OptionResult { Tokens: [.., Token value] } option
            && error.Message.StartsWith("Cannot parse", StringComparison.Ordinal)
        )
        {
            Type type = Nullable.GetUnderlyingType(option.Option.ValueType) ?? option.Option.ValueType;
            if (type == typeof(int) && System.Numerics.BigInteger.TryParse(value.Value, out System.Numerics.BigInteger whole))
            {
                return FormattableString.Invariant(
                    $"{option.Option.Name} must be {(whole.Sign < 0 ? $"at least {int.MinValue}" : $"at most {int.MaxValue}")}, got {value.Value}"
                );
            }
            string kind =
                type == typeof(float) || type == typeof(double) ? "a number"
                : type == typeof(bool) ? "true or false"
                : "a whole number";
            return $"{option.Option.Name} must be {kind}, got '{value.Value}'";
        }
        if (
            error.SymbolResult is OptionResult { Tokens: [.., Token odd] } choice
            && error.Message.Contains("Must be one of:", StringComparison.Ordinal)
        )
        {
            string[] words = [.. choice.Option.GetCompletions(System.CommandLine.Completions.CompletionContext.Empty).Select(c => c.Label)];
            return $"{choice.Option.Name} must be {string.Join(", ", words[..^1])} or {words[^1]}, got '{odd.Value}'";
        }
        if (error.Message.StartsWith("Required argument ", StringComparison.Ordinal))
        {
            return (error.SymbolResult is ArgumentResult { Parent: OptionResult } inner ? inner.Parent : error.SymbolResult) switch
            {
                OptionResult { Option: { } bare } => $"{bare.Name} needs a value, {bare.HelpName}",
                ArgumentResult { Argument: { } argument } => $"{argument.Name} is missing",
                CommandResult command =>
                    $"{command.Command.Arguments.First(a => a.Arity.MinimumNumberOfValues > 0 && command.GetResult(a) is not { Tokens.Count: > 0 }).Name} is missing",
                _ => error.Message,
            };
        }
        return char.ToLowerInvariant(error.Message[0]) + error.Message[1..].TrimEnd('.');
    }

    private static string UnknownFlag(CliCommand verb, string path, string flag)
    {
        IEnumerable<string> known = verb
            .Options.SelectMany(o => o.Aliases.Append(o.Name))
            .Concat(new SharedFlags().All.Select(o => o.Name));
        return $"'{path}' has no flag {flag}{Spelling.Suggestion(flag, known)}; see '{path} --help'";
    }
}
