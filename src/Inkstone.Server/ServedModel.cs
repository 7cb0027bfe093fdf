using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Inkstone.Text;

namespace Inkstone.Server;

/// <summary>What all endpoints share: the model, its name, limits and counters.</summary>
internal sealed class ServedModel(ChatModel chat, ServerOptions options, Telemetry telemetry)
{
    public ChatModel Chat => chat;

    public AsyncEngine Engine => chat.Engine;

    public Tokenizer Tokenizer => chat.Engine.Tokenizer;

    public ServerOptions Options => options;

    public Telemetry Telemetry => telemetry;

    public TimeProvider Clock { get; } = TimeProvider.System;

    public long Created { get; } = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>What stands for OpenAI's build of a model.</summary>
    public string Fingerprint { get; } = $"b{typeof(ServedModel).Assembly.GetName().Version!.ToString(3)}";

    /// <summary>True once the server was told to stop.</summary>
    public bool Draining { get; set; }

    /// <summary>Tokens of the context.</summary>
    public int Context => Engine.MaxLength;

    /// <summary>The adapter that a request's model names; other names mean the model itself, as clients send what they were built
    /// for.</summary>
    public string? Adapter(Fields body)
    {
        string? name = body.Text("model");
        string? adapter = name is null ? null : Engine.Adapters.FirstOrDefault(a => a == name || $"{options.ModelName}:{a}" == name);
        return adapter
            ?? (
                body.Text("adapter") is not { } given ? null
                : Engine.Adapters.Contains(given) ? given
                : throw ApiException.Bad(
                    "adapter",
                    $"there is no adapter '{given}'; there are {(Engine.Adapters.Count == 0 ? "none" : string.Join(", ", Engine.Adapters))}."
                )
            );
    }

    /// <summary>The name that answers bear.</summary>
    public string Name(string? adapter) => adapter ?? options.ModelName;

    /// <summary>Names of all that may be asked for.</summary>
    public IEnumerable<string> Names => Engine.Adapters.Prepend(options.ModelName);

    /// <summary>A conversation from the members that OpenAI, vLLM and llama.cpp know.</summary>
    public ChatRequest Request(Fields body)
    {
        JsonArray? tools = ToolFields.Tools(body);
        return new ChatRequest(
            MessageFields.Read(body),
            SamplingFields.Read(body, chat.Sampling, options, Tokenizer, "max_completion_tokens", "max_tokens", "n_predict")
        )
        {
            Tools = tools,
            ToolChoice = ToolFields.Choice(body, tools),
            ParallelCalls = body.Flag("parallel_tool_calls") ?? true,
            Variables = Variables(body),
            Constraint = ToolFields.Constraint(body),
            SplitThoughts = body.Text("reasoning_format") != "none",
            AddGenerationPrompt = body.Flag("add_generation_prompt") ?? true,
            Count = body.Whole("n", 1, options.MaxChoices) ?? 1,
            LogProbs = body.Flag("logprobs") == true ? body.Whole("top_logprobs", 0, 20) ?? 0 : null,
            Adapter = Adapter(body),
        };
    }

    private static JsonObject? Variables(Fields body)
    {
        JsonObject? variables = body.Node("chat_template_kwargs");
        if (body.Text("reasoning_effort") is { } effort)
        {
            (variables ??= []).TryAdd("reasoning_effort", effort);
            if (effort == "none")
            {
                variables.TryAdd("enable_thinking", false);
            }
        }
        return variables;
    }
}
