using System.IO.Compression;
using System.Text;
using System.Text.Json;
using ICSharpCode.SharpZipLib.BZip2;
using Inkstone.Testing;

namespace Inkstone.Data.Tests;

public sealed class WikiImportTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [GoldenTheory("goldens/data/wiki2")]
    [InlineData("dump.xml", "zh-cn")]
    [InlineData("dump.xml", "zh-tw")]
    [InlineData("dump-multistream.xml.bz2", "zh-cn")]
    [InlineData("dump-multistream.xml.bz2", "zh-tw")]
    public void Every_golden_line_is_found(string dump, string variant)
    {
        WikiResult result = Import(variant, 2, Goldens.Of($"data/wiki2/{dump}"));
        Dictionary<long, JsonElement> pages = Pages().ToDictionary(page => page.GetProperty("id").GetInt64());
        foreach (string line in File.ReadLines(Goldens.Of("data/wiki2/expect.jsonl")))
        {
            JsonElement wanted = JsonDocument.Parse(line).RootElement;
            bool isKept = pages.Remove(wanted.GetProperty("id").GetInt64(), out JsonElement page);
            isKept.ShouldBe(wanted.GetProperty("kept").GetBoolean(), line);
            if (!isKept)
            {
                continue;
            }
            page.GetProperty("title").GetString().ShouldBe(wanted.GetProperty("title").GetString());
            page.GetProperty("revision").GetInt64().ShouldBe(wanted.GetProperty("revision").GetInt64());
            string[] lines = [.. page.GetProperty("text").GetString()!.Split('\n').Select(l => l.TrimEnd()).Where(l => l.Length > 0)];
            lines.ShouldBe(wanted.GetProperty(variant.Replace('-', '_')).EnumerateArray().Select(l => l.GetString()!), line);
        }
        pages.ShouldBeEmpty();
        (result.Counts.Pages, result.Counts.Kept, result.Counts.Redirects, result.Counts.OlderRevisions).ShouldBe((34, 25, 2, 2));
    }

    [Fact]
    public void Any_packing_and_any_number_of_threads_give_the_same()
    {
        string xml = Dump(Enumerable.Range(1, 120).Select(i => Page(i, $"页{i}", $"'''第{i}页'''，[[链接|链]]。" + new string('文', i))));
        byte[] bytes = Encoding.UTF8.GetBytes(xml);
        Import("zh-cn", 1, _folder.Write("a.xml", xml));
        byte[] expected = File.ReadAllBytes(_folder["out/pages.jsonl"]);
        JsonElement first = Pages().First();
        first.EnumerateObject().Select(p => p.Name).ShouldBe(["id", "title", "revision", "text"]);
        first.GetProperty("text").GetString().ShouldBe("第1页，链。文");

        using MemoryStream gzip = new();
        using (GZipStream packer = new(gzip, CompressionLevel.Fastest, leaveOpen: true))
        {
            packer.Write(bytes);
        }
        // Streams that end anywhere, within tags and characters.
        byte[][] cut = [.. bytes.Chunk(997).Select(Bzip)];
        (string Name, byte[] Bytes, int Threads)[] packings =
        [
            ("b.xml", bytes, 3),
            ("c.xml.gz", gzip.ToArray(), 2),
            ("d.xml.bz2", Bzip(bytes), 2),
            ("e.xml.bz2", [.. cut.SelectMany(b => b)], 4),
            ("f.xml.bz2", [.. cut.SelectMany(b => b)], 1),
        ];
        foreach ((string name, byte[] packed, int threads) in packings)
        {
            WikiResult result = Import("zh-cn", threads, _folder.Write(name, packed));
            result.Counts.Kept.ShouldBe(120);
            File.ReadAllBytes(_folder["out/pages.jsonl"]).SequenceEqual(expected).ShouldBeTrue(name);
        }
    }

    [Fact]
    public void A_long_stream_is_unpacked_piece_by_piece_and_the_next_one_found()
    {
        byte[] random = new byte[30_000];
        new Random(1).NextBytes(random);
        byte[] text = [(byte)'<', .. Encoding.ASCII.GetBytes(Convert.ToHexString(random))];
        string file = _folder.Write("long.bz2", [.. Bzip(text[..100]), .. Bzip(text[100..50_000]), .. Bzip([]), .. Bzip(text[50_000..])]);
        using DumpParts parts = new(file) { LongStream = 2_000 };
        using MemoryStream all = new();
        int packed = 0;
        foreach (DumpPart part in parts.Read())
        {
            using MemoryStream bytes = new(part.Bytes, 0, part.Length);
            using Stream xml = part.IsPacked ? BzipStreams.Unpack(bytes, file, part.Offset) : bytes;
            xml.CopyTo(all);
            packed += part.IsPacked ? 1 : 0;
        }
        all.ToArray().SequenceEqual(text).ShouldBeTrue();
        packed.ShouldBe(2);
    }

    [Fact]
    public void The_newest_copy_and_revision_counts()
    {
        string first = _folder.Write(
            "1.xml",
            Dump([Page(1, "a", "旧", 10), Page(2, "b", "新", 22), Page(3, "c", "旧", 30), Page(4, "d", "在", 40)])
        );
        string second = _folder.Write("2.xml", Dump([Page(2, "b", "旧", 20), Page(1, "a", "新", 12), Page(3, "c", "#REDIRECT [[d]]", 33)]));
        WikiResult result = Import("zh-cn", 2, first, second);
        Pages()
            .Select(p => (p.GetProperty("id").GetInt64(), p.GetProperty("text").GetString()))
            .ShouldBe([(2, "新"), (4, "在"), (1, "新")]);
        (result.Counts.Kept, result.Counts.OlderCopies, result.Counts.TextBytes).ShouldBe((3, 3, 9));
        File.ReadAllText(_folder["out/left-out.tab"]).ShouldContain("3\t33\tredirect\tc\td\n");
    }

    [Fact]
    public void A_page_with_many_revisions_is_shortened_while_it_is_gathered()
    {
        static string Revision(int id, string time) => $"<revision><id>{id}</id><timestamp>{time}</timestamp><text>r{id}</text></revision>";
        string page = $"<page><title>a</title>{Revision(1, "2020")}{Revision(3, "2024")}{Revision(2, "2021")}<revision><id>4</id>";
        (byte[] xml, long dropped) = LongPage.Shorten(Encoding.UTF8.GetBytes(page));
        Encoding.UTF8.GetString(xml).ShouldBe($"<page><title>a</title>{Revision(3, "2024")}<revision><id>4</id>");
        dropped.ShouldBe(2);
    }

    [Fact]
    public void Other_shapes_of_a_dump_are_read()
    {
        string xml = """
            <mediawiki version="0.3" xml:lang="ja"><siteinfo><namespaces><namespace key="14">カテゴリ</namespace><namespace key="10">Vorlage</namespace></namespaces></siteinfo><page><title>Vorlage:x</title><id>5</id>
            <revision><id>1</id><text>x</text></revision></page><page><unknown><page2/></unknown><id>6</id><title>y&amp;z</title><restrictions>x</restrictions><revision><text xml:space="preserve"><![CDATA[文[[カテゴリ:c]] < 5]]></text>
            <timestamp>2020</timestamp><id>2</id><minor/></revision></page></mediawiki>
            """;
        Import("zh-tw", 1, _folder.Write("a.xml", xml)).Counts.OtherNamespaces.ShouldBe(1);
        JsonElement page = Pages().Single();
        (
            page.GetProperty("id").GetInt64(),
            page.GetProperty("title").GetString(),
            page.GetProperty("revision").GetInt64(),
            page.GetProperty("text").GetString()
        ).ShouldBe((6, "y&z", 2, "文 < 5"));
    }

    [Fact]
    public void Text_spelled_for_a_script_stays_out_of_a_conversion_now_or_later()
    {
        string dump = _folder.Write("a.xml", Dump([Page(1, "乾", "-{乾}-乾隆-{}-乾隆宮"), Page(2, "宮", "__NOCC__宮")]));
        ScriptConverter converter = ScriptConverter.Load("t2s", SmallDictionaries.Write(_folder));
        Import("zh-cn", 2, dump);
        Pages()
            .Select(p => p.GetRawText())
            .ShouldBe([
                """{"id":1,"title":"乾","revision":101,"text":"乾乾隆乾隆宮","keep":[[0,1],[3,3]]}""",
                """{"id":2,"title":"宮","revision":102,"text":"宮","keep":[[0,1]]}""",
            ]);
        new ScriptConversion(converter).ConvertRecords(
            _folder["out/pages.jsonl"],
            _folder["later.jsonl"],
            ["text"],
            cancellation: TestContext.Current.CancellationToken
        );
        File.ReadLines(_folder["later.jsonl"])
            .First()
            .ShouldBe("""{"id":1,"title":"乾","revision":101,"text":"乾乾隆乾隆宫","keep":[[0,1],[3,3]]}""");

        new WikiImport(new WikiOptions([dump], _folder["out"], "zh-cn", converter, Force: true)).Run(
            cancellation: TestContext.Current.CancellationToken
        );
        Pages()
            .Select(p => p.GetRawText())
            .ShouldBe([
                """{"id":1,"title":"乾","revision":101,"text":"乾乾隆乾隆宫"}""",
                """{"id":2,"title":"宮","revision":102,"text":"宮"}""",
            ]);
        AppliedConversions.Find(_folder["out/pages.jsonl"]).ShouldBe([new AppliedConversion("t2s", converter.Fingerprint)]);
        new ScriptConversion(converter)
            .ConvertRecords(
                _folder["out/pages.jsonl"],
                _folder["again.jsonl"],
                ["text"],
                cancellation: TestContext.Current.CancellationToken
            )
            .Converted.ShouldBeFalse();
    }

    [Theory]
    [InlineData(0.5, "cut off")]
    [InlineData(0.99, "cut off")]
    public void A_dump_that_was_cut_off_is_refused(double share, string reason)
    {
        byte[] xml = Encoding.UTF8.GetBytes(Dump(Enumerable.Range(1, 50).Select(i => Page(i, $"页{i}", new string('文', 100)))));
        string plain = _folder.Write("a.xml", xml.AsSpan(0, (int)(share * xml.Length)));
        Should.Throw<InvalidDataException>(() => Import("zh-cn", 2, plain)).Message.ShouldContain(reason);
        byte[] packed = Bzip(xml);
        string bzip = _folder.Write("a.xml.bz2", packed.AsSpan(0, (int)(share * packed.Length)));
        Should.Throw<InvalidDataException>(() => Import("zh-cn", 2, bzip)).Message.ShouldContain(reason);
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void What_is_no_dump_is_refused_in_a_sentence()
    {
        Should
            .Throw<InvalidDataException>(() => Import("zh-cn", 1, _folder.Write("a.7z", [0x37, 0x7A, 0xBC, 0xAF])))
            .Message.ShouldContain(".xml.bz2");
        Should
            .Throw<InvalidDataException>(() => Import("zh-cn", 1, _folder.Write("a.html", "<html></html>")))
            .Message.ShouldContain("<mediawiki>");
        Should
            .Throw<InvalidDataException>(() =>
                Import("zh-cn", 1, _folder.Write("b.xml", "<mediawiki><page><title>a</b></page></mediawiki>"))
            )
            .Message.ShouldContain("b.xml");
        Should.Throw<ArgumentException>(() => Import("zh-xx", 1, _folder["a.html"])).Message.ShouldContain("zh-cn");
        Should.Throw<FileNotFoundException>(() => Import("zh-cn", 1, _folder["absent.xml"]));
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    private WikiResult Import(string variant, int threads, params string[] dumps) =>
        new WikiImport(new WikiOptions(dumps, _folder["out"], variant, Threads: threads, Force: true)).Run(
            cancellation: TestContext.Current.CancellationToken
        );

    private IEnumerable<JsonElement> Pages() =>
        File.ReadLines(_folder["out/pages.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement);

    private static string Dump(IEnumerable<string> pages) =>
        $"<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\" version=\"0.11\" xml:lang=\"zh\">\n  <siteinfo>\n    <dbname>x</dbname>\n  </siteinfo>\n{string.Concat(pages)}</mediawiki>\n";

    private static string Page(int id, string title, string text, int revision = 0) =>
        $"  <page>\n    <title>{title}</title>\n    <ns>0</ns>\n    <id>{id}</id>\n    <revision>\n      <id>{(revision == 0 ? id + 100 : revision)}</id>\n      <timestamp>2025-01-01T00:00:00Z</timestamp>\n      <text bytes=\"1\" xml:space=\"preserve\">{text}</text>\n    </revision>\n  </page>\n";

    private static byte[] Bzip(byte[] bytes)
    {
        using MemoryStream packed = new();
        using (BZip2OutputStream packer = new(packed) { IsStreamOwner = false })
        {
            packer.Write(bytes);
        }
        return packed.ToArray();
    }
}
