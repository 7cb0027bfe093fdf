namespace Inkstone.Tensors.Tests;

/// <summary>Inverse frequencies against the papers' formulas evaluated in double precision elsewhere (index, value).</summary>
public sealed class RotaryTableTests
{
    /// <summary>Blending in float32 costs a few units in the last place.</summary>
    private const double Relative = 1e-6;

    [Fact]
    public void Default() => Check(RotaryTable.Default(128, 10_000), 1, (0, 1), (1, 0.865964323), (31, 0.0115478198), (63, 0.000115478198));

    [Fact]
    public void Linear() =>
        Check(RotaryTable.Linear(128, 10_000, 4), 1, (0, 0.25), (1, 0.216491081), (31, 0.00288695496), (63, 2.88695496e-05));

    [Fact]
    public void Llama3_AsInLlama31() =>
        Check(
            RotaryTable.Llama3(128, 500_000, 8, 1, 4, 8192),
            1,
            (0, 1),
            (20, 0.0165604401),
            (28, 0.00321144599),
            (29, 0.00216657076),
            (31, 0.000856751413),
            (33, 0.00031269375),
            (35, 9.55621235e-05),
            (36, 7.78465527e-05),
            (63, 3.06892599e-07)
        );

    [Fact]
    public void Yarn_AsInQwen25() =>
        Check(
            RotaryTable.Yarn(128, 1_000_000, 4, 32768),
            1.138629436111989,
            (0, 1),
            (10, 0.115478198),
            (23, 0.00697830585),
            (24, 0.00537532149),
            (30, 0.00106436098),
            (39, 6.49039432e-05),
            (40, 4.44569853e-05),
            (41, 3.58253143e-05),
            (63, 3.1023444e-07)
        );

    [Fact]
    public void Yarn_AsInDeepSeekV3() =>
        Check(
            RotaryTable.Yarn(64, 10_000, 40, 4096, mscale: 1, mscaleAllDim: 1),
            1,
            (0, 1),
            (9, 0.0749894209),
            (10, 0.0562341325),
            (11, 0.0390069266),
            (16, 0.0055),
            (22, 0.000177827941),
            (23, 3.33380358e-05),
            (24, 2.5e-05),
            (31, 3.33380358e-06)
        );

    [Fact]
    public void Yarn_WithoutTruncation() =>
        Check(
            RotaryTable.Yarn(64, 150_000, 32, 4096, truncate: false),
            1.3465735902799727,
            (0, 1),
            (5, 0.155322989),
            (8, 0.0508132748),
            (9, 0.0317056962),
            (12, 0.00679495949),
            (16, 0.000456483919),
            (17, 0.000129318701),
            (18, 3.83088124e-05),
            (31, 3.02351143e-07)
        );

    [Fact]
    public void Yarn_AttentionFactor()
    {
        RotaryTable.Yarn(64, 10_000, 40, 4096, attentionFactor: 0.5).AttentionScaling.ShouldBe(0.5f);
        RotaryTable.Yarn(64, 10_000, 40, 4096, mscale: 0.707, mscaleAllDim: 0).AttentionScaling.ShouldBe(1.3688879f, 1e-6f);
        RotaryTable
            .Yarn(64, 10_000, 40, 4096, mscale: 1.4, mscaleAllDim: 0.7)
            .AttentionScaling.ShouldBe((float)(1.516443116 / 1.258221558), 1e-6f);
        RotaryTable.YarnMagnitude(0.5).ShouldBe(1);
    }

    [Fact]
    public unsafe void RowsSurviveGrowth()
    {
        RotaryTable table = RotaryTable.Yarn(4, 10_000, 4, 64);
        foreach (int position in new[] { 0, 5, 3, 9000, 2 })
        {
            float* row = table.Rows(position) + 4L * position;
            float angle = position * table.InverseFrequencies[1];
            row[1].ShouldBe((float)Math.Cos(angle) * table.AttentionScaling);
            row[3].ShouldBe((float)Math.Sin(angle) * table.AttentionScaling);
        }
    }

    [Theory]
    [InlineData(3, 10_000)]
    [InlineData(0, 10_000)]
    [InlineData(4, 0)]
    public void NonsenseIsRefused(int rotaryDim, double theta) =>
        Should.Throw<ArgumentException>(() => RotaryTable.Default(rotaryDim, theta));

    private static void Check(RotaryTable table, double scaling, params (int Index, double Value)[] expected)
    {
        table.AttentionScaling.ShouldBe((float)scaling);
        foreach ((int index, double value) in expected)
        {
            Near.Check(table.InverseFrequencies[index], value, Relative * value, $"inverse frequency {index}");
        }
    }
}
