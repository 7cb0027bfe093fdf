using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary><c>ink run</c>: what changed is run again and nothing else, and an interrupted pipeline ends with the bits of one that was
/// not.</summary>
public sealed class PipelineTests(Workplace place) : IClassFixture<Workplace>
{
    private static readonly string[] AllRan = ["text ran", "tokenizer ran", "tokens ran"];

    [Fact]
    public void WhatDidNotChange_IsNotRunAgain()
    {
        Pipeline(
            "text.yaml",
            """
            values: {vocabulary: 300, source: raw.txt}
            smoke: {vocabulary: 290}
            stages:
              text: {run: 'ink data prepare --input {source} --min-length 1 --separator "#" --valid-ratio 0.2 --out {text}'}
              tokenizer: {run: 'tokenizer train --input {text} --vocab-size {vocabulary} --out {tokenizer}'}
              tokens: {run: 'tokenize --tokenizer {tokenizer} --input {text} --out {tokens}'}
            """
        );
        File.WriteAllText(place["raw.txt"], string.Join("\n#\n", Enumerable.Range(0, 50).Select(i => $"text number {i} and {i * i}")));
        Stages("text.yaml", "--out", "p").ShouldBe(AllRan);
        Stages("text.yaml", "--out", "p", "--quiet", "--threads", "1")
            .ShouldBe(["text unchanged", "tokenizer unchanged", "tokens unchanged"]);
        Stages("text.yaml", "--out", "p", "--force", "tokens").ShouldBe(["text unchanged", "tokenizer unchanged", "tokens ran"]);
        Stages("text.yaml", "--out", "p", "--set", "vocabulary=310").ShouldBe(["text unchanged", "tokenizer ran", "tokens ran"]);
        Stages("text.yaml", "--out", "p", "--set", "vocabulary=310", "--from", "tokenizer")
            .ShouldBe(["text unchanged", "tokenizer ran", "tokens ran"]);
        File.AppendAllText(place["raw.txt"], "\n#\none more that was not there");
        Stages("text.yaml", "--out", "p", "--set", "vocabulary=310", "--skip", "tokenizer")
            .ShouldBe(["text ran", "tokenizer skipped", "tokens ran"]);
        Directory.Delete(place["p/tokens"], recursive: true);
        Stages("text.yaml", "--out", "p", "--set", "vocabulary=310").ShouldBe(["text unchanged", "tokenizer ran", "tokens ran"]);
        Ink.RunIn(place.Path, "run", "text.yaml", "--out", "p", "--smoke")
            .ShouldEndWith(2)
            .Error.ShouldContain("p holds the stages of text; name another --out");
        Stages("text.yaml", "--out", "s", "--smoke").ShouldBe(AllRan);
        JsonDocument
            .Parse(Ink.RunIn(place.Path, "tokenizer", "inspect", "--tokenizer", "s/tokenizer", "--json").Output)
            .RootElement.GetProperty("vocab_size")
            .GetInt32()
            .ShouldBe(290);
    }

    [Fact]
    public void AnInterruptedTraining_GoesOn_AndTheVariableReachesIt()
    {
        Pipeline(
            "train.yaml",
            """
            stages:
              model: {run: 'pretrain r.yaml --train.steps 9 --out {model}'}
              numbers: {run: 'logits --model {model} --ids 1,2,3'}
            """
        );
        Run("whole").ShouldEndWith(0);
        Run(
                "stopped",
                process =>
                {
                    while (
                        !process.HasExited
                        && !(
                            File.Exists(place["stopped/model/metrics.jsonl"])
                            && new FileInfo(place["stopped/model/metrics.jsonl"]).Length > 0
                        )
                    )
                    {
                        Thread.Sleep(5);
                    }
                    Ink.Signal(process, PosixSignal.SIGINT);
                }
            )
            .ShouldEndWith(130);
        Run("stopped").ShouldEndWith(0);
        File.ReadAllBytes(place["stopped/model/checkpoints/step-000030/model.safetensors"])
            .ShouldBe(File.ReadAllBytes(place["whole/model/checkpoints/step-000030/model.safetensors"]));

        Ink.Outcome Run(string output, Action<Process>? meanwhile = null)
        {
            using Process process = Ink.Start(
                place.Path,
                new Dictionary<string, string> { ["PRETRAIN_ARGS"] = "--train.steps 30 --train.save_every 10" },
                ["run", "train.yaml", "--out", output]
            );
            return Ink.End(process, meanwhile: () => meanwhile?.Invoke(process));
        }
    }

    [Theory]
    [InlineData("stages: {a: {run: 'tokenise --out {a}'}}", "stages.a.run: there is no verb 'ink tokenise' (did you mean 'tokenize'?)")]
    [InlineData(
        "stages: {a: {run: 'data world --out {b}'}, b: {run: 'data world --out {b}'}}",
        "stages.a.run names {b}, which is neither a value nor this stage or one before it"
    )]
    [InlineData(
        "stages: {a: {run: 'data world --byte 3 --out {a}'}}",
        "stages.a.run: 'ink data world' has no flag --byte (did you mean '--bytes'?)"
    )]
    [InlineData("values: {x: '{y}', y: '{x}'}\nstages: {a: {run: 'data world --out {x}'}}", "whose value names itself")]
    [InlineData("smoke: {x: 1}\nstages: {a: {run: 'data world --out {a}'}}", "smoke.x replaces no value")]
    [InlineData("needs: {memory: 4}\nstages: {a: {run: 'data world --out {a}'}}", "needs.memory must be a size such as 4 GB, got '4'")]
    [InlineData("needs: {disk: 99999 TB}\nstages: {a: {run: 'data world --out {a}'}}", "this pipeline needs")]
    [InlineData(
        "stages: {a: {rn: 'data world --out {a}'}}",
        "odd.yaml:1: there is no recipe key 'stages.a.rn' (did you mean 'stages.a.run'?)"
    )]
    [InlineData("stages: {a: {run: 'run x.yaml'}}", "a pipeline cannot be a stage of another")]
    [InlineData("about: nothing", "stages has no stage")]
    [InlineData("stages: {out: {run: 'data world --out {out}'}}", "a stage may not be called 'out'")]
    public void WrongPipelines_EndInOneSentence_BeforeAnythingRuns(string yaml, string sentence)
    {
        Pipeline("odd.yaml", yaml);
        Ink.Outcome outcome = Ink.RunIn(place.Path, "run", "odd.yaml", "--out", "odd-out", "--quiet").ShouldEndWith(2);
        outcome.Error.ShouldContain(sentence);
        outcome.Error.TrimEnd('\n').ShouldNotContain('\n');
        Directory.Exists(place["odd-out"]).ShouldBeFalse();
    }

    [Theory]
    [InlineData("booklet")]
    [InlineData("microlm")]
    [InlineData("mini-llm")]
    [InlineData("myllm")]
    [InlineData("rewards")]
    public void EveryCommandOfThePipelines_IsOneThatTheProgramTakes(string name)
    {
        string[] stages = [.. Names(Path.Combine(AppContext.BaseDirectory, "configs", "pipelines", name + ".yaml"))];
        stages.Length.ShouldBeGreaterThan(8);
        foreach (
            string[] kind in (string[][])
                [
                    ["--smoke"],
                    [],
                ]
        )
        {
            Stages([name, "--out", $"{name}{kind.Length}", "--skip", .. stages, .. kind]).ShouldBe(stages.Select(s => s + " skipped"));
        }
    }

    [Theory]
    [InlineData("booklet")]
    [InlineData("microlm")]
    [InlineData("mini-llm")]
    [InlineData("myllm")]
    [Trait("Category", "Slow")]
    public void ThePipelines_EndWithAModelThatIsServed(string name)
    {
        using Process process = Ink.Start(place.Path, ["run", name, "--smoke", "--out", name, "--json"]);
        JsonElement[] stages = [.. Ink.End(process, 900_000).ShouldEndWith(0).Json.GetProperty("stages").EnumerateArray()];
        JsonElement served = stages.Last(s =>
            s.GetProperty("command").GetString()!.StartsWith("ink smoke --serve", StringComparison.Ordinal)
        );
        served.GetProperty("result").GetProperty("ok").GetBoolean().ShouldBeTrue();
        stages
            .Count(s => s.GetProperty("command").GetString()!.StartsWith("ink evaluate", StringComparison.Ordinal))
            .ShouldBeGreaterThan(2);
    }

    private static IEnumerable<string> Names(string file) =>
        File.ReadLines(file)
            .SkipWhile(l => l != "stages:")
            .Where(l => l.Length > 3 && l.StartsWith("  ", StringComparison.Ordinal) && l[2] != ' ' && l.EndsWith(':'))
            .Select(l => l.Trim().TrimEnd(':'));

    private void Pipeline(string file, string yaml) => File.WriteAllText(place[file], yaml);

    private string[] Stages(params string[] words) =>
        [
            .. Ink.RunIn(place.Path, ["run", .. words, "--json"])
                .ShouldEndWith(0)
                .Json.GetProperty("stages")
                .EnumerateArray()
                .Select(s => $"{s.GetProperty("name")} {s.GetProperty("ended")}"),
        ];
}
