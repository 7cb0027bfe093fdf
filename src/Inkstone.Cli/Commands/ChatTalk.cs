using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Inkstone.Files;
using Inkstone.Inference;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>The conversation of <c>ink chat</c>: its messages, how tokens are chosen, and the commands that change either.</summary>
internal sealed partial class ChatTalk(string? system, SamplingParams sampling, bool force)
{
    /// <summary>Commands and what they do.</summary>
    public static readonly (string Name, string Argument, string What)[] Commands =
    [
        ("/help", "", "this list"),
        ("/clear", "", "forget the conversation, but not what /system said"),
        ("/system", "[TEXT]", "tell the model TEXT before everything else; without TEXT: show it; - removes it"),
        ("/regen", "", "answer the last message again"),
        ("/save", "FILE.json", "write the conversation as a JSON array of messages"),
        ("/load", "FILE.json", "go on with such a conversation"),
        (
            "/set",
            "[NAME VALUE]",
            "change a setting (temperature, top_k, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty, max_tokens, seed); without: show all"
        ),
        ("/quit", "", "leave; so do Ctrl-D, and Ctrl-C twice where nothing is typed"),
    ];

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Objects with role and content, as chat templates take them.</summary>
    public JsonArray Messages { get; private set; } = Beginning(system);

    public SamplingParams Sampling { get; private set; } = sampling;

    /// <summary>True after /quit.</summary>
    public bool Ended { get; private set; }

    /// <summary>Whether a line is a command: a slash and a word; two slashes begin a message that begins with one.</summary>
    public static bool IsCommand(string line) => CommandLine().IsMatch(line);

    public void Add(string role, string content) => Messages.Add((JsonNode)Message(role, content));

    /// <summary>Removes the last message.</summary>
    public void TakeBack() => Messages.RemoveAt(Messages.Count - 1);

    /// <summary>Does what a command line says.</summary>
    /// <returns>what to tell the user, and whether an answer to the last message is wanted</returns>
    /// <exception cref="ArgumentException">The command is unknown or its words are wrong.</exception>
    public (string Told, bool Answers) Execute(string line)
    {
        Match words = CommandLine().Match(line);
        string name = words.Groups[1].Value,
            rest = words.Groups[2].Value.Trim();
        switch (name)
        {
            case "/help":
                return (Help(), false);
            case "/clear":
                Messages = Beginning(System);
                return ("forgotten", false);
            case "/system":
                return (Tell(rest), false);
            case "/regen":
                return Again();
            case "/save":
                return (Save(Needed(name, rest)), false);
            case "/load":
                return (Load(Needed(name, rest)), false);
            case "/set":
                return (rest.Length == 0 ? Settings() : Set(rest), false);
            case "/quit" or "/exit":
                Ended = true;
                return ("", false);
            default:
                throw new ArgumentException(
                    $"there is no command {name}{Spelling.Suggestion(name, Commands.Select(c => c.Name))}; /help lists them, and a message that begins with a slash is written with two"
                );
        }
    }

    private string? System => Messages is [JsonObject first, ..] && (string?)first["role"] == "system" ? (string?)first["content"] : null;

    private static string Help() =>
        string.Join('\n', Commands.Select(c => $"{$"{c.Name} {c.Argument}", -20} {c.What}"))
        + "\n\nUp and Down bring back what was said; Alt-Enter begins a new line; Ctrl-C stops an answer and keeps the talk";

    private string Tell(string text)
    {
        if (text.Length == 0)
        {
            return System ?? "nothing is told before the conversation";
        }
        if (System is not null)
        {
            Messages.RemoveAt(0);
        }
        if (text == "-")
        {
            return "nothing is told any more";
        }
        Messages.Insert(0, Message("system", text));
        return "told";
    }

    private (string, bool) Again()
    {
        if (Messages is [.., JsonObject last] && (string?)last["role"] == "assistant")
        {
            TakeBack();
            Sampling = Sampling with { Seed = Sampling.Seed + 1 }; // else the same text would come again
        }
        return Messages is [.., JsonObject question] && (string?)question["role"] == "user"
            ? ("", true)
            : throw new ArgumentException("/regen: nothing was asked yet");
    }

    private string Save(string path)
    {
        if (File.Exists(path) && !force)
        {
            throw new ArgumentException($"{path} exists already; name another file, or start ink chat with --force");
        }
        AtomicFile.WriteText(path, Messages.ToJsonString(Readable) + "\n");
        return Format.Text($"{Messages.Count} messages written to {path}");
    }

    private string Load(string path)
    {
        JsonArray messages = JsonArray.Create(TextFile.Array(path))!;
        Messages = messages.All(m =>
            m is JsonObject o && o["role"] is JsonValue role && role.GetValueKind() == JsonValueKind.String && o.ContainsKey("content")
        )
            ? messages
            : throw new InvalidDataException($"{path} must be a JSON array of messages with role and content");
        return Format.Text($"{Messages.Count} messages read from {path}");
    }

    private string Settings() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"temperature {Sampling.Temperature}, top_k {Sampling.TopK}, top_p {Sampling.TopP}, min_p {Sampling.MinP}, repetition_penalty {Sampling.RepetitionPenalty}, frequency_penalty {Sampling.FrequencyPenalty}, presence_penalty {Sampling.PresencePenalty}, max_tokens {(Sampling.MaxTokens == int.MaxValue ? "what the context holds" : Sampling.MaxTokens)}, seed {Sampling.Seed}"
        );

    private string Set(string words)
    {
        if (words.Split([' ', '='], StringSplitOptions.RemoveEmptyEntries) is not [string given, string value])
        {
            throw new ArgumentException("/set takes a name and a value, such as /set temperature 0.5");
        }
        string name = given.TrimStart('-').Replace('-', '_');
        SamplingParams p = Sampling;
        Sampling = (
            name switch
            {
                "temperature" => p with { Temperature = Number() },
                "top_k" => p with { TopK = Whole() },
                "top_p" => p with { TopP = Number() },
                "min_p" => p with { MinP = Number() },
                "repetition_penalty" => p with { RepetitionPenalty = Number() },
                "frequency_penalty" => p with { FrequencyPenalty = Number() },
                "presence_penalty" => p with { PresencePenalty = Number() },
                "max_tokens" => p with { MaxTokens = Whole(), MaxLength = null },
                "seed" => p with { Seed = (ulong)Whole() },
                _ => throw new ArgumentException(
                    $"there is no setting {name}{Spelling.Suggestion(name, ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "frequency_penalty", "presence_penalty", "max_tokens", "seed"])}; /help lists them"
                ),
            }
        ).Validate();
        return $"{name} is {value}";

        float Number() =>
            float.TryParse(value, CultureInfo.InvariantCulture, out float number)
                ? number
                : throw new ArgumentException($"{name} must be a number, got '{value}'");

        int Whole() =>
            int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? number
                : throw new ArgumentException($"{name} must be a whole number of 0 or more, got '{value}'");
    }

    private static string Needed(string name, string file) =>
        file.Length > 0 ? file : throw new ArgumentException($"{name} needs a file, such as {name} talk.json");

    private static JsonArray Beginning(string? system) => system is null ? [] : new JsonArray(Message("system", system));

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    [GeneratedRegex(@"^(/[a-z]+)(?:\s+(.*))?$", RegexOptions.Singleline)]
    private static partial Regex CommandLine();
}
