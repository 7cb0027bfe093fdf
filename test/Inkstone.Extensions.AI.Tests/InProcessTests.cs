using Inkstone.Chat;
using Inkstone.Inference;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;

namespace Inkstone.Extensions.AI.Tests;

/// <summary>The model in this process through Microsoft.Extensions.AI, with no server.</summary>
public sealed class InProcessTests : IAsyncDisposable
{
    private readonly ScriptedModel _scripted = new(ScriptedModel.Scripts);
    private readonly AsyncEngine _engine;
    private readonly InkChatClient _client;

    public InProcessTests()
    {
        _engine = new AsyncEngine(_scripted.Model, _scripted.Tokenizer, new EngineOptions { CacheTokens = 8192 });
        _client = new InkChatClient(new ChatModel(_engine), "scripted");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _engine.DisposeAsync();
        _scripted.Dispose();
    }

    [Fact]
    public async Task It_answers_and_counts()
    {
        ChatResponse answer = await _client.GetResponseAsync("<|hello|>", new ChatOptions { Temperature = 0 });
        answer.Text.ShouldBe("Hello, world!");
        answer.FinishReason.ShouldBe(ChatFinishReason.Stop);
        answer.Usage!.OutputTokenCount.ShouldBe(4);
        answer.ModelId.ShouldBe("scripted");
        (await _client.GetResponseAsync("<|long|>", new ChatOptions { MaxOutputTokens = 3 })).FinishReason.ShouldBe(
            ChatFinishReason.Length
        );
        ChatResponse thought = await _client.GetResponseAsync("<|think|>", new ChatOptions { Temperature = 0 });
        thought.Messages[0].Contents.OfType<TextReasoningContent>().Single().Text.ShouldBe("She greets me.");
    }

    [Fact]
    public async Task An_agent_calls_functions_and_structured_answers_are_objects()
    {
        string? asked = null;
        AIFunction tool = AIFunctionFactory.Create(
            (string city) =>
            {
                asked = city;
                return "<|sun|>";
            },
            "get_weather"
        );
        AIAgent agent = _client.AsAIAgent(instructions: "Help.", name: "helper", tools: [tool]);
        AgentResponse answer = await agent.RunAsync("<|weather|>");
        asked.ShouldBe("Paris");
        answer.Text.ShouldEndWith("The sun shines in Paris.");
        (await _client.GetResponseAsync<Made>("<|json|>", new ChatOptions { Temperature = 0 })).Result.answer.ShouldBe(42);
        ChatResponse forced = await _client.GetResponseAsync(
            "hi",
            new ChatOptions
            {
                Tools = [tool],
                ToolMode = ChatToolMode.RequireSpecific("get_weather"),
                MaxOutputTokens = 60,
                Temperature = 0,
            }
        );
        forced.Messages[0].Contents.OfType<FunctionCallContent>().Single().Name.ShouldBe("get_weather");
    }

    [Fact]
    public async Task A_cancelled_answer_frees_its_place()
    {
        using CancellationTokenSource stop = new();
        await Should.ThrowAsync<OperationCanceledException>(async () =>
        {
            await foreach (
                ChatResponseUpdate update in _client.GetStreamingResponseAsync("<|long|>", new ChatOptions { Temperature = 0 }, stop.Token)
            )
            {
                await stop.CancelAsync();
            }
        });
        for (int i = 0; i < 100 && _engine.Statistics.Running > 0; i++)
        {
            await Task.Delay(20);
        }
        _engine.Statistics.Running.ShouldBe(0);
    }

    [Fact]
    public async Task Texts_become_vectors_of_length_one()
    {
        using InkEmbeddingGenerator generator = new(_engine);
        GeneratedEmbeddings<Embedding<float>> vectors = await generator.GenerateAsync(["one", "two", "one"]);
        vectors.Count.ShouldBe(3);
        vectors[0].Vector.ToArray().ShouldBe(vectors[2].Vector.ToArray());
        Math.Sqrt(vectors[0].Vector.ToArray().Sum(x => x * x)).ShouldBe(1, 1e-4);
    }

    /// <summary>What a structured answer is read into.</summary>
    private sealed record Made(int answer);
}
