// Teaches a small model a few answers, and talks to it. A session keeps what the model has computed of a conversation, so each turn costs
// its new tokens only.
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Inference;
using Inkstone.Text;
using Inkstone.Training;

(string Question, string Answer)[] known =
[
    ("What is black?", "Ink is black."),
    ("What is white?", "Paper is white."),
    ("Who are you?", "I am a small model."),
];

Tokenizer tokenizer = BpeTrainer
    .TrainText(
        known.SelectMany(k => (string[])[k.Question, k.Answer]),
        new BpeTrainerOptions(300, SpecialTokens: ["<|im_start|>", "<|im_end|>"])
    )
    .WithChatTemplate(ChatTemplate.ChatMl);
using LanguageModel model = LanguageModel.New(tokenizer, ModelOptions.Llama(hiddenSize: 64, layers: 2));

ChatMasks masks = new(ChatTemplate.For(tokenizer), tokenizer); // only what the assistant says is learned
MaskedConversation[] examples = [.. known.SelectMany(k => masks.Mask([Message("user", k.Question), Message("assistant", k.Answer)]))];
model
    .TrainerOn(
        new ExampleLoader(examples, new ExampleLoaderOptions(Rows: 8, Length: 64, Batching.Padded, ShuffleSeed: 1)),
        new TrainOptions(Steps: 60),
        new OptimizerOptions(LearningRate: 3e-3)
    )
    .Run();

using ChatSession session = new(model.Model, tokenizer);
JsonArray conversation = [];
foreach (string question in (string[])["Who are you?", "What is black?"])
{
    conversation.Add(Message("user", question));
    Console.WriteLine("> " + question);
    foreach (string piece in session.Answer(conversation, new SamplingParams(Temperature: 0, MaxTokens: 24)))
    {
        Console.Write(piece);
    }
    Console.WriteLine();
    conversation.Add(Message("assistant", session.Text));
}

static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
