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
/// <param name="Example">One question that was.</param>
internal sealed record FactScore(string Category, int Asked, int Right, string? Example);

/// <summary>Exact match on facts that follow from the small world but were never shown, by greedy generation.</summary>
internal static class HeldOutFacts
{
    private const int AnswerTokens = 32;

    /// <summary>At most <paramref name="count"/> questions, spread evenly over the list.</summary>
    public static IReadOnlyList<WorldQuestion> Choose(IReadOnlyList<WorldQuestion> all, int count)
        => all.Count <= count ? all : [.. Enumerable.Range(0, count).Select(i => all[(int)((long)i * all.Count / count)])];

    /// <summary>Asks the model in <paramref name="checkpoint"/>.</summary>
    public static IReadOnlyList<FactScore> Measure(string checkpoint, Tokenizer tokenizer, IReadOnlyList<WorldQuestion> questions, Device device, CancellationToken cancelled)
    {
        using CausalLm model = Pretrained.Open(checkpoint, device, trained: false);
        TextGenerator generator = new(model, tokenizer);
        SamplingParams greedy = SamplingParams.Greedy(AnswerTokens) with { Stop = ["\n"] };
        List<FactScore> scores = [];
        foreach (IGrouping<string, WorldQuestion> category in questions.GroupBy(q => q.Category).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            int right = 0;
            string? example = null;
            foreach (WorldQuestion question in category)
            {
                cancelled.ThrowIfCancellationRequested();
                bool answered = question.IsAnsweredBy(string.Concat(generator.Generate(tokenizer.Encode(question.Prompt), greedy)));
                right += answered ? 1 : 0;
                example = answered ? example ?? question.Question : example;
            }
            scores.Add(new FactScore(category.Key, category.Count(), right, example));
        }
        return scores;
    }
}
