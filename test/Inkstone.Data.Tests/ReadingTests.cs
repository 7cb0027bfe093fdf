using System.IO.Compression;
using System.Text;

namespace Inkstone.Data.Tests;

public sealed class ReadingTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Json_lines_give_the_keys_in_order_and_lists_line_by_line()
    {
        string path = _folder.Write(
            "poems.jsonl",
            """
            {"paragraphs": ["床前明月光，", "疑是地上霜。"], "id": [1, {"text": "no"}], "title": "静夜思"}

            {"title":"a\"\u4e2d\ud83d\ude00","paragraphs":[]}
            """
        );
        Document[] documents = [.. Read(path, new ReadOptions(["title", "paragraphs"]))];
        documents.ShouldBe([new Document(path, 1, "静夜思\n床前明月光，\n疑是地上霜。"), new Document(path, 3, "a\"中😀\n")]);
    }

    [Theory]
    [InlineData("{\"text\": \"a\"} x", ":2: ")]
    [InlineData("no JSON", ":2: ")]
    [InlineData("[1]", ":2: ")]
    [InlineData("{\"text\": \"cut", ":2: ")]
    [InlineData("{\"text\": 5}", "'text'")]
    [InlineData("{\"body\": \"b\"}", "'text'")]
    public void A_bad_line_is_named(string line, string named)
    {
        string path = _folder.Write("bad.jsonl", "{\"text\": \"fine\"}\n" + line + "\n");
        InvalidDataException exception = Should.Throw<InvalidDataException>(() => Read(path, new ReadOptions()).Count());
        exception.Message.ShouldContain("bad.jsonl:2: ");
        exception.Message.ShouldContain(named);
    }

    [Fact]
    public void Lines_without_the_key_can_be_skipped()
    {
        string path = _folder.Write("some.jsonl", "{\"text\": \"a\"}\n{\"body\": \"b\"}\n{\"text\": null}\n{\"text\": \"c\"}\n");
        DocumentReader reader = new(new ReadOptions(MissingKey: MissingKey.Skip));
        reader.Read([path]).Select(d => d.Text).ShouldBe(["a", "c"]);
        reader.MissingKeyCount.ShouldBe(2);
    }

    [Fact]
    public void Plain_text_is_one_document_or_one_per_separator()
    {
        string path = _folder.Write("a.txt", "\uFEFFone\r\ntwo\n###\n\n###\nthree\n\nfour");
        Read(path, new ReadOptions()).Single().Text.ShouldBe("one\ntwo\n###\n\n###\nthree\n\nfour");
        Document[] parts = [.. Read(path, new ReadOptions(Separator: "###")).Where(d => d.Text.Length > 0)];
        parts.ShouldBe([new Document(path, 1, "one\ntwo"), new Document(path, 6, "three\n\nfour")]);
    }

    [Fact]
    public void Lines_of_any_length_at_any_place_of_the_buffer_are_whole()
    {
        Random random = new(1);
        string[] lines =
        [
            .. Enumerable.Range(0, 60).Select(i => new string((char)('a' + i % 26), i == 30 ? 3_000_000 : random.Next(0, 70_000))),
        ];
        string path = _folder.Write("long.jsonl", string.Join('\n', lines.Select(l => $"{{\"text\":\"{l}\"}}")));
        Read(path, new ReadOptions()).Select(d => d.Text).ShouldBe(lines);
    }

    [Fact]
    public void Folders_are_read_in_ordinal_order_with_gzip()
    {
        _folder.Write("in/b.txt", "bee");
        _folder.Write("in/B.txt", "big bee");
        _folder.Write("in/sub/a.jsonl", "{\"text\":\"deep\"}");
        _folder.Write("in/.hidden.txt", "no");
        _folder.Write("in/picture.png", "no");
        _folder.Write("in/a.jsonl.gz", [.. Gzip("{\"text\":\"zipped\"}\n"), .. Gzip("{\"text\":\"twice\"}\n")]);
        DocumentReader reader = new(new ReadOptions());
        reader.Read(InputFiles.Find([_folder["in"]])).Select(d => d.Text).ShouldBe(["big bee", "zipped", "twice", "bee", "deep"]);
        reader.Documents.ShouldBe(5);
    }

    [Theory]
    [InlineData(InvalidUtf8.Replace, "ab\uFFFDcd|fine")]
    [InlineData(InvalidUtf8.Drop, "fine")]
    public void Invalid_utf8_is_counted_and_treated_as_asked(InvalidUtf8 choice, string expected)
    {
        foreach (
            (string name, byte[] bytes, string? separator) in new (string, byte[], string?)[]
            {
                ("x.jsonl", [.. "{\"text\":\"ab"u8, 0xFF, .. "cd\"}\n{\"text\":\"fine\"}\n"u8], null),
                ("x.txt", [.. "ab"u8, 0xFF, .. "cd\n###\nfine\n"u8], "###"),
            }
        )
        {
            DocumentReader reader = new(new ReadOptions(Separator: separator, InvalidUtf8: choice));
            string.Join('|', reader.Read([_folder.Write(name, bytes)]).Select(d => d.Text)).ShouldBe(expected);
            reader.InvalidUtf8Count.ShouldBe(1);
            Should
                .Throw<InvalidDataException>(() =>
                    Read(_folder[name], new ReadOptions(Separator: separator, InvalidUtf8: InvalidUtf8.Fail)).Count()
                )
                .Message.ShouldContain($"{name}:1: ");
        }
    }

    [Fact]
    public void Half_a_surrogate_pair_is_invalid_text_too()
    {
        string path = _folder.Write("half.jsonl", """{"text":"a\ud83dz \\ud83d \ud83d\ude00 \ude00"}""");
        Read(path, new ReadOptions()).Single().Text.ShouldBe("a\uFFFDz \\ud83d 😀 \uFFFD");
        Read(path, new ReadOptions(InvalidUtf8: InvalidUtf8.Drop)).ShouldBeEmpty();
    }

    [Fact]
    public void What_is_no_text_is_refused()
    {
        Refused("image.txt", [0x89, .. "PNG\r\n"u8, 0x1A, 0x0A, 0, 0, 0, 13], "binary");
        Refused("utf16.txt", Encoding.Unicode.GetBytes("Hello, world"), "binary");
        // 中文编码 in GB18030, several times
        Refused(
            "gbk.txt",
            [.. Enumerable.Repeat(new byte[] { 0xD6, 0xD0, 0xCE, 0xC4, 0xB1, 0xE0, 0xC2, 0xEB }, 9).SelectMany(b => b)],
            "GB18030"
        );
        Refused("cut.txt.gz", Gzip(string.Join(' ', Enumerable.Range(0, 9999)))[..200], "cut.txt.gz");
        Should.Throw<FileNotFoundException>(() => InputFiles.Find([_folder["absent"]])).Message.ShouldContain("absent");
        Should
            .Throw<FileNotFoundException>(() => InputFiles.Find([Directory.CreateDirectory(_folder["empty"]).FullName]))
            .Message.ShouldContain("empty");

        void Refused(string name, byte[] bytes, string named) =>
            Should
                .Throw<InvalidDataException>(() => Read(_folder.Write(name, bytes), new ReadOptions()).Count())
                .Message.ShouldContain(named);
    }

    private static IEnumerable<Document> Read(string path, ReadOptions options) => new DocumentReader(options).Read([path]);

    private static byte[] Gzip(string text)
    {
        using MemoryStream memory = new();
        using (GZipStream gzip = new(memory, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }
        return memory.ToArray();
    }

    [Theory]
    [InlineData("{\"id\": 1, \"body\": \"x\"}", "id, body")]
    [InlineData("{}", "none at all")]
    public void AMissingKey_IsToldWithThoseThatAreThere(string line, string keys)
    {
        using TemporaryDirectory directory = new();
        string file = Path.Combine(directory.Path, "a.jsonl");
        File.WriteAllText(file, line + "\n");
        Should
            .Throw<InvalidDataException>(() => new DocumentReader(new ReadOptions()).Read([file]).ToList())
            .Message.ShouldBe($"{file}:1: there is no key 'text' but {keys}: name the right one with --text-key.");
    }
}
