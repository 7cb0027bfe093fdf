using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Inkstone.Data.Tests;

public sealed class SmallWorldTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(77)]
    public void Nothing_held_out_is_shown(ulong seed)
    {
        var corpus = new SmallWorldCorpus(seed);
        // A line feed before each document, so that a sentence at its beginning has a left neighbour too.
        string text = "\n" + string.Join('\n', Take(corpus, 4_000_000));

        corpus.HeldOut.Count.ShouldBeInRange(100, 200);
        foreach (WorldQuestion question in corpus.HeldOut)
            IsIn(text, question.Question).ShouldBeFalse(question.Question);
        corpus.Untold.Count.ShouldBeGreaterThan(80);
        foreach (string statement in corpus.Untold)
            IsIn(text, statement).ShouldBeFalse(statement);
    }

    [Fact]
    public void What_is_shown_is_shown()
    {
        var corpus = new SmallWorldCorpus(1);
        string text = "\n" + string.Join('\n', Take(corpus, 4_000_000));
        List<WorldQuestion> few = [.. corpus.Shown.Where(q => q.Category != "comparison")]; // of the 3,000 comparisons many are drawn by no document
        few.Count(q => IsIn(text, q.Question)).ShouldBeGreaterThan(few.Count * 99 / 100);
        corpus.Shown.Select(q => q.Question).Intersect(corpus.HeldOut.Select(q => q.Question)).ShouldBeEmpty();
    }

    [Fact]
    public void Held_out_questions_follow_from_what_is_told()
    {
        var telling = new SmallWorldCorpus(5);
        string text = "\n" + string.Join('\n', Take(telling, 4_000_000));
        foreach (WorldQuestion q in telling.HeldOut.Where(q => q.Category is "restate" or "towns" or "things" or "calendar"))
            IsIn(text, q.Reply).ShouldBeTrue(q.Question);
        foreach (WorldQuestion q in telling.HeldOut.Where(q => q.Category == "addition" && q.Language == WorldLanguage.English))
        {
            string[] words = q.Question.TrimEnd('?').Split(' '); // What is 3 plus 5
            int sum = int.Parse(words[2]) + int.Parse(words[4]);
            q.Answer.ShouldBe($"{words[2]} plus {words[4]} is {sum}");
            IsIn(text, $"{words[4]} plus {words[2]} is {sum}.").ShouldBeTrue(q.Question);
        }
        foreach (WorldQuestion q in telling.HeldOut.Where(q => q.Category == "comparison" && q.Language == WorldLanguage.Chinese))
        {
            int[] numbers = [.. q.Question[..q.Question.IndexOf('，')].Split('和').Select(int.Parse)];
            q.Answer.ShouldBe($"{numbers.Max()}比{numbers.Min()}大");
        }
    }

    [Fact]
    public void Each_category_is_asked_in_both_languages()
    {
        var corpus = new SmallWorldCorpus(1);
        foreach (string category in new[] { "family", "restate", "addition", "counting", "comparison", "calendar", "towns", "things" })
            foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
                corpus.HeldOut.ShouldContain(q => q.Category == category && q.Language == language, $"{category} {language}");
    }

    [Fact]
    public void A_seed_gives_the_same_bytes_and_another_seed_others()
    {
        byte[] first = Written(3), second = Written(3), other = Written(4);
        second.ShouldBe(first);
        other.ShouldNotBe(first);

        byte[] Written(ulong seed) => SHA256.HashData(File.ReadAllBytes(new SmallWorldCorpus(seed).Write(_folder[$"{seed}"], 300_000)));
    }

    [Fact]
    public void Written_files_are_lines_of_JSON_of_the_asked_size()
    {
        string path = new SmallWorldCorpus(1).Write(_folder.Path, 200_000);
        List<string> texts = [.. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!)];
        texts.Sum(t => Encoding.UTF8.GetByteCount(t)).ShouldBeInRange(200_000, 203_000);
        texts.ShouldAllBe(t => t.Length >= SmallWorldCorpus.MinimumCharacters);
        texts.Distinct().Count().ShouldBeGreaterThan(texts.Count * 95 / 100);
        JsonElement question = JsonDocument.Parse(File.ReadLines(_folder["held-out.jsonl"]).First()).RootElement;
        question.GetProperty("prompt").GetString()!.ShouldContain(question.GetProperty("question").GetString()!);
    }

    [Theory]
    [InlineData("清水河。\n问：", true)]
    [InlineData("清水河", true)]
    [InlineData(" 清水河。", true)]
    [InlineData("清水河边。", false)]
    [InlineData("", false)]
    public void An_answer_is_its_first_line(string continuation, bool right) =>
        new WorldQuestion("towns", WorldLanguage.Chinese, "流过青石镇的河是哪条河？", "清水河").IsAnsweredBy(continuation).ShouldBe(right);

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void A_world_has_as_many_families_as_asked(int families)
    {
        var corpus = new SmallWorldCorpus(1, families);
        string text = "\n" + string.Join('\n', Take(corpus, 1_000_000));
        corpus.HeldOut.Count(q => q.Category == "family").ShouldBe(families * 12); // six relations in two languages
        corpus.HeldOut.ShouldAllBe(q => !IsIn(text, q.Question));
        Should.Throw<ArgumentException>(() => new SmallWorldCorpus(1, 9));
    }

    [Fact]
    public void Gold_answers_score_in_full()
    {
        foreach (WorldQuestion question in new SmallWorldCorpus(1).HeldOut)
            question.IsAnsweredBy($" {question.Reply}\nQ: What").ShouldBeTrue();
    }

    /// <summary>Whether a sentence stands in the text as such: not as the end of one about a longer number, 十二月 or 熊猫.</summary>
    private static bool IsIn(string text, string sentence)
    {
        for (int at = text.IndexOf(sentence, StringComparison.Ordinal); at >= 0; at = text.IndexOf(sentence, at + 1, StringComparison.Ordinal))
            if (!(char.IsAsciiDigit(text[at - 1]) && char.IsAsciiDigit(sentence[0])) && text[at - 1] is not ('十' or '熊')) return true;
        return false;
    }

    private static IEnumerable<string> Take(SmallWorldCorpus corpus, long bytes)
    {
        foreach (string text in corpus.Documents())
        {
            yield return text;
            bytes -= Encoding.UTF8.GetByteCount(text);
            if (bytes <= 0) yield break;
        }
    }
}
