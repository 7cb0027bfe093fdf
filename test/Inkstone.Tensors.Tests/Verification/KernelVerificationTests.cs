using System.Reflection;

namespace Inkstone.Tensors.Tests;

[Collection(DeviceSuite.Name)]
public sealed class KernelVerificationTests
{
    [Fact]
    public void EveryOp_HasACase() =>
        KernelCases
            .All.Select(c => c.Op)
            .Distinct()
            .Order()
            .ShouldBe(
                typeof(Ops)
                    .GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
                    .Select(m => m.Name)
                    .Distinct()
                    .Order()
            );

    [Fact]
    public void Names_AreDistinct() => KernelCases.All.Select(c => c.Name).ShouldBeUnique();

    [Fact]
    public void EveryKernel_AgreesAtEveryLevelOfThisMachine()
    {
        IReadOnlyList<KernelCheck> checks = KernelVerification.Run();
        checks.Count.ShouldBeGreaterThanOrEqualTo(KernelCases.All.Count);
        checks.Where(c => !c.Ok).Select(c => $"{c.Name}: {c.Worst} > {c.Tolerance}").ShouldBeEmpty();
    }
}
