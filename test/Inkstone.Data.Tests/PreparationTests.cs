using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Inkstone.Data.Tests;

public sealed class PreparationTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("  a \t\t b\u0001c\u001f\n\n\n\n\nd \n", "a bc\n\nd")]
    [InlineData("x <b>bold</b> <> y", "x bold <> y")]
    [InlineData("<|im_end|>a<|im_end|>b", "a\nb")]
    [InlineData("\u0000 \r\n", null)]
    public void Rules_clean_as_MicroLM_does(string text, string? expected)
    {
        PrepareOptions options = new(["in"], "out", CleanHtml: true, MinLength: 1, ReplaceLiterals: [new("<|im_end|>", "\n")]);
        string? result = text;
        foreach (TextFilter filter in CleaningRules.For(options))
        {
            result = result is null ? null : filter.Apply(result);
        }
        result.ShouldBe(expected);
    }

    [Fact]
    public void Lengths_count_characters_not_code_units()
    {
        string text = string.Concat(Enumerable.Repeat("😀中", 10));
        CleaningRules.CharacterCount(text).ShouldBe(20);
        Cleaned(new PrepareOptions(["in"], "out", MinLength: 20)).ShouldBe(text);
        Cleaned(new PrepareOptions(["in"], "out", MinLength: 21)).ShouldBeNull();
        Cleaned(new PrepareOptions(["in"], "out", MinLength: 1, MaxLength: 19)).ShouldBeNull();
        Cleaned(new PrepareOptions(["in"], "out", MinLength: 1, MaxLength: 3, MaxLengthAction: MaxLengthAction.Truncate))
            .ShouldBe("😀中😀");

        string? Cleaned(PrepareOptions options)
        {
            string? result = text;
            foreach (TextFilter filter in CleaningRules.For(options))
            {
                result = result is null ? null : filter.Apply(result);
            }
            return result;
        }
    }

    [Fact]
    public void A_prepared_folder_equals_a_naive_preparation()
    {
        string[] texts = SomeTexts(3000);
        string input = WriteJsonl("raw.jsonl", texts);
        PrepareResult result = Prepare(input, "out");

        string[] expected = [.. texts.Select(t => t.Trim()).Where(IsLongEnough).Distinct()];
        string[] valid = [.. expected.Where(IsValidByDecimals)];
        string[] train = [.. expected.Except(valid)];
        Texts("out/train.jsonl").SequenceEqual(train).ShouldBeTrue();
        Texts("out/valid.jsonl").SequenceEqual(valid).ShouldBeTrue();
        valid.Length.ShouldBeInRange(50, 400);
        (File.ReadAllText(_folder["out/tokenizer_corpus.txt"]) == string.Concat(train.Select(t => t + "\n"))).ShouldBeTrue();

        result.Documents.ShouldBe(expected.Length);
        (result.TrainDocuments, result.ValidDocuments).ShouldBe((train.Length, valid.Length));
        result.Bytes.ShouldBe(expected.Sum(t => Encoding.UTF8.GetByteCount(t)));
        int[] lengths = [.. expected.Select(t => t.EnumerateRunes().Count()).Order()];
        result.LengthStats.Min.ShouldBe(lengths[0]);
        result.LengthStats.Max.ShouldBe(lengths[^1]);
        result.LengthStats.Mean.ShouldBe(lengths.Average(), 1e-9);
        result.LengthStats.Median.ShouldBe((lengths[(lengths.Length - 1) / 2] + lengths[lengths.Length / 2]) / 2.0);

        result
            .FilterStats.Single(c => c.Name == "too short")
            .ShouldBe(new FilterCount("too short", 3000, 0, texts.Count(t => !IsLongEnough(t.Trim()))));
        result
            .FilterStats.Single(c => c.Name == "exact duplicates")
            .Dropped.ShouldBe(texts.Count(t => IsLongEnough(t.Trim())) - expected.Length);
        result.FilterStats.Single(c => c.Name == "strip").Changed.ShouldBe(texts.Count(t => t != t.Trim()));
        JsonElement metadata = JsonDocument.Parse(File.ReadAllText(_folder["out/metadata.json"])).RootElement;
        metadata.GetProperty("length_stats").GetProperty("p95").GetDouble().ShouldBe(result.LengthStats.P95);
        metadata.GetProperty("options").GetProperty("min_length").GetInt32().ShouldBe(50);
        Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order().ShouldBe(["out", "raw.jsonl"]);
        Directory.GetFiles(_folder["out"]).Length.ShouldBe(5); // with .ink-files
    }

    [Fact]
    public void Neither_order_nor_company_changes_the_side_of_a_document()
    {
        string[] texts = SomeTexts(800);
        Prepare(WriteJsonl("one.jsonl", texts), "one");
        Prepare(WriteJsonl("two.jsonl", [.. texts.Reverse().Take(500)]), "two");
        Texts("two/valid.jsonl").Except(Texts("one/valid.jsonl")).ShouldBeEmpty();
        Texts("two/train.jsonl").Intersect(Texts("one/valid.jsonl")).ShouldBeEmpty();
    }

    [Fact]
    public void Text_format_is_MicroLMs()
    {
        string[] texts = SomeTexts(200);
        PrepareOptions options = new(
            [WriteJsonl("raw.jsonl", texts)],
            _folder["out"],
            Format: PrepareFormat.Text,
            OutputSeparator: "###",
            Dedup: false,
            ValidRatio: 0
        );
        new Preparation(options).Run().ValidDocuments.ShouldBe(0);
        string[] expected = [.. texts.Select(t => t.Trim()).Where(IsLongEnough)];
        (File.ReadAllText(_folder["out/train.txt"]) == string.Concat(expected.Select(t => t + "\n###\n"))).ShouldBeTrue();
        new DocumentReader(new ReadOptions(Separator: "###"))
            .Read([_folder["out/train.txt"]])
            .Select(d => d.Text)
            .SequenceEqual(expected)
            .ShouldBeTrue();
    }

    [Fact]
    public void Nothing_is_overwritten_unless_forced_and_never_a_folder_of_other_things()
    {
        string input = WriteJsonl("raw.jsonl", SomeTexts(100));
        Prepare(input, "out");
        Should.Throw<ArgumentException>(() => Prepare(input, "out")).Message.ShouldContain("--force");
        Prepare(input, "out", force: true).Documents.ShouldBeGreaterThan(0);
        _folder.Write("home/letter.doc", "dear");
        Should.Throw<ArgumentException>(() => Prepare(input, "home", force: true)).Message.ShouldContain("home");
        File.Exists(_folder["home/letter.doc"]).ShouldBeTrue();
    }

    [Fact]
    public void A_failed_or_cancelled_run_leaves_nothing()
    {
        string input = WriteJsonl("raw.jsonl", ["too short", "short too"]);
        string message = Should.Throw<InvalidDataException>(() => Prepare(input, "out")).Message;
        message.ShouldContain("too short: 2");
        message.ShouldContain("50");
        Should.Throw<InvalidDataException>(() => Prepare(_folder.Write("empty.jsonl", ""), "out")).Message.ShouldContain("empty.jsonl");
        Should
            .Throw<InvalidDataException>(() =>
                Prepare(_folder.Write("broken.jsonl", "{\"text\":\"" + new string('x', 60) + "\"}\n{"), "out")
            )
            .Message.ShouldContain("broken.jsonl:2");
        string many = WriteJsonl("many.jsonl", SomeTexts(5000));
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        Should.Throw<OperationCanceledException>(() =>
            new Preparation(new PrepareOptions([many], _folder["out"])).Run(null, cancelled.Token)
        );
        Directory.GetDirectories(_folder.Path).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("long.jsonl", "{\"text\": \"short\"}\n{\"text\": \"", "\"}\n")]
    [InlineData("long.txt", "short\n###\n", "\n")]
    public void A_document_too_long_to_be_written_is_named_by_file_and_line_unless_it_is_cut(string name, string before, string after)
    {
        string input = _folder.Write(name, before + new string('x', 5000) + after);
        PrepareOptions options = new([input], _folder["out"], InputSeparator: "###", MinLength: 1, ValidRatio: 0);
        int line = before.Count(c => c == '\n') + 1;
        Should
            .Throw<InvalidDataException>(() => new Preparation(options) { MostBytes = 4999 }.Run())
            .Message.ShouldContain($"{name}:{line}: the document has 5,000 bytes");
        Directory.Exists(_folder["out"]).ShouldBeFalse();
        new Preparation(options with { MaxLength = 4000, MaxLengthAction = MaxLengthAction.Truncate }) { MostBytes = 4999 }
            .Run()
            .Documents.ShouldBe(2);
    }

    [Fact]
    public void Options_without_sense_are_named()
    {
        Should.Throw<ArgumentException>(() => new PrepareOptions([], "out").Validate());
        Should.Throw<ArgumentException>(() => new PrepareOptions(["a"], "out", ValidRatio: 1).Validate()).Message.ShouldContain("1");
        Should
            .Throw<ArgumentException>(() => new PrepareOptions(["a"], "out", MinLength: 60, MaxLength: 50).Validate())
            .Message.ShouldContain("60");
    }

    private PrepareResult Prepare(string input, string output, bool force = false) =>
        new Preparation(new PrepareOptions([input], _folder[output], ValidRatio: 0.05, Force: force)).Run();

    private string[] Texts(string file) =>
        [.. File.ReadLines(_folder[file]).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!)];

    private string WriteJsonl(string name, string[] texts) =>
        _folder.Write(name, string.Concat(texts.Select(t => JsonSerializer.Serialize(new { text = t }) + "\n")));

    /// <summary>Texts of 30 to 110 characters, some with blanks around, some more than once.</summary>
    private static string[] SomeTexts(int count)
    {
        Random random = new(count);
        string alphabet = "天地玄黄宇宙洪荒日月盈昃abcdefgh😀";
        Rune[] runes = [.. alphabet.EnumerateRunes()];
        string[] texts =
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ => string.Concat(Enumerable.Range(0, random.Next(30, 110)).Select(_ => runes[random.Next(runes.Length)]))),
        ];
        for (int i = 0; i < count / 10; i++)
        {
            texts[random.Next(count)] = texts[random.Next(count)];
        }
        for (int i = 0; i < count / 20; i++)
        {
            texts[random.Next(count)] += " \n";
        }
        return texts;
    }

    private static bool IsLongEnough(string text) => text.EnumerateRunes().Count() >= 50;

    private static bool IsValidByDecimals(string text)
    {
        byte[] hash = CryptographicOperations.HashData(HashAlgorithmName.SHA1, Encoding.UTF8.GetBytes(text));
        BigInteger number = new(hash.AsSpan(0, 8), isUnsigned: true, isBigEndian: true);
        return number * 20 < BigInteger.Pow(2, 64);
    }
}
