using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Distributed;
using Inkstone.Files;
using Inkstone.Tensors;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>One run of a verb: its flags, where its result and its progress go, and the token that Ctrl-C cancels.</summary>
internal sealed class CommandContext
{
    private static readonly JsonWriterOptions JsonForm = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const int RedirectedWidth = 240;

    private readonly ParseResult _parsed;
    private readonly SharedFlags _flags;
    private readonly Signals _signals;

    public CommandContext(
        ParseResult parsed,
        IReadOnlyList<KeyValuePair<string, string>> recipeKeys,
        SharedFlags flags,
        TextWriter output,
        TextWriter error,
        Signals signals,
        ICommunicator ranks
    )
    {
        Ranks = ranks;
        (_parsed, RecipeKeys, _flags, Out, Error, _signals) = (parsed, recipeKeys, flags, output, error, signals);
        bool plain = parsed.GetValue(flags.NoColor) || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        Live = Quiet || plain ? null : error as Terminal;
        Page = Open(output, plain || Console.IsOutputRedirected);
        if (Console.IsOutputRedirected)
        {
            Page.Profile.Width = RedirectedWidth; // a pipe has no edge at which to break lines
        }
    }

    /// <summary>The program around it, for a verb that runs other verbs.</summary>
    public required CommandHost Host { get; init; }

    /// <summary>Runs another verb under this call's signals and progress.</summary>
    /// <param name="args">its command line, without mistakes</param>
    /// <param name="output">where its result goes</param>
    /// <returns>its exit code; what was wrong was told on stderr</returns>
    public int RunCommand(string[] args, TextWriter output) => Host.RunInside(args, output, Error, _signals);

    /// <summary>The processes that mpirun started; this one alone where nobody did. The first one prints and writes.</summary>
    public ICommunicator Ranks { get; }

    /// <summary>Where the result goes: stdout.</summary>
    public TextWriter Out { get; }

    /// <summary>Where everything else goes: stderr.</summary>
    public TextWriter Error { get; }

    /// <summary>Cancelled by Ctrl-C, SIGTERM and the loss of the terminal.</summary>
    public CancellationToken Cancelled => _signals.Cancelled;

    /// <summary>Until it is disposed, Ctrl-C does <paramref name="stop"/> instead of ending the program.</summary>
    public IDisposable OnCtrlC(Action stop) => _signals.OnCtrlC(stop);

    /// <summary>stdout for tables.</summary>
    public IAnsiConsole Page { get; }

    /// <summary>stderr when it is a terminal on which progress may move.</summary>
    public Terminal? Live { get; }

    public bool Json => _parsed.GetValue(_flags.Json);

    public bool Quiet => _parsed.GetValue(_flags.Quiet);

    public bool Force => _parsed.GetValue(_flags.Force);

    public int? Threads =>
        _parsed.GetResult(_flags.Threads) is null ? null
        : _parsed.GetValue(_flags.Threads) is > 0 and <= 4096 and int threads ? threads
        : throw new ArgumentException($"--threads must be between 1 and 4096, got {_parsed.GetValue(_flags.Threads)}");

    public long? Seed =>
        _parsed.GetValue(_flags.Seed) is not < 0 and var seed
            ? seed
            : throw new ArgumentException($"--seed must be 0 or more, got {_parsed.GetValue(_flags.Seed)}");

    /// <summary>fp32 or bf16 when the flag was given.</summary>
    public string? Precision => _parsed.GetValue(_flags.Precision) is { } name ? Precisions.Name(Precisions.Parse(name)) : null;

    public T? Get<T>(Option<T> option) => _parsed.GetValue(option);

    public T? Get<T>(Argument<T> argument) => _parsed.GetValue(argument);

    /// <summary>A whole number in a range.</summary>
    public int Between(Option<int> option, int least, int most) =>
        Get(option) is int value && value >= least && value <= most
            ? value
            : throw new ArgumentException($"{option.Name} must be between {least} and {most}, got {Get(option)}");

    public bool Has(Option option) => _parsed.GetResult(option) is { Implicit: false };

    /// <summary>The <c>--section.key value</c> flags of a verb that takes recipe keys.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> RecipeKeys { get; }

    /// <summary>A piece of a text for people as it comes; with <c>--json</c> the whole text comes at the end.</summary>
    public void Show(string piece)
    {
        if (!Json)
        {
            Out.Write(piece);
            Out.Flush();
        }
    }

    /// <summary>One line of progress on stderr.</summary>
    public void Say(string line)
    {
        if (!Quiet)
        {
            Out.Flush(); // what was printed before stands before it
            Error.WriteLine(line);
        }
    }

    /// <summary>A line on stderr that <c>--quiet</c> does not silence.</summary>
    public void Warn(string line) => Error.WriteLine("warning: " + line);

    /// <summary>Lines of the result for people, with line ends between words where the terminal is narrower.</summary>
    public void Prose(string text)
    {
        Out.WriteLine(Console.IsOutputRedirected ? text : Cells.Wrap(text, Page.Profile.Width - 1));
        Out.Flush();
    }

    /// <summary>The result: one JSON document with <c>--json</c>, else what <paramref name="people"/> writes.</summary>
    public int Result(JsonNode json, Action<TextWriter> people)
    {
        if (Json)
        {
            WriteJson(writer => json.WriteTo(writer));
        }
        else
        {
            people(Out);
        }
        Out.Flush();
        return 0;
    }

    /// <summary>Writes one JSON document and a line end on stdout.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter writer = new(bytes, JsonForm))
        {
            write(writer);
        }
        Out.Write(System.Text.Encoding.UTF8.GetString(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)));
        Out.Write('\n');
        Out.Flush();
    }

    /// <summary>
    /// Runs <paramref name="work"/> with a device on a thread of its own: a deep stack, pinned to its CPU, so that the pinning never
    /// reaches the threads of the pool, which are children of whoever starts them.
    /// </summary>
    public T Compute<T>(Func<Device, T> work, int? threads = null, string? precision = null) =>
        ComputeThread.Run(() =>
        {
            using Device device = NewDevice(threads, precision);
            CpuThread.Prepare(FirstProcessor);
            return work(device);
        });

    /// <summary>A device as the flags want it.</summary>
    public Device NewDevice(int? threads = null, string? precision = null)
    {
        string? wanted = Precision ?? precision;
        // Who names a type gets it, whatever the weights are.
        int count = Threads ?? threads ?? 0;
        return new Device(
            count > 0 ? count : (Ranks as MpiCommunicator)?.Processors ?? 0,
            matMulType: Precisions.Parse(wanted ?? "fp32"),
            firstProcessor: FirstProcessor
        )
        {
            Int8Products = wanted is null,
        };
    }

    private int FirstProcessor => (Ranks as MpiCommunicator)?.FirstProcessor ?? 0;

    /// <summary>Runs work that answers to <see cref="Cancelled"/> by saving a checkpoint, which a signal waits for.</summary>
    public T Saving<T>(Func<T> work) => _signals.Saving(work);

    /// <summary>Refuses an output directory that is, holds or lies in an input, and one that exists, unless <c>--force</c> was given and
    /// ink wrote all that is there.</summary>
    public string Claim(string path, params IEnumerable<string?> inputs)
    {
        Place.KeepApart(path, file: false, inputs);
        AtomicDirectory.RefuseTaken(path, Force);
        return path;
    }

    /// <summary>The same for a single file; <paramref name="isOurs"/> tells by its content whether ink wrote it.</summary>
    public string ClaimFile(string path, Func<string, bool> isOurs, params IEnumerable<string?> inputs)
    {
        Place.KeepApart(path, file: true, inputs);
        return Directory.Exists(path) ? throw new ArgumentException($"{path} is a directory; name another output")
            : !File.Exists(path) ? path
            : !Force ? throw new ArgumentException($"{path} exists already; name another output or add --force to overwrite it")
            : isOurs(path) ? path
            : throw new ArgumentException(
                $"{path} was not written by ink, and only what ink wrote is replaced: move it away or name another output"
            );
    }

    /// <summary>A list of ids such as 1,2,3.</summary>
    public static int[] ParseIds(string ids)
    {
        string[] parts = ids.Split([',', ' ', '[', ']'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int[] values = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out values[i]))
            {
                throw new ArgumentException($"--ids must be token ids such as 1,2,3; '{parts[i]}' is none");
            }
        }
        return values;
    }

    private static IAnsiConsole Open(TextWriter writer, bool plain) =>
        AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(writer),
                Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
                ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            }
        );
}
