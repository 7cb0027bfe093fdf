using System.Diagnostics;

namespace Inkstone.Tensors.Tests;

/// <summary>The runtime lowers vectors to what the CPU has. Which widths it may use is settled when a process starts, so this suite runs
/// itself again.</summary>
[Trait("Category", "Slow")]
public sealed class VectorWidthTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public void TheSuitePassesWithout(string feature)
    {
        ProcessStartInfo start = new("dotnet", ["test", typeof(VectorWidthTests).Assembly.Location, "--filter", "Category!=Slow"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[feature] = "0";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, output);
        output.ShouldContain("Passed:");
    }
}
