namespace Inkstone.Tensors.Tests;

/// <summary>The loops that measure a unit do as many operations in a round as they are said to.</summary>
public sealed unsafe class InterpretedProbeTests
{
    [Fact]
    public void A_round_has_the_stated_operations()
    {
        UnitProbe?[] here = [UnitProbe.Float32, UnitProbe.BFloat16, UnitProbe.Int8, UnitProbe.TileBFloat16, UnitProbe.TileInt8];
        long[] operations = [24 * 16 * 2, 24 * 16 * 2 * 2, 24 * 16 * 4 * 2, 4 * 16 * 16 * 32 * 2, 4 * 16 * 16 * 64 * 2];
        const int Rounds = 3;
        byte* configuration = stackalloc byte[64];
        AmxKernel.Configure(configuration);
        foreach ((AssembledFunction probe, int at) in AssembledFunctions.Probes().Select((probe, at) => (probe, at)))
        {
            Interpreter interpreter = new(new CheckedMemory().Allow("configuration", configuration, 64, Access.Read));
            if (at > 2)
            {
                interpreter.Run(AssembledFunctions.AmxBegin, (long)configuration);
            }
            interpreter.Run(probe, Rounds);
            (2 * interpreter.MultiplyAdds).ShouldBe(Rounds * operations[at], probe.Name);
            ((double)operations[at]).ShouldBe(here[at]?.OperationsPerRound ?? operations[at], probe.Name);
        }
    }
}
