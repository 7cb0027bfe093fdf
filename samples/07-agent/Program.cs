// An agent with a tool, in one process and with no server: a small model learns when to call, Microsoft's agent framework calls, and the
// model says what came of it.
// With a path it asks a model of yours instead: dotnet run -- model.gguf "How much ink is left?"
using System.Text.Json.Nodes;
using Inkstone.Chat;
using Inkstone.Data;
using Inkstone.Extensions.AI;
using Inkstone.Inference;
using Inkstone.Text;
using Inkstone.Training;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;

const string Question = "How much ink is left?";

using LanguageModel model = args.Length > 0 ? LanguageModel.Open(args[0]) : Learned();
await using AsyncEngine engine = new(model.Model, model.Tokenizer);
using InkChatClient client = new(new ChatModel(engine));

AIFunction inkLeft = AIFunctionFactory.Create(
    () =>
    {
        Console.WriteLine("(ink_left is called)");
        return "7 bottles";
    },
    "ink_left",
    "how much ink is left"
);
AIAgent agent = client.AsAIAgent(
    new ChatClientAgentOptions
    {
        Name = "clerk",
        ChatOptions = new ChatOptions
        {
            Tools = [inkLeft],
            Temperature = 0,
            MaxOutputTokens = 100,
        },
    }
);
string question = args.Length > 1 ? args[1] : Question;
Console.WriteLine("> " + question);
Console.WriteLine((await agent.RunAsync(question)).Text);

static LanguageModel Learned()
{
    // The template writes calls as Qwen and Hermes do; that it speaks of tools tells the library so.
    const string Template =
        "{#- tools -#}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>\n"
        + "{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    JsonArray called = [Message("user", Question), Message("assistant", "")];
    called[1]!["tool_calls"] = JsonNode.Parse("""[{"id": "1", "type": "function", "function": {"name": "ink_left", "arguments": {}}}]""");
    JsonArray told =
    [
        .. called.Select(m => m!.DeepClone()),
        Message("tool", "7 bottles"),
        Message("assistant", "There are 7 bottles left."),
    ];
    Tokenizer tokenizer = BpeTrainer
        .TrainText([told.ToJsonString()], new BpeTrainerOptions(320, SpecialTokens: ["<|im_start|>", "<|im_end|>"]))
        .WithChatTemplate(Template);
    LanguageModel model = LanguageModel.New(tokenizer, ModelOptions.Llama(hiddenSize: 64, layers: 2));
    ChatMasks masks = new(ChatTemplate.For(tokenizer), tokenizer);
    MaskedConversation[] examples = [.. masks.Mask(called), .. masks.Mask(told)];
    model
        .TrainerOn(
            new ExampleLoader(examples, new ExampleLoaderOptions(Rows: 4, Length: 160, Batching.Padded, ShuffleSeed: 1)),
            new TrainOptions(Steps: 80),
            new OptimizerOptions(LearningRate: 3e-3)
        )
        .Run();
    return model;
}

static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
