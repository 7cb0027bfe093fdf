using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Training;

/// <summary>
/// A program of the user's: one JSON line {"prompt", "answer", "row"} into it for each answer, one line out of it: a number, null, or
/// {"reward": number}. It is started once and kept.
/// </summary>
/// <param name="name">the reward's name, for messages</param>
/// <param name="command">program and arguments</param>
/// <param name="patience">how long one line may take</param>
internal sealed class ProgramReward(string name, IReadOnlyList<string> command, TimeSpan patience) : IReward
{
    private const int Shown = 120;

    private Process? _process;
    private readonly StringBuilder _errors = new();

    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        IReadOnlyList<string> command = s.Texts("command");
        s.Require(command.Count > 0 && command[0].Length > 0, "command", "must be a list: a program and its arguments");
        double seconds = s.Number("timeout_seconds", 30, 0.01, 1e6);
        string name = s.Name;
        return _ => new ProgramReward(name, command, TimeSpan.FromSeconds(seconds));
    }

    public double?[] Score(IReadOnlyList<JudgedAnswer> answers)
    {
        double?[] scores = new double?[answers.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Ask(
                new JsonObject
                {
                    ["prompt"] = answers[i].Prompt,
                    ["answer"] = answers[i].Answer,
                    ["row"] = answers[i].Row.DeepClone(),
                }.ToJsonString()
            );
        }
        return scores;
    }

    public void Dispose()
    {
        if (_process is { } process)
        {
            _process = null;
            try
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit(1000);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // It has ended by itself.
            }
            process.Dispose();
        }
    }

    private double? Ask(string line)
    {
        Process process = _process ??= Start();
        try
        {
            process.StandardInput.WriteLine(line);
            process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It has ended; what it has printed before that tells why, or its exit code does.
        }
        Task<string?> reading = process.StandardOutput.ReadLineAsync();
        if (!reading.Wait(patience))
        {
            Dispose();
            throw Fault(FormattableString.Invariant($"has not answered for {patience.TotalSeconds:0.##} seconds (timeout_seconds)"));
        }
        return Read(reading.Result ?? throw Dead(process));
    }

    private double? Read(string line)
    {
        try
        {
            JsonNode? node = JsonNode.Parse(line);
            node = node is JsonObject named && named.ContainsKey("reward") ? named["reward"] : node;
            if (node is null)
            {
                return null;
            }
            if (node is JsonValue value && value.GetValueKind() == JsonValueKind.Number)
            {
                return (double)value;
            }
        }
        catch (JsonException)
        {
            // json.dumps of Python writes these three for numbers that are not finite; they are counted, as those of any reward.
            if (line.Trim() is "NaN" or "Infinity" or "-Infinity")
            {
                return double.Parse(line.Trim(), CultureInfo.InvariantCulture);
            }
        }
        throw Fault(
            $"has printed {JsonValue.Create(line.Length > Shown ? line[..Shown] + "…" : line)!.ToJsonString()}, where one line with a number, null or {{\"reward\": number}} is wanted"
        );
    }

    private InvalidDataException Dead(Process process)
    {
        bool ended = process.WaitForExitAsync().Wait(2000) || process.HasExited; // with what it has written to stderr
        string code = ended ? $" with exit code {process.ExitCode}" : "",
            errors;
        lock (_errors)
        {
            errors = _errors.ToString().Trim();
        }
        string last = errors.Split('\n')[^1].Trim();
        Dispose();
        return Fault($"has ended{code} before it had judged all answers{(last.Length > 0 ? $"; its last words: {last}" : "")}");
    }

    private InvalidDataException Fault(string what) =>
        new($"the program {command[0]} of the reward {name} {what}; mend it, then go on with --resume");

    private Process Start()
    {
        ProcessStartInfo start = new(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardErrorEncoding = new UTF8Encoding(false),
        };
        Process process = new() { StartInfo = start };
        // What it says to stderr is read, or it would stop when the pipe is full; its last words explain its end.
        process.ErrorDataReceived += (_, e) =>
        {
            lock (_errors)
            {
                _errors.Append(e.Data).Append('\n');
                if (_errors.Length > 1 << 14)
                {
                    _errors.Remove(0, _errors.Length - (1 << 13));
                }
            }
        };
        try
        {
            process.Start();
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or FileNotFoundException)
        {
            process.Dispose();
            throw Fault($"cannot be started ({e.Message})");
        }
        process.BeginErrorReadLine();
        return process;
    }
}
