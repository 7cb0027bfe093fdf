using Inkstone.Training;

namespace Inkstone.Cli.Tests;

/// <summary>Sentences that users read.</summary>
public sealed class WordsTests
{
    [Theory]
    [InlineData("1 steps, 11 tokens, 1 documents of 2,001 documents", "1 step, 11 tokens, 1 document of 2,001 documents")]
    [InlineData("0.1 epochs, 1 tokens a step, 1.1 epochs, 1 epochs of 5", "0.1 epochs, 1 token a step, 1.1 epochs, 1 epoch of 5")]
    public void OneOfAThing_IsSingular(string text, string right) => Format.Text($"{text}").ShouldBe(right);

    [Fact]
    public void WhatTheSystemSays_NamesThePathThatTheUserKnows()
    {
        string here = Environment.CurrentDirectory;
        Faults
            .Sentence(new FileNotFoundException($"Could not find file '{here}/a/b.json'."))
            .ShouldBe("there is no file a/b.json; check the path");
        Faults
            .Sentence(new DirectoryNotFoundException("Could not find a part of the path '/nowhere/x.gguf.ink-abcd1234.partial'."))
            .ShouldBe("there is no directory for /nowhere/x.gguf; check the path");
        Faults
            .Sentence(new UnauthorizedAccessException($"Access to the path '{here}' is denied."))
            .ShouldBe($"{here} is a directory, where a file is wanted");
        Faults
            .Sentence(new UnauthorizedAccessException("Access to the path '/locked/run.ink-q3z1x9ab.partial' is denied."))
            .ShouldStartWith("/locked/run may not be read or written by this user");
        Faults
            .Sentence(new IOException("Read-only file system : '/cd/out.ink-q3z1x9ab.partial'"))
            .ShouldStartWith("/cd/out: the system says \"read-only file system\"");
        Faults.Sentence(new InvalidDataException("Could not find file 'as a text'")).ShouldBe("Could not find file 'as a text'");
    }

    [Fact]
    public void APlan_SaysWhatOtherProgramsLeave()
    {
        RunPlan steps = new(100, 4e5, 2, 200_000, 1_000_000, 60, 1 << 30),
            minutes = steps with { Steps = null };
        RunReport
            .Plan(steps, 1)
            .ShouldBe("100 steps, 400.0k tokens: 2 epochs of 200.0k, 0.4 for each parameter; about 1 min 00 s, 1.0 GiB of memory");
        RunReport
            .Plan(steps, 0.25)
            .ShouldBe(
                "100 steps, 400.0k tokens: 2 epochs of 200.0k, 0.4 for each parameter; about 4 min 00 s, 1.0 GiB of memory; other programs leave it 25 % of the machine, alone it takes about 1 min 00 s"
            );
        RunReport
            .Plan(minutes, 0.25)
            .ShouldBe(
                "about 100.0k tokens: 0.5 epochs of 200.0k, 0.1 for each parameter; about 1 min 00 s, 1.0 GiB of memory; other programs leave it 25 % of the machine"
            );
        RunReport.Plan(steps with { Seconds = double.NaN }, 0.25).ShouldNotContain("machine"); // it was not measured
    }
}
