namespace Inkstone.Tensors.Tests;

/// <summary>The loops that measure what a unit can do, and the choice made by them.</summary>
public sealed class UnitProbeTests
{
    [Fact]
    public void A_machine_without_the_instruction_has_no_probe()
    {
        (UnitProbe.Float32 is not null).ShouldBe(CpuFeatures.HasAvx512 && Assembler.IsSupported);
        (UnitProbe.BFloat16 is not null).ShouldBe(CpuFeatures.HasAvx512 && CpuFeatures.HasBf16 && Assembler.IsSupported);
        (UnitProbe.Int8 is not null).ShouldBe(CpuFeatures.HasAvx512 && CpuFeatures.HasVnni && Assembler.IsSupported);
    }

    [Fact]
    public void A_bfloat16_kernel_is_used_only_where_it_is_faster()
    {
        (AssembledKernels.BFloat16 is not null).ShouldBe(UnitSpeed.BFloat16 > 1);
        if (UnitSpeed.BFloat16 > 0)
        {
            // Twice or half: nothing near one, where noise could decide.
            (UnitSpeed.BFloat16 is > 1.5 or < 0.7).ShouldBeTrue($"VDPBF16PS has {UnitSpeed.BFloat16} times the rate of VFMADD231PS");
        }
    }

    [Fact]
    public void Roofs_of_a_machine_are_positive_and_name_their_kernels()
    {
        using Device device = new(2);
        MachineRoofs roofs = MachineRoofs.Measure(device);
        roofs.Units[0].Type.ShouldBe("fp32");
        roofs.Units.ShouldAllBe(unit => unit.OneThread > 0 && unit.AllThreads > 0 && unit.OfFloat32 > 0);
        roofs.ReadOneThread.ShouldBeGreaterThan(0);
        roofs.Choices.Select(choice => choice.Type).ShouldBe(["fp32", "bf16", "int8"]);
        roofs.Choices[1].Kernel.ShouldBe(MicroKernel.BFloat16(device.Isa).Name);
    }
}
