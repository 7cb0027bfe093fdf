using Inkstone.Jinja;

namespace Inkstone.Evaluation.Tests;

/// <summary>Scores that sacrebleu 2.6.0 gave, of sentences that Python's generator draws here as it did there.</summary>
public sealed class TranslationTests
{
    private static readonly string[] Words =
        "ink stone Brush paper , . the the a 3.5 1,000 x-ray (seal) red's “quoted” 砚台 𝒳 &amp; İnk - 2-3 writes slowly! ?".Split(' ');

    [Theory]
    [InlineData(1, 30, 12, 55.445691409021755, 67.96220473655997, 69.5131879962668, 30.344827586206897)]
    [InlineData(2, 20, 30, 70.5604505128431, 80.98879666646712, 81.44020161221349, 18.081180811808117)]
    [InlineData(3, 4, 90, 90.3025567970031, 94.91112654009797, 95.15493764837409, 4.324324324324325)]
    [InlineData(5, 40, 3, 24.853763202033917, 65.28038889997863, 64.5260119485464, 73.91304347826086)]
    public void Corpora_have_the_scores_of_sacrebleu(int seed, int sentences, int length, double bleu, double chrf, double plus, double ter)
    {
        Value[] corpus = [.. Corpus(new MersenneTwister(seed), sentences, length)];
        Score("bleu", corpus).ShouldBe(bleu, 1e-10);
        Score("chrf", corpus).ShouldBe(chrf, 1e-10);
        Score("chrf++", corpus).ShouldBe(plus, 1e-10);
        Score("ter", corpus).ShouldBe(ter, 1e-10);
    }

    [Theory]
    [InlineData("a-\nb -\n", "ab|-")]
    [InlineData("It costs $3.50, or 1,000 (2-3) x-ray; \"A&amp;B\".", "It|costs|$|3.50|,|or|1,000|(|2|-|3|)|x-ray|;|\"|A|&|B|\"|.")]
    [InlineData("<skipped>end.\n 砚，台.", "end|.|砚，台|.")]
    public void Words_are_those_of_mteval_13a(string text, string words) => string.Join('|', Bleu.Tokens(text)).ShouldBe(words);

    [Theory]
    [InlineData("d e f g h a b c", "a b c d e f g h", 12.5)] // one move
    [InlineData("a", "", 100)]
    [InlineData("", "", 0)]
    [InlineData("", "a", 100)]
    public void Edits_are_counted_as_Tercom_does(string answer, string reference, double rate) =>
        Score("ter", [Pair(reference, answer)]).ShouldBe(rate, 1e-10);

    [Fact]
    public void Texts_of_very_different_lengths_have_edits_too()
    {
        string longer = string.Concat(Enumerable.Repeat("c d ", 60)) + "a b";
        Score("ter", [Pair("a b c", longer)]).ShouldBe(4033.3333333333335, 1e-10);
        Score("ter", [Pair(string.Concat(Enumerable.Repeat("c d ", 120)) + "a b", "x a b a b a b")]).ShouldBe(100, 1e-10);
    }

    [Fact]
    public void What_is_no_text_is_refused() =>
        Should
            .Throw<InvalidDataException>(() => Score("bleu", [new ListValue([new StringValue("a"), NoneValue.None])]))
            .Message.ShouldContain("add the filter take_first");

    private static IEnumerable<Value> Corpus(MersenneTwister random, int sentences, int length)
    {
        for (int s = 0; s < sentences; s++)
        {
            List<string> reference = [];
            for (int n = Pick(length); n > 0; n--)
            {
                reference.Add(Word());
            }
            List<string> answer = [.. reference];
            for (int edits = Pick(6); edits > 0; edits--)
            {
                int kind = Pick(4),
                    at = Pick(answer.Count + 1);
                if (kind == 0)
                {
                    answer.Insert(at, Word());
                }
                else if (kind == 1 && at < answer.Count)
                {
                    answer.RemoveAt(at);
                }
                else if (kind == 2 && at < answer.Count)
                {
                    answer[at] = Word();
                }
                else if (kind == 3)
                {
                    List<string> run = [.. answer.Skip(at).Take(4)];
                    answer.RemoveRange(at, run.Count);
                    answer.InsertRange(Pick(answer.Count + 1), run);
                }
            }
            yield return Pair(string.Join(' ', reference), string.Join(' ', answer));
        }

        int Pick(int below) => (int)(random.NextDouble() * below);

        string Word() => Words[Pick(Words.Length)];
    }

    private static ListValue Pair(string reference, string answer) => new([new StringValue(reference), new StringValue(answer)]);

    private static double Score(string metric, Value[] corpus) =>
        TranslationScores.Number(metric, corpus, "task")([.. Enumerable.Range(0, corpus.Length)]);
}
