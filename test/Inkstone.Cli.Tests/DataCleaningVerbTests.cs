using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary>The verbs on raw text as processes, killed and started again.</summary>
public sealed class DataCleaningVerbTests : IDisposable
{
    private static readonly string[] Files = ["pairs.jsonl", "clusters.json"];

    private readonly string _place = Directory.CreateTempSubdirectory("ink-data-").FullName;

    public void Dispose() => Directory.Delete(_place, recursive: true);

    [Fact]
    public void Dedup_KilledAnywhere_GoesOnToTheSameFiles()
    {
        Write(
            "in.jsonl",
            Enumerable
                .Range(0, 20_000)
                .Select(i =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"第{i / 3}号文书记载，本县共有田{i / 3 * 7 % 1013}顷，户{i / 3 * 13 % 977}，每户纳粮{i / 3 % 89}斗，由账房逐年登记造册{(i % 3 == 0 ? "" : $"，第{i % 3}次")}。"
                    )
                )
        );
        JsonElement whole = Ink.RunIn(
                _place,
                "data",
                "dedup",
                "--input",
                "in.jsonl",
                "--field",
                "text",
                "--threshold",
                "0.8",
                "--out",
                "whole",
                "--json"
            )
            .ShouldEndWith(0)
            .Json;
        whole.GetProperty("documents").GetInt32().ShouldBe(20_000);
        whole.GetProperty("pairs").GetInt32().ShouldBeGreaterThan(10_000);

        int kills = 0;
        while (true)
        {
            using Process process = Ink.Start(_place, "data", "dedup", "--input", "in.jsonl", "--out", "killed", "--quiet");
            if (kills < 6 && !process.WaitForExit(400 + 250 * kills))
            {
                process.Kill();
                process.WaitForExit();
                kills++;
                if (Files.All(file => File.Exists(Path.Combine(_place, "killed", file))))
                {
                    break; // the blow came behind the last step
                }
                continue;
            }
            process.WaitForExit(120_000).ShouldBeTrue();
            process.ExitCode.ShouldBe(0, process.StandardError.ReadToEnd());
            break;
        }
        kills.ShouldBeGreaterThan(0);
        foreach (string file in Files)
        {
            (File.ReadAllText(Path.Combine(_place, "killed", file)) == File.ReadAllText(Path.Combine(_place, "whole", file))).ShouldBeTrue(
                file
            );
        }
        JsonSerializer
            .Deserialize<int[][]>(File.ReadAllText(Path.Combine(_place, "whole", "clusters.json")))!
            .Length.ShouldBe(whole.GetProperty("clusters").GetInt32());
        Ink.RunIn(_place, "data", "dedup", "--input", "in.jsonl", "--out", "whole").ShouldEndWith(2).Error.ShouldContain("--force");
        Ink.RunIn(_place, "data", "dedup", "--input", "in.jsonl", "--field", "body", "--out", "other")
            .ShouldEndWith(2)
            .Error.ShouldContain("--field");
        Ink.RunIn(_place, "data", "dedup", "--input", "in.jsonl", "--threshold", "8", "--out", "other")
            .ShouldEndWith(2)
            .Error.ShouldContain("0.8");
        Directory.Exists(Path.Combine(_place, "other")).ShouldBeFalse();
    }

    [Fact]
    public void Prepare_TellsWhyDocumentsWereDropped()
    {
        string good =
            "砚台旁的墨和水都在，谁也没有料到画师会来。学徒把纸铺在案上，又去井台打了水，要先磨墨，才能写字。掌柜说，这方砚是祖上传下来的，不能有一点损坏。";
        Write(
            "in.jsonl",
            [
                good,
                "哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈的了。",
                good + "请致电13812345678。",
            ]
        );
        JsonElement result = Ink.RunIn(
                _place,
                "data",
                "prepare",
                "--input",
                "in.jsonl",
                "--filter",
                "units",
                "--mask-personal-data",
                "--near-duplicates",
                "0.95",
                "--valid-ratio",
                "0",
                "--report",
                "--out",
                "out",
                "--json"
            )
            .ShouldEndWith(0)
            .Json;
        result.GetProperty("documents").GetInt32().ShouldBe(2);
        result.GetProperty("drop_reasons").EnumerateObject().Single().Name.ShouldStartWith("units: ");
        result.GetProperty("languages").GetProperty("zh-Hans").GetInt32().ShouldBe(2);
        File.ReadAllText(Path.Combine(_place, "out", "train.jsonl")).ShouldContain("请致电[PHONE]。");
        File.ReadAllText(Path.Combine(_place, "out", "report.html")).ShouldStartWith("<!doctype html>");

        Fails("units", "--filter", "unit");
        Fails("units.least", "--filter", "units", "--limit", "units.unit.least=3");
        Fails("--limit", "--limit", "units.units.least");
        Fails("no-such", "--contamination", "no-such.jsonl");

        void Fails(string told, params string[] flags) =>
            Ink.RunIn(_place, ["data", "prepare", "--input", "in.jsonl", "--out", "none", .. flags])
                .ShouldEndWith(2)
                .Error.ShouldContain(told);
    }

    private void Write(string name, IEnumerable<string> texts) =>
        File.WriteAllLines(
            Path.Combine(_place, name),
            texts.Select(t => JsonSerializer.Serialize(new Dictionary<string, string> { ["text"] = t }))
        );
}
