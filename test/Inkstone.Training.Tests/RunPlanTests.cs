namespace Inkstone.Training.Tests;

public sealed class RunPlanTests
{
    private static readonly RunData Data = new(1_000_000, 256, "data.sequence_length", "", "");

    [Fact]
    public void Steps_become_tokens_epochs_and_time()
    {
        RunPlan plan = Plan(steps: 500, tokensPerStep: 4096, dataTokens: 1_000_000, parameters: 10_000_000);
        (plan.Tokens, plan.Epochs).ShouldBe((2_048_000, 2.048));
        plan.Seconds.ShouldBe(2_048_000 * 6e7 / (0.5 * 2e11), 1e-6); // six operations a parameter and token, at half of 200 GFLOP/s
    }

    [Fact]
    public void Minutes_become_about_so_many_tokens()
    {
        RunPlan plan = Plan(steps: null, tokensPerStep: 4096, dataTokens: 1_000_000, parameters: 10_000_000, minutes: 10);
        plan.Seconds.ShouldBe(600);
        plan.Tokens.ShouldBe(600 * 0.5 * 2e11 / 6e7, 1);
    }

    [Theory]
    [InlineData(500, 100, 512, true, "")]
    [InlineData(61_000, 100, 512, true, "250 times")]
    [InlineData(100, 100, 512, true, "warmup_steps 100")]
    [InlineData(99, 100, 512, false, "warmup_steps 100")]
    [InlineData(500, 100, 255, true, "max_position_embeddings is 255")]
    [InlineData(500, 100, 256, true, "")]
    public void What_would_be_a_pity_is_told_before(int steps, int warmup, int positions, bool fromNothing, string told)
    {
        string[] warnings = [.. Plan(steps, 4096, Data.Tokens, 10_000_000).Warnings(steps, warmup, Data, positions, fromNothing)];
        warnings.Length.ShouldBe(told.Length == 0 ? 0 : 1);
        string.Concat(warnings).ShouldContain(told);
    }

    [Theory]
    [InlineData(10_000, 31_000_000, true, true)]
    [InlineData(10_000, 31_000_000, false, false)] // a model that knows language may learn from little
    [InlineData(1_240_000, 11_000_000, true, false)]
    public void Too_little_data_is_told_where_a_model_begins_from_nothing(int tokens, long parameters, bool fromNothing, bool told) =>
        Plan(20, 256, tokens, parameters)
            .Warnings(20, 5, Data with { Tokens = tokens }, 256, fromNothing)
            .Any(w => w.Contains("too few to learn language from", StringComparison.Ordinal))
            .ShouldBe(told);

    [Fact]
    public void ARunThatTwiceTheMemoryCannotHold_IsRefused() =>
        Should
            .Throw<InvalidDataException>(() => new RunEstimate(long.MaxValue / 2).Check(_ => { }))
            .Message.ShouldContain("MiB and the machine has");

    [Fact]
    public void TheMemoryThatIsTold_CountsTheProgramItself()
    {
        new RunEstimate(1L << 40, LoadedBytes: 1L << 40).ProcessBytes.ShouldBe(1L << 40); // what is not there yet takes no room beside
        new RunEstimate(1L << 40).ProcessBytes.ShouldBeGreaterThan((1L << 40) + (10 << 20));
    }

    private static RunPlan Plan(int? steps, double tokensPerStep, long dataTokens, long parameters, double? minutes = null) =>
        RunPlan.Estimate(
            steps,
            minutes,
            tokensPerStep,
            dataTokens,
            new RunFacts(parameters, 6.0 * parameters, (int)tokensPerStep, 2e11),
            1 << 20
        );
}
