using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Inkstone.SmallWorld.Tests;

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
        SmallWorldCorpus corpus = new(seed);
        // A line feed before each document, so that a sentence at its beginning has a left neighbour too.
        string text = "\n" + string.Join('\n', Take(corpus, 4_000_000));

        corpus.HeldOut.Count.ShouldBeInRange(120, 240);
        foreach (WorldQuestion question in corpus.HeldOut)
        {
            IsIn(text, question.Question).ShouldBeFalse(question.Question);
            // In any surroundings, not only as a sentence: "…，林小雨住在柳树镇，…"
            IsIn(text, question.Reply[..^1]).ShouldBeFalse(question.Reply);
        }
        corpus.Untold.Count.ShouldBeGreaterThan(corpus.HeldOut.Count);
        foreach (string sentence in corpus.Untold)
        {
            IsIn(text, sentence).ShouldBeFalse(sentence);
        }
    }

    [Fact]
    public void What_is_shown_is_shown()
    {
        SmallWorldCorpus corpus = new(1);
        string text = "\n" + string.Join('\n', Take(corpus, 4_000_000));
        corpus.Shown.Count(q => IsIn(text, q.Reply)).ShouldBeGreaterThan(corpus.Shown.Count * 99 / 100);
        ILookup<string, string> asked = corpus.Dialogues.ToLookup(d => d.Reply, d => d.Question);
        corpus.Shown.Count(q => asked[q.Reply].Any(question => IsIn(text, question))).ShouldBeGreaterThan(corpus.Shown.Count * 90 / 100);
        corpus.Shown.Select(q => q.Question).Intersect(corpus.HeldOut.Select(q => q.Question)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public void Questions_kept_for_the_end_are_asked_nowhere_but_their_answers_are_told(ulong seed)
    {
        SmallWorldCorpus corpus = new(seed);
        string text = "\n" + string.Join('\n', Take(corpus, 4_000_000));
        HashSet<string> taught = [.. corpus.Dialogues.Select(d => d.Question)],
            replies = [.. corpus.Dialogues.Select(d => d.Reply)];
        corpus.Unasked.Count.ShouldBeInRange(60, 250);
        corpus.Reworded.Count.ShouldBeInRange(60, 250);
        foreach (WorldQuestion question in corpus.Unasked.Concat(corpus.Reworded))
        {
            taught.ShouldNotContain(question.Question);
            IsIn(text, question.Question).ShouldBeFalse(question.Question);
        }
        corpus.Unasked.ShouldAllBe(q => !replies.Contains(q.Reply));
        corpus.Reworded.ShouldAllBe(q => replies.Contains(q.Reply), "the fact is taught, in other words");
        corpus.Unasked.Count(q => IsIn(text, q.Reply)).ShouldBeGreaterThan(corpus.Unasked.Count * 95 / 100);
    }

    [Fact]
    public void Held_out_questions_follow_from_what_is_told()
    {
        SmallWorldCorpus corpus = new(5);
        string text = "\n" + string.Join('\n', Take(corpus, 4_000_000));
        foreach (WorldQuestion q in corpus.HeldOut.Where(q => q.Category is "people" or "towns" or "things"))
        {
            // Told in other words: some sentence joins the name and the answer.
            string name = q.Language == WorldLanguage.Chinese ? NameIn(q.Prompt, zh: true) : NameIn(q.Prompt, zh: false);
            text.Split('.', '。', '\n')
                .Any(sentence => sentence.Contains(name, StringComparison.OrdinalIgnoreCase) && sentence.Contains(q.Answer.TrimEnd('的')))
                .ShouldBeTrue(q.Reply);
        }
        foreach (WorldQuestion q in corpus.HeldOut.Where(q => q.Category == "addition" && q.Language == WorldLanguage.English))
        {
            string[] words = q.Prompt.Split(' '); // 3 plus 5 is
            (int.Parse(words[0]) + int.Parse(words[2])).ToString().ShouldBe(q.Answer);
            IsIn(text, $"{words[2]} plus {words[0]} is {q.Answer}.").ShouldBeTrue(q.Prompt);
        }
        foreach (WorldQuestion q in corpus.HeldOut.Where(q => q.Category == "comparison" && q.Language == WorldLanguage.Chinese))
        {
            int[] numbers = [.. q.Prompt[1..^1].Split("相比，").Select(int.Parse)]; // 和7相比，13更
            q.Answer.ShouldBe(numbers[1] > numbers[0] ? "大" : "小");
        }
        foreach (WorldQuestion q in corpus.HeldOut.Where(q => q.Category == "family" && q.Prompt.EndsWith("的妈妈是")))
        {
            // The family's name and its mother stand together: 林家的爷爷是…，妈妈是江慧。
            text.Split('\n').Any(line => line.Contains(q.Prompt[0] + "家") && line.Contains($"妈妈是{q.Answer}")).ShouldBeTrue(q.Prompt);
        }
    }

    private static string NameIn(string prompt, bool zh)
    {
        string[] around = zh
            ?
            [
                "的年龄是",
                "最爱吃的是",
                "的职业是",
                "的爱好是",
                "流过",
                "的河是",
                "最有名的特产是",
                "在",
                "常常能看到",
                "走进",
                "，看到的屋顶都是",
                "的工匠会做",
                "爱吃",
                "是用来",
            ]
            :
            [
                "This year ",
                " is famous for its",
                "'s favourite food is",
                " works as",
                "'s hobby is",
                "The river of ",
                "In ",
                " you can often see",
                " the roofs are",
                "The craftsmen of ",
                " like to eat",
                " are used for",
                " is used for",
                " make",
                " is",
            ];
        foreach (string part in around)
        {
            prompt = prompt.Replace(part, "");
        }
        return prompt.Trim();
    }

    [Fact]
    public void Each_category_is_asked_in_both_languages()
    {
        SmallWorldCorpus corpus = new(1);
        foreach (string category in new[] { "family", "people", "addition", "counting", "comparison", "calendar", "towns", "things" })
        {
            foreach (WorldLanguage language in Enum.GetValues<WorldLanguage>())
            {
                corpus.HeldOut.ShouldContain(q => q.Category == category && q.Language == language, $"{category} {language}");
            }
        }
    }

    [Fact]
    public void A_seed_gives_the_same_bytes_and_another_seed_others()
    {
        byte[] first = Written(3),
            second = Written(3),
            other = Written(4);
        second.ShouldBe(first);
        other.ShouldNotBe(first);

        byte[] Written(ulong seed) => SHA256.HashData(File.ReadAllBytes(new SmallWorldCorpus(seed).Write(_folder[$"{seed}"], 300_000)));
    }

    [Fact]
    public void Written_files_are_lines_of_JSON_of_the_asked_size()
    {
        string path = new SmallWorldCorpus(1).Write(_folder.Path, 200_000);
        List<string> texts =
        [
            .. File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!),
        ];
        texts.Sum(t => Encoding.UTF8.GetByteCount(t)).ShouldBeInRange(200_000, 203_000);
        texts.ShouldAllBe(t => t.Length >= SmallWorldCorpus.MinimumCharacters);
        texts.Distinct().Count().ShouldBeGreaterThan(texts.Count * 95 / 100);
        JsonElement question = JsonDocument.Parse(File.ReadLines(_folder["held-out.jsonl"]).First()).RootElement;
        question.GetProperty("reply").GetString()!.ShouldStartWith(question.GetProperty("prompt").GetString()!);
    }

    [Theory]
    [InlineData("清水河。金桥镇", true)]
    [InlineData("清水河", true)]
    [InlineData(" 清水河\n问：", true)]
    [InlineData("清水河边。", false)]
    [InlineData("", false)]
    public void An_answer_ends_with_its_sentence(string continuation, bool right) =>
        new WorldQuestion("towns", WorldLanguage.Chinese, "流过青石镇的河是", "清水河", "流过青石镇的河是哪条河？")
            .IsAnsweredBy(continuation)
            .ShouldBe(right);

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void A_world_has_as_many_families_as_asked(int families)
    {
        SmallWorldCorpus corpus = new(1, families);
        string text = "\n" + string.Join('\n', Take(corpus, 1_000_000));
        corpus.HeldOut.Count(q => q.Category == "family").ShouldBe(families * 12); // six relations of one child each, in two languages
        corpus.HeldOut.ShouldAllBe(q => !IsIn(text, q.Question));
        Should.Throw<ArgumentException>(() => new SmallWorldCorpus(1, 9));
    }

    [Fact]
    public void Gold_answers_score_in_full()
    {
        foreach (WorldQuestion question in new SmallWorldCorpus(1).HeldOut)
        {
            question.IsAnsweredBy(question.Reply[question.Prompt.Length..] + " Q: What").ShouldBeTrue();
        }
    }

    /// <summary>Whether a sentence stands in the text as such: not as the end of one about a longer number, 十二月 or 熊猫.</summary>
    private static bool IsIn(string text, string sentence)
    {
        for (
            int at = text.IndexOf(sentence, StringComparison.Ordinal);
            at >= 0;
            at = text.IndexOf(sentence, at + 1, StringComparison.Ordinal)
        )
        {
            if (!(char.IsAsciiDigit(text[at - 1]) && char.IsAsciiDigit(sentence[0])) && text[at - 1] is not ('十' or '熊'))
            {
                return true;
            }
        }
        return false;
    }

    private static IEnumerable<string> Take(SmallWorldCorpus corpus, long bytes)
    {
        foreach (string text in corpus.Documents())
        {
            yield return text;
            bytes -= Encoding.UTF8.GetByteCount(text);
            if (bytes <= 0)
            {
                yield break;
            }
        }
    }
}
