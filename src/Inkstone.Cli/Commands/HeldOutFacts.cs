using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>How many questions of one kind were answered exactly.</summary>
/// <param name="Category">The kind.</param>
/// <param name="Asked">Questions asked.</param>
/// <param name="Right">Answered exactly.</param>
/// <param name="Ended">Answers that the model ended itself.</param>
/// <param name="Example">One question that was answered exactly.</param>
internal sealed record FactScore(string Category, int Asked, int Right, int Ended, string? Example);

/// <summary>A way to ask: the prompt's tokens, texts that end the answer, and what the answer must be.</summary>
internal sealed record Asking(Func<WorldQuestion, int[]> Prompt, IReadOnlyList<string> Stops, Func<WorldQuestion, string, bool> IsRight)
{
    /// <summary>The beginning of a sentence, for a model that continues text.</summary>
    public static Asking Sentences(Tokenizer tokenizer) => new(q => tokenizer.Encode(q.Prompt), ["\n"], (q, text) => q.IsAnsweredBy(text));

    /// <summary>A question on a line of its own, as documents have them.</summary>
    public static Asking Lines(Tokenizer tokenizer)
        => new(q => tokenizer.Encode(q.Language == WorldLanguage.Chinese ? $"问：{q.Question}\n答：" : $"Q: {q.Question}\nA:"), ["\n"], (q, text) => text.Trim() == q.Reply);

    /// <summary>A user's turn of the chat template.</summary>
    public static Asking Chat(Tokenizer tokenizer)
    {
        ChatTemplate template = ChatTemplate.For(tokenizer);
        return new(q => tokenizer.Encode(template.Render([new JsonObject { ["role"] = "user", ["content"] = q.Question }], addGenerationPrompt: true), addSpecialTokens: false),
            template.EndOfTurn(tokenizer), (q, text) => text == q.Reply);
    }
}

/// <summary>Exact match on facts that follow from the small world but were never shown, by greedy generation.</summary>
internal static class HeldOutFacts
{
    private const int AnswerTokens = 40;

    /// <summary>At most <paramref name="count"/> questions, spread evenly over the list.</summary>
    public static IReadOnlyList<WorldQuestion> Choose(IReadOnlyList<WorldQuestion> all, int count)
        => all.Count <= count ? all : [.. Enumerable.Range(0, count).Select(i => all[(int)((long)i * all.Count / count)])];

    /// <summary>Asks the model in <paramref name="checkpoint"/>.</summary>
    public static IReadOnlyList<FactScore> Measure(string checkpoint, Tokenizer tokenizer, Asking asking, IReadOnlyList<WorldQuestion> questions, Device device, CancellationToken cancelled)
    {
        using CausalLm model = Pretrained.Open(checkpoint, device, trained: false);
        TextGenerator generator = new(model, tokenizer);
        SamplingParams greedy = SamplingParams.Greedy(AnswerTokens) with { Stop = asking.Stops };
        List<FactScore> scores = [];
        foreach (IGrouping<string, WorldQuestion> category in questions.GroupBy(q => q.Category).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            (int right, int ended, string? example) = (0, 0, null);
            foreach (WorldQuestion question in category)
            {
                cancelled.ThrowIfCancellationRequested();
                bool answered = asking.IsRight(question, string.Concat(generator.Generate(asking.Prompt(question), greedy, cancelled: cancelled)));
                right += answered ? 1 : 0;
                ended += generator.FinishReason == FinishReason.Stop ? 1 : 0;
                example = answered ? example ?? question.Question : example;
            }
            scores.Add(new FactScore(category.Key, category.Count(), right, ended, example));
        }
        return scores;
    }
}
