using System.CommandLine;
using System.Text.Json;
using Inkstone.Evaluation;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>The flags of <c>evaluate</c> that say what is asked, named as lm-evaluation-harness names them.</summary>
internal sealed class EvaluateFlags
{
    private readonly Option<int?> _shots = new("--num-fewshot")
    {
        Description = "worked examples before each question; default: the task's own number; a task that says 0 keeps 0",
        HelpName = "N",
    };
    private readonly Option<int> _seed = new("--fewshot-seed")
    {
        Description = "seed of the draw of examples",
        HelpName = "N",
        DefaultValueFactory = _ => 1234,
    };
    private readonly Option<double?> _limit = new("--limit")
    {
        Description = "documents of each task: a share below 1, else a number",
        HelpName = "X",
    };
    private readonly Option<string> _samples = new("--samples")
    {
        Description = "numbers of documents by task, as JSON or a file of it: {\"arc_easy\": [0, 7]}",
        HelpName = "JSON",
    };
    private readonly Option<string> _settings = new("--gen-kwargs")
    {
        Description = "settings of generation over those of the tasks: key=value,key=value, or JSON",
        HelpName = "ARGS",
    };
    private readonly Option<bool> _chat = new("--apply-chat-template") { Description = "write prompts with the model's chat template" };
    private readonly Option<bool?> _multiturn = new("--fewshot-as-multiturn")
    {
        Description = "true or false: with a chat template, examples are turns of the conversation; default: true",
        HelpName = "BOOL",
    };
    private readonly Option<string> _system = new("--system-instruction")
    {
        Description = "text before the tasks' descriptions",
        HelpName = "S",
    };
    private readonly Option<int> _bootstrap = new("--bootstrap-iters")
    {
        Description = "draws for standard errors without a formula; 0: no standard errors at all",
        HelpName = "N",
        DefaultValueFactory = _ => 100_000,
    };
    private readonly Option<string[]> _include = new("--include-path")
    {
        Description = "directories of task files, all below them",
        HelpName = "DIR",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string[]> _data = new("--data")
    {
        Description = "directories that hold data sets under their names (ORG/NAME), looked into before the hub's cache",
        HelpName = "DIR",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<bool> _predictOnly = new("--predict-only") { Description = "answers alone, no scores" };
    private readonly Option<bool> _exclude = new("--exclude-own-answers") { Description = "never show a question among its own examples" };

    private readonly Option<bool> _core = new("--core")
    {
        Description = "add CORE, nanochat's number: the mean over tasks of (accuracy - chance) / (1 - chance)",
    };

    public IReadOnlyList<Symbol> All =>
        [
            _shots,
            _seed,
            _limit,
            _samples,
            _settings,
            _chat,
            _multiturn,
            _system,
            _bootstrap,
            _include,
            _data,
            _predictOnly,
            _exclude,
            _core,
        ];

    /// <param name="call">the call</param>
    /// <param name="tokenizer">the model's, for its chat template; null without a model</param>
    /// <param name="remote">whether the model is a server, which applies its own template</param>
    /// <param name="template">the chat template that is applied, or null</param>
    public EvaluationOptions Read(CommandContext call, Tokenizer? tokenizer, bool remote, out string? template)
    {
        ChatTemplate? chat =
            !call.Get(_chat) || remote
                ? null
                : ChatTemplate.For(
                    tokenizer ?? throw new ArgumentException("--apply-chat-template needs the model whose template it is: --model PATH")
                );
        template = chat?.Source;
        return new EvaluationOptions
        {
            NumFewshot = call.Get(_shots) is < 0 ? throw new ArgumentException("--num-fewshot must not be negative") : call.Get(_shots),
            FewshotSeed = call.Get(_seed),
            Limit = call.Get(_limit),
            Samples = call.Get(_samples) is { } samples ? Numbers(File.Exists(samples) ? File.ReadAllText(samples) : samples) : null,
            GenKwargs = call.Get(_settings) is { } settings ? GenKwargs.Parse(settings, call.Warn) : null,
            SystemInstruction = call.Get(_system),
            Chat =
                chat is not null ? ChatRendering.Create(chat, call.Warn)
                : remote && call.Get(_chat) ? OpenAiModel.Conversation
                : null,
            FewshotAsMultiturn = call.Get(_multiturn) ?? true,
            BootstrapIterations = call.Get(_bootstrap),
            PredictOnly = call.Get(_predictOnly),
            ExcludeOwnAnswers = call.Get(_exclude),
            Core = call.Get(_core),
            IncludePaths = call.Get(_include) ?? [],
            DataDirectories = call.Get(_data) ?? [],
            Warn = call.Warn,
        };
    }

    private static Dictionary<string, IReadOnlyList<int>> Numbers(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document
                .RootElement.EnumerateObject()
                .ToDictionary(
                    t => t.Name,
                    IReadOnlyList<int> (t) => [.. t.Value.EnumerateArray().Select(n => n.GetInt32())],
                    StringComparer.Ordinal
                );
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            throw new ArgumentException("--samples must be JSON such as {\"arc_easy\": [0, 7]}, or a file of it", fault);
        }
    }
}
