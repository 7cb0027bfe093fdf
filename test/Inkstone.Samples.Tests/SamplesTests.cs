using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Inkstone.Samples.Tests;

/// <summary>Each sample as a reader runs it: a process in an empty folder, which ends well and says what it is there to show.</summary>
public sealed class SamplesTests
{
    private const int Patience = 120_000;

    [Fact]
    public void TrainAndGenerate_ContinuesItsRhyme_AndLeavesAModel() =>
        Run("TrainAndGenerate", "bottles/model.safetensors", "bottles/config.json", "bottles/tokenizer.json")
            .ShouldContain("green bottles");

    [Fact]
    public void TrainAndGenerate_IsAWholeProgramInTenLines_WithOneUsing()
    {
        string[] lines =
        [
            .. File.ReadLines(Path.Combine(Samples(), "01-train-and-generate", "Program.cs")).Where(line => line.Trim().Length > 0),
        ];
        lines.Length.ShouldBeLessThanOrEqualTo(10);
        string code = string.Join('\n', File.ReadLines(Path.Combine(Samples(), "01-train-and-generate", "Program.cs"))).TrimEnd();
        foreach (string readme in (string[])["README.md", "README.zh-CN.md"])
        {
            File.ReadAllText(Path.Combine(Samples(), "..", readme))
                .ReplaceLineEndings("\n")
                .ShouldContain($"```csharp\n{code}\n```", Case.Sensitive);
        }
        lines.Count(line => line.StartsWith("using Inkstone", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Fact]
    public void Lora_ChangesTheAnswer_AndTheBaseStays()
    {
        string output = Run("Lora", "adapter/adapter_config.json", "adapter/adapter_model.safetensors");
        output.ShouldContain("with the adapter:    The cat sat on the moon.");
        output.ShouldContain("without the adapter: The cat sat on the mat.");
    }

    [Fact]
    public void YourOwnObjective_IsMinimised_AndItsMetricRises()
    {
        string[] lines = Run("YourOwnObjective").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(3);
        double[] loss = [.. lines.Select(l => Number(l, "focal loss "))],
            probability = [.. lines.Select(l => Number(l, "mean_probability "))];
        loss[2].ShouldBeLessThan(loss[0]);
        probability[2].ShouldBeGreaterThan(probability[0]);
        probability.ShouldAllBe(p => p > 0 && p < 1);
    }

    [Fact]
    public void YourOwnFamily_IsTrained_Saved_AndOpened() =>
        Run("YourOwnFamily", "days/model.safetensors").ShouldContain("Monday, Tuesday, Wednesday, Thursday, Friday");

    [Fact]
    public void Tokenizing_ComesBack()
    {
        string output = Run("Tokenizing", "tokenizer/tokenizer.json");
        output.ShouldContain("The ink is white. 墨！<|endoftext|>\nThe ink is white. 墨！\n");
        output.ShouldContain("read back: the same");
    }

    [Fact]
    public void Chat_AnswersWhatItWasTaught() =>
        Run("Chat").ShouldBe("> Who are you?\nI am a small model.\n> What is black?\nInk is black.\n");

    [Fact]
    public void Agent_CallsItsTool_AndSaysWhatCameOfIt() =>
        Run("Agent").ShouldBe("> How much ink is left?\n(ink_left is called)\nThere are 7 bottles left.\n");

    private static double Number(string line, string behind) =>
        double.Parse(
            line[(line.IndexOf(behind, StringComparison.Ordinal) + behind.Length)..].Split(',')[0],
            System.Globalization.CultureInfo.InvariantCulture
        );

    /// <summary>stdout of a sample, which must have left these files.</summary>
    private static string Run(string name, params string[] files)
    {
        string directory = Directory.CreateTempSubdirectory("ink-sample-").FullName;
        try
        {
            using Process process = Process.Start(
                new ProcessStartInfo("dotnet", [Program(name)])
                {
                    WorkingDirectory = directory,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(),
                error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(Patience))
            {
                process.Kill();
                throw new TimeoutException($"the sample {name} did not end");
            }
            process.ExitCode.ShouldBe(0, error.Result);
            files.Where(file => !File.Exists(Path.Combine(directory, file))).ShouldBeEmpty();
            return output.Result.ReplaceLineEndings("\n");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>artifacts/bin/PROJECT/CONFIGURATION, beside these tests'.</summary>
    private static string Program(string name)
    {
        string here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        return Path.Combine(here, "..", "..", $"Inkstone.Samples.{name}", Path.GetFileName(here), $"Inkstone.Samples.{name}.dll");
    }

    private static string Samples([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "samples"));
}
