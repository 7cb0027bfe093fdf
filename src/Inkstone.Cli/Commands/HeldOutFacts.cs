using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.SmallWorld;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>A question, what the model said, and whether that is right.</summary>
/// <param name="Question">What was asked.</param>
/// <param name="Text">What the model wrote.</param>
/// <param name="Right">True when it is the answer, to the letter.</param>
/// <param name="Ended">True when the model ended its answer itself.</param>
internal sealed record FactAnswer(WorldQuestion Question, string Text, bool Right, bool Ended);

/// <summary>A way to ask: the prompt's tokens, texts that end the answer, and what the answer must be.</summary>
internal sealed record QuestionFormat(
    Func<WorldQuestion, int[]> Prompt,
    IReadOnlyList<string> Stops,
    Func<WorldQuestion, string, bool> IsRight
)
{
    /// <summary>The beginning of a sentence, for a model that continues text.</summary>
    public static QuestionFormat Sentences(Tokenizer tokenizer) =>
        new(q => tokenizer.Encode(q.Prompt), ["\n"], (q, text) => q.IsAnsweredBy(text));

    /// <summary>A question on a line of its own, as documents have them.</summary>
    public static QuestionFormat Lines(Tokenizer tokenizer) =>
        new(
            q => tokenizer.Encode(q.Language == WorldLanguage.Chinese ? $"问：{q.Question}\n答：" : $"Q: {q.Question}\nA:"),
            ["\n"],
            (q, text) => text.Trim() == q.Reply
        );

    /// <summary>A user's turn of the chat template.</summary>
    public static QuestionFormat Chat(Tokenizer tokenizer)
    {
        ChatTemplate template = ChatTemplate.For(tokenizer);
        return new(
            q =>
                tokenizer.Encode(
                    template.Render([(JsonNode)new JsonObject { ["role"] = "user", ["content"] = q.Question }], addGenerationPrompt: true),
                    addSpecialTokens: false
                ),
            template.EndOfTurn(tokenizer),
            (q, text) => text == q.Reply
        );
    }
}

/// <summary>Exact match on facts that follow from the small world but were never shown, by greedy generation.</summary>
internal static class HeldOutFacts
{
    private const int AnswerTokens = 40;

    /// <summary>At most <paramref name="count"/> questions, spread evenly over the list.</summary>
    public static IReadOnlyList<WorldQuestion> Choose(IReadOnlyList<WorldQuestion> all, int count) =>
        all.Count <= count ? all : [.. Enumerable.Range(0, count).Select(i => all[(int)((long)i * all.Count / count)])];

    /// <summary>Asks the model in <paramref name="checkpoint"/>; <paramref name="asked"/> hears of each question.</summary>
    public static IReadOnlyList<FactAnswer> Ask(
        string checkpoint,
        Tokenizer tokenizer,
        QuestionFormat asking,
        IReadOnlyList<WorldQuestion> questions,
        Device device,
        Action asked,
        CancellationToken cancelled
    )
    {
        using CausalLm model = Pretrained.Open(checkpoint, device, trained: false);
        TextGenerator generator = new(model, tokenizer);
        SamplingParams greedy = SamplingParams.Greedy(AnswerTokens) with { Stop = asking.Stops };
        List<FactAnswer> answers = [];
        foreach (WorldQuestion question in questions)
        {
            string text = string.Concat(generator.Generate(asking.Prompt(question), greedy, cancelled: cancelled));
            answers.Add(new FactAnswer(question, text.Trim(), asking.IsRight(question, text), generator.FinishReason == FinishReason.Stop));
            asked();
        }
        return answers;
    }
}
