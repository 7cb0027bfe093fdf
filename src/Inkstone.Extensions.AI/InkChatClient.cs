using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.Extensions.AI;

namespace Inkstone.Extensions.AI;

/// <summary>
/// A model of this process as an <see cref="IChatClient"/>: agents, function invocation and structured answers of Microsoft.Extensions.AI
/// work on it as on a service.
/// Several calls at a time are computed together.
/// </summary>
/// <param name="model">the model; it and its engine stay the caller's</param>
/// <param name="name">what the model is called in answers</param>
public sealed class InkChatClient(ChatModel model, string name = "inkstone") : IChatClient
{
    private readonly ChatClientMetadata _metadata = new("inkstone", null, name);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The request makes no sense for this model.</exception>
    /// <exception cref="EngineBusyException">As many requests wait already as may.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
        {
            updates.Add(update);
        }
        return updates.ToChatResponse();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The request makes no sense for this model.</exception>
    /// <exception cref="EngineBusyException">As many requests wait already as may.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        Answers answers = model.Start(MessageForms.Request(model, messages, options));
        string response = Guid.NewGuid().ToString("N"),
            message = Guid.NewGuid().ToString("N");
        (string Id, string Name, StringBuilder Arguments)? call = null;
        await foreach (AnswerPiece piece in answers.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            // Calls go whole: a call is of use when all of its arguments are there.
            if (call is { } done && piece.Kind is not PieceKind.Arguments)
            {
                yield return Update(new FunctionCallContent(done.Id, done.Name, Arguments(done.Arguments.ToString())));
                call = null;
            }
            switch (piece.Kind)
            {
                case PieceKind.Text:
                    yield return Update(new TextContent(piece.Text));
                    break;
                case PieceKind.Thought:
                    yield return Update(new TextReasoningContent(piece.Text));
                    break;
                case PieceKind.Call:
                    call = (piece.CallId!, piece.Text, new StringBuilder());
                    break;
                case PieceKind.Arguments:
                    call!.Value.Arguments.Append(piece.Text);
                    break;
                default:
                    ChatResponseUpdate last = Update(
                        new UsageContent(
                            new UsageDetails
                            {
                                InputTokenCount = answers.PromptTokens,
                                OutputTokenCount = answers.CompletionTokens,
                                TotalTokenCount = answers.PromptTokens + answers.CompletionTokens,
                                CachedInputTokenCount = answers.CachedTokens,
                            }
                        )
                    );
                    last.FinishReason = piece.End switch
                    {
                        AnswerEnd.Tools => ChatFinishReason.ToolCalls,
                        AnswerEnd.Length => ChatFinishReason.Length,
                        AnswerEnd.Cancelled => throw new OperationCanceledException(
                            "the engine was stopped while it was answering",
                            cancellationToken
                        ),
                        _ => ChatFinishReason.Stop,
                    };
                    yield return last;
                    break;
            }
        }

        ChatResponseUpdate Update(AIContent content) =>
            new(ChatRole.Assistant, [content])
            {
                ResponseId = response,
                MessageId = message,
                ModelId = name,
                CreatedAt = DateTimeOffset.UtcNow,
            };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(ChatClientMetadata) ? _metadata
        : serviceType == typeof(ChatModel) ? model
        : serviceType.IsInstanceOfType(this) ? this
        : null;

    /// <summary>Nothing is held: the model is the caller's.</summary>
    public void Dispose() { }

    private static Dictionary<string, object?> Arguments(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.EnumerateObject().ToDictionary(m => m.Name, m => (object?)m.Value.Clone(), StringComparer.Ordinal)
                : [];
        }
        catch (JsonException)
        {
            return []; // a call that was cut short
        }
    }
}
