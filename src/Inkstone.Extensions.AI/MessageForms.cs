using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.Extensions.AI;

namespace Inkstone.Extensions.AI;

/// <summary>Messages and options of Microsoft.Extensions.AI as the model takes them.</summary>
internal static class MessageForms
{
    public static ChatRequest Request(ChatModel model, IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        SamplingParams usual = model.Sampling;
        SamplingParams p = (
            usual with
            {
                Temperature = options?.Temperature ?? usual.Temperature,
                TopP = options?.TopP ?? usual.TopP,
                TopK = options?.TopK ?? usual.TopK,
                FrequencyPenalty = options?.FrequencyPenalty ?? usual.FrequencyPenalty,
                PresencePenalty = options?.PresencePenalty ?? usual.PresencePenalty,
                MaxTokens = options?.MaxOutputTokens ?? usual.MaxTokens,
                Seed = (ulong)(options?.Seed ?? Random.Shared.NextInt64()),
                Stop = [.. usual.Stop ?? [], .. options?.StopSequences ?? []],
            }
        ).Validate();
        JsonArray all = [.. messages.SelectMany(Message)];
        if (options?.Instructions is { Length: > 0 } instructions)
        {
            all.Insert(0, new JsonObject { ["role"] = "system", ["content"] = instructions });
        }
        AIFunctionDeclaration[] functions = [.. options?.Tools?.OfType<AIFunctionDeclaration>() ?? []];
        return new ChatRequest(all, p)
        {
            Tools = functions.Length == 0 ? null : [.. functions.Select(Tool)],
            ToolChoice = options?.ToolMode switch
            {
                NoneChatToolMode => new(ToolChoiceKind.None),
                RequiredChatToolMode required => new(ToolChoiceKind.Required, required.RequiredFunctionName),
                _ => default,
            },
            ParallelCalls = options?.AllowMultipleToolCalls ?? true,
            Constraint = options?.ResponseFormat is ChatResponseFormatJson json
                ? json.Schema is { } schema
                    ? new AnswerConstraint.Schema(schema.GetRawText())
                    : new AnswerConstraint.Json()
                : null,
            Adapter = options?.ModelId is { } id && model.Engine.Adapters.Contains(id) ? id : null,
        };
    }

    private static JsonNode Tool(AIFunctionDeclaration f) =>
        new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = f.Name,
                ["description"] = f.Description,
                ["parameters"] = JsonNode.Parse(f.JsonSchema.GetRawText()),
            },
        };

    /// <summary>One message, or one for each result of a function.</summary>
    private static IEnumerable<JsonNode> Message(ChatMessage message)
    {
        FunctionResultContent[] results = [.. message.Contents.OfType<FunctionResultContent>()];
        foreach (FunctionResultContent result in results)
        {
            yield return new JsonObject
            {
                ["role"] = "tool",
                ["tool_call_id"] = result.CallId,
                ["content"] = result.Result as string ?? Text(result.Result),
            };
        }
        if (results.Length > 0 && message.Text.Length == 0)
        {
            yield break;
        }
        if (message.Contents.FirstOrDefault(c => c is DataContent or UriContent) is { } other)
        {
            throw new ArgumentException($"a message has a {other.GetType().Name}, but this model reads text only.");
        }
        JsonObject json = new() { ["role"] = message.Role == ChatRole.Tool ? "user" : message.Role.Value, ["content"] = message.Text };
        if (string.Concat(message.Contents.OfType<TextReasoningContent>().Select(r => r.Text)) is { Length: > 0 } thought)
        {
            json["reasoning_content"] = thought;
        }
        FunctionCallContent[] calls = [.. message.Contents.OfType<FunctionCallContent>()];
        if (calls.Length > 0)
        {
            json["tool_calls"] = new JsonArray([
                .. calls.Select(
                    JsonNode (call) =>
                        new JsonObject
                        {
                            ["id"] = call.CallId,
                            ["type"] = "function",
                            ["function"] = new JsonObject
                            {
                                ["name"] = call.Name,
                                ["arguments"] = Node(call.Arguments) ?? new JsonObject(),
                            },
                        }
                ),
            ]);
        }
        yield return json;
    }

    private static string Text(object? value) =>
        value is null ? ""
        : value is JsonElement { ValueKind: JsonValueKind.String } text ? text.GetString()!
        : Node(value)?.ToJsonString() ?? "";

    private static JsonNode? Node(object? value) =>
        value is null ? null : JsonSerializer.SerializeToNode(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType()));
}
