using System.ClientModel;
using System.ComponentModel;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using OllamaSharp;
using OllamaSharp.Models;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using ChatMessage = OpenAI.Chat.ChatMessage;

namespace Inkstone.Server.Tests;

/// <summary>The .NET clients that people use, against the server as it is.</summary>
public sealed class DotNetClientsTests : IAsyncLifetime
{
    private const string Weather = """{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}""";

    private Served _served = null!;

    public async ValueTask InitializeAsync() => _served = await Served.StartAsync();

    public ValueTask DisposeAsync() => _served.DisposeAsync();

    [Fact]
    public async Task OpenAi_chats_streams_and_calls_tools()
    {
        ChatClient client = Client().GetChatClient("scripted");
        ChatCompletion answer = await client.CompleteChatAsync(
            [new UserChatMessage("<|hello|>")],
            new ChatCompletionOptions
            {
                Temperature = 0,
                MaxOutputTokenCount = 50,
                IncludeLogProbabilities = true,
                TopLogProbabilityCount = 2,
            }
        );
        answer.Content[0].Text.ShouldBe("Hello, world!");
        answer.FinishReason.ShouldBe(OpenAI.Chat.ChatFinishReason.Stop);
        answer.Role.ShouldBe(ChatMessageRole.Assistant);
        answer.ContentTokenLogProbabilities.Count.ShouldBe(4);
        answer.Usage.OutputTokenCount.ShouldBe(4);

        string text = "";
        int usages = 0;
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync([new UserChatMessage("<|sun|>")]))
        {
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
            usages += update.Usage is null ? 0 : 1;
        }
        text.ShouldBe("The sun shines in Paris.");
        usages.ShouldBe(1);

        ChatTool tool = ChatTool.CreateFunctionTool("get_weather", "weather", BinaryData.FromString(Weather), functionSchemaIsStrict: true);
        List<ChatMessage> talk = [new SystemChatMessage("Be kind."), new UserChatMessage("<|weather|>")];
        ChatCompletion called = await client.CompleteChatAsync(talk, new ChatCompletionOptions { Tools = { tool } });
        called.FinishReason.ShouldBe(OpenAI.Chat.ChatFinishReason.ToolCalls);
        called.ToolCalls[0].FunctionArguments.ToString().ShouldBe("{\"city\": \"Paris\"}");
        talk.AddRange([new AssistantChatMessage(called), new ToolChatMessage(called.ToolCalls[0].Id, "<|sun|>")]);
        ChatCompletion last = await client.CompleteChatAsync(talk, new ChatCompletionOptions { Tools = { tool } });
        last.Content[0].Text.ShouldBe("The sun shines in Paris.");
    }

    [Fact]
    public async Task OpenAi_embeds_and_sees_errors()
    {
        OpenAIEmbeddingCollection vectors = await Client().GetEmbeddingClient("scripted").GenerateEmbeddingsAsync(["one", "two"]);
        vectors.Count.ShouldBe(2);
        vectors[0].ToFloats().Length.ShouldBe(_served.Engine.Model.OutputWeight.Shape.Last);
        ClientResultException fault = await Should.ThrowAsync<ClientResultException>(() =>
            Client().GetChatClient("x").CompleteChatAsync([new UserChatMessage(new string('x', 5000))])
        );
        fault.Status.ShouldBe(400);
        fault.Message.ShouldContain("too large");
    }

    [Fact]
    public async Task OpenAi_makes_responses()
    {
#pragma warning disable OPENAI001 // the client calls its own API experimental
        OpenAI.Responses.ResponsesClient client = Client().GetResponsesClient();
        OpenAI.Responses.ResponseResult answer = await client.CreateResponseAsync("scripted", "<|hello|>");
        answer.GetOutputText().ShouldBe("Hello, world!");
#pragma warning restore OPENAI001
    }

    [Fact]
    public async Task Extensions_ai_calls_functions_by_itself_and_makes_objects()
    {
        using IChatClient client = Client().GetChatClient("scripted").AsIChatClient().AsBuilder().UseFunctionInvocation().Build();
        string? asked = null;
        AIFunction tool = AIFunctionFactory.Create(
            [Description("weather")]
            (string city) =>
            {
                asked = city;
                return "<|sun|>";
            },
            "get_weather"
        );
        Microsoft.Extensions.AI.ChatResponse answer = await client.GetResponseAsync(
            "<|weather|>",
            new ChatOptions
            {
                Tools = [tool],
                Temperature = 0,
                MaxOutputTokens = 60,
            }
        );
        asked.ShouldBe("Paris");
        answer.Messages.Count.ShouldBe(3);
        answer.Messages.ShouldAllBe(m => m.Role != ChatRole.System);

        Microsoft.Extensions.AI.ChatResponse<Answer> made = await client.GetResponseAsync<Answer>(
            "<|json|>",
            new ChatOptions { Temperature = 0 }
        );
        made.Result.answer.ShouldBe(42);
        Microsoft.Extensions.AI.ChatResponse thought = await client.GetResponseAsync("<|think|>", new ChatOptions { Temperature = 0 });
        thought.Text.ShouldBe("Good day.");
        thought.Messages.SelectMany(m => m.Contents).OfType<TextReasoningContent>().Single().Text.ShouldBe("She greets me.");
    }

    [Fact]
    public async Task Semantic_kernel_chats_and_calls_its_plugins()
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.AddOpenAIChatCompletion("scripted", new Uri(_served.Address, "v1"), "any");
        builder.Plugins.AddFromFunctions("Weather", [KernelFunctionFactory.CreateFromMethod((string city) => $"<|sun|>", "get")]);
        Kernel kernel = builder.Build();
        IChatCompletionService service = kernel.GetRequiredService<IChatCompletionService>();
        (await service.GetChatMessageContentAsync("<|hello|>")).Content.ShouldBe("Hello, world!");
        string text = "";
        await foreach (StreamingChatMessageContent part in service.GetStreamingChatMessageContentsAsync("<|sun|>"))
        {
            text += part.Content;
        }
        text.ShouldBe("The sun shines in Paris.");
        ChatHistory history = new("system");
        history.AddUserMessage("Paris?");
        Microsoft.SemanticKernel.ChatMessageContent called = await service.GetChatMessageContentAsync(
            history,
            new OpenAIPromptExecutionSettings { MaxTokens = 60, ToolCallBehavior = ToolCallBehavior.EnableKernelFunctions },
            kernel
        );
        called.Role.ShouldBe(AuthorRole.Assistant);
    }

    [Fact]
    public async Task An_agent_uses_its_tools()
    {
        AIFunction tool = AIFunctionFactory.Create((string city) => "<|sun|>", "get_weather");
        AIAgent agent = Client().GetChatClient("scripted").AsIChatClient().AsAIAgent(instructions: "Help.", name: "helper", tools: [tool]);
        AgentResponse answer = await agent.RunAsync("<|weather|>");
        answer.Messages.Select(m => m.Role).ShouldBe([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant]);
    }

    [Fact]
    public async Task OllamaSharp_chats_and_embeds()
    {
        using OllamaApiClient client = new(_served.Address, "scripted");
        string text = "";
        await foreach (
            OllamaSharp.Models.Chat.ChatResponseStream? part in client.ChatAsync(
                new OllamaSharp.Models.Chat.ChatRequest
                {
                    Model = "scripted",
                    Messages = [new("user", "<|hello|>")],
                    Options = new RequestOptions { Temperature = 0 },
                }
            )
        )
        {
            text += part?.Message.Content;
        }
        text.ShouldBe("Hello, world!");
        (await client.ListLocalModelsAsync()).Single().Name.ShouldBe("scripted");
        (await client.EmbedAsync("text")).Embeddings.Single().Length.ShouldBeGreaterThan(10);
    }

    private OpenAIClient Client() =>
        new(
            new ApiKeyCredential("any"),
            new OpenAIClientOptions
            {
                Endpoint = new Uri(_served.Address, "v1"),
                RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0),
            }
        );

    /// <summary>What a structured answer is read into.</summary>
    private sealed record Answer(int answer);
}
