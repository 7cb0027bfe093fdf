using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Inkstone.Training;

namespace Inkstone.Reports.Tests;

/// <summary>Pages and pictures of runs.</summary>
public sealed partial class ReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inkstone-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_page_holds_all_that_runs_and_evaluations_tell_and_loads_nothing()
    {
        Run("runs/a", 40);
        Run("runs/b", 3000);
        Write("runs/b/samples.jsonl", """{"step":10,"prompt":"从前","text":"有座山</script><b>"}""" + "\n{\"step\":20,\"pro");
        Write(
            "runs/b/machine.jsonl",
            """{"cpu":"a CPU","cores":4,"memory_bytes":8589934592,"isa":"avx2","os":"Linux","architecture":"x64","runtime":".NET 10","version":"1.2","processes":2}"""
                + "\nno line\n"
        );
        Write(
            "eval/structured.json",
            """{"prompts": 40, "models": [{"model": "base", "guided": true, "metrics": {"parse": {"value": 1, "stderr": 0.01, "n": 40}, "missing": {"value": 0.5, "stderr": null, "n": 40}, "hallucination": {"value": null, "stderr": null, "n": 0}, "types": {"value": 1, "stderr": 0, "n": 40}, "enums": {"value": 1, "stderr": 0, "n": 5}, "strict": {"value": 0.25, "stderr": 0.07, "n": 40}, "strict_alias": {"value": 0.3, "stderr": 0.07, "n": 40}, "value_match": {"value": 0.1, "stderr": 0.01, "n": 40}, "latency_seconds": {"value": 0.5, "stderr": 0.1, "n": 40}, "pairs": {"f1": 0.3}}}]}"""
        );
        Write(
            "runs/eval_results.jsonl",
            """{"stage": "sft", "step": 20, "loss": 1.25, "perplexity": 3.49, "bits_per_byte": 0.5, "scores": {"arc": {"acc,none": {"value": 0.5, "stderr": 0.05, "n": 100}}}}"""
                + "\n"
        );
        ReportSources sources = ReportSources.Read([At("runs"), At("eval")]);
        sources.Runs.Select(r => r.Name).ShouldBe(["a", "b"]);
        sources.Tables.Count.ShouldBe(2);
        sources.Tables[0].Rows[0].ShouldContain("0.5000 ± 0.0500 (100)");
        sources.Tables[1].Rows[0].ShouldContain("25.0 % ± 7.0");

        string page = ReportPage.Write(sources, "a machine", DateTimeOffset.UnixEpoch);
        JsonNode data = JsonNode.Parse(Data().Match(page).Groups[1].Value)!;
        data["runs"]![0]!["series"]!["loss"]!.AsArray().Count.ShouldBe(40);
        data["runs"]![1]!["series"]!["loss"]!.AsArray().Count.ShouldBe(1500);
        data["runs"]![1]!["samples"]![0]!["text"]!.GetValue<string>().ShouldBe("有座山</script><b>");
        data["runs"]![0]!["machines"]!.AsArray().ShouldBeEmpty();
        data["runs"]![1]!["machines"]!
            .AsArray()
            .Select(m => (string)m!)
            .ShouldBe(["a CPU, 4 cores, avx2, 8.0 GiB, 2 processes; Linux, x64; .NET 10; ink 1.2"]);
        data["runs"]![0]!["recipe"]!.GetValue<string>().ShouldContain("hidden_size");
        External().IsMatch(page.Replace("http://www.w3.org/2000/svg", "")).ShouldBeFalse();
        page.ShouldNotContain("/*data*/");
    }

    [Fact]
    public void Event_files_are_read_as_TensorBoard_reads_them()
    {
        using (TensorBoardFile file = new(At("tb"), TimeProvider.System))
        {
            foreach (int step in (int[])[1, 2, 3, 4])
            {
                file.Step(Metrics(step, 4.0 / step));
            }
            file.Validation(4, 1.5, double.NaN, true);
            file.Start(default!, 2); // resumed behind step 2
            file.Step(Metrics(3, 0.25));
        }
        RunCurves curves = TensorBoardReader.Read(TensorBoardReader.Files(At("tb/tensorboard")));
        curves["train/loss"].ShouldBe([(1, 4), (2, 2), (3, 0.25)]);
        curves["valid/loss"].ShouldBeEmpty();

        string path = TensorBoardReader.Files(At("tb/tensorboard"))[0];
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..^9]); // a killed writer
        TensorBoardReader.Read([path])["train/loss"].Count.ShouldBeGreaterThan(0);
        bytes[3] ^= 1;
        File.WriteAllBytes(path, bytes);
        Should.Throw<InvalidDataException>(() => TensorBoardReader.Read([path])).Message.ShouldContain("damaged");
    }

    [Fact]
    public void A_picture_is_a_PNG_with_the_colours_of_its_runs()
    {
        Run("a", 40);
        Run("b", 40);
        byte[] png = CurvePicture.Png(ReportSources.Read([At("a"), At("b")]).Runs);
        File.WriteAllBytes(At("p.png"), png);
        CurvePicture.IsOurs(At("p.png")).ShouldBeTrue();
        (int width, int height) = (
            BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)),
            BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))
        );
        byte[] rows = Unpacked(png);
        rows.Length.ShouldBe(height * ((3 * width) + 1));
        HashSet<(int, int, int)> colours = [];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = (y * ((3 * width) + 1)) + 1 + (3 * x);
                colours.Add((rows[at], rows[at + 1], rows[at + 2]));
            }
        }
        colours.ShouldContain((31, 95, 168));
        colours.ShouldContain((194, 86, 26));
    }

    [Fact]
    public void Thinning_keeps_ends_and_means()
    {
        IReadOnlyList<(double Step, double Value)> thin = RunCurves.Thinned(
            [.. Enumerable.Range(0, 10_000).Select(i => ((double)i, i % 2 * 2.0))],
            500
        );
        (thin.Count, thin[0].Step, thin[^1].Step).ShouldBe((500, 0, 9999));
        thin.Average(p => p.Value).ShouldBe(1, 0.05);
    }

    [Fact]
    public void What_is_no_run_is_refused_by_name()
    {
        Directory.CreateDirectory(At("empty"));
        Should.Throw<InvalidDataException>(() => ReportSources.Read([At("empty")])).Message.ShouldContain("holds nothing to report");
        Should.Throw<FileNotFoundException>(() => ReportSources.Read([At("nowhere")]));
        Write("bad/metrics.jsonl", "{\"loss\": 1}\n{\"step\": 2, \"loss\": 1}\n");
        Should.Throw<InvalidDataException>(() => ReportSources.Read([At("bad")])).Message.ShouldContain("metrics.jsonl:1");
        Write("odd/structured.json", "{\"models\": 3}");
        Should.Throw<InvalidDataException>(() => ReportSources.Read([At("odd")])).Message.ShouldContain("structured.json");
    }

    private void Run(string name, int steps)
    {
        Write(
            $"{name}/metrics.jsonl",
            string.Concat(
                Enumerable
                    .Range(1, steps)
                    .Select(i =>
                        FormattableString.Invariant(
                            $"{{\"step\":{i},\"loss\":{5.0 / i},\"tokens\":{i * 10},\"seconds\":0.1,\"tokens_per_second\":100}}\n"
                        )
                    )
            ) + $"{{\"step\":{steps},\"valid_loss\":0.5,\"best\":true}}\n"
        );
        Write($"{name}/recipe.resolved.yaml", "model:\n  hidden_size: 192\n");
    }

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        File.WriteAllText(At(name), text);
    }

    private static StepMetrics Metrics(int step, double loss) => new(step, 4, loss, double.NaN, 0.5, 1, 10, 0.1, 100, double.NaN, 1000);

    private string At(string name) => Path.Combine(_folder, name);

    private static byte[] Unpacked(byte[] png)
    {
        for (int at = 8; ; at += 12 + BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at)))
        {
            if (png.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8))
            {
                using ZLibStream zlib = new(
                    new MemoryStream(png, at + 8, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at))),
                    CompressionMode.Decompress
                );
                using MemoryStream rows = new();
                zlib.CopyTo(rows);
                return rows.ToArray();
            }
        }
    }

    [GeneratedRegex("""<script type="application/json" id="data">(.*?)</script>""", RegexOptions.Singleline)]
    private static partial Regex Data();

    [GeneratedRegex("""(src|href)\s*=\s*["'](?!#)|https?://|@import|url\(""")]
    private static partial Regex External();
}
