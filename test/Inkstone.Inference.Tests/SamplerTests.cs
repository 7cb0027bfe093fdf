using System.Text.Json;

namespace Inkstone.Inference.Tests;

public sealed class SamplerTests
{
    [Theory]
    [InlineData("temperature_0.7")]
    [InlineData("top_k_5")]
    [InlineData("top_k_100")]
    [InlineData("top_p_0.9")]
    [InlineData("top_p_0.1")]
    [InlineData("min_p_0.05")]
    [InlineData("typical_0.9")]
    [InlineData("epsilon_0.01")]
    [InlineData("repetition_1.3")]
    [InlineData("no_repeat_2gram")]
    public void Each_filter_is_that_of_transformers(string name)
    {
        JsonElement golden = Read("sampling.json");
        Compare(golden, golden.GetProperty("processed").GetProperty(name), Settings(name));
    }

    [Fact]
    public void The_chain_is_that_of_transformers()
    {
        JsonElement golden = Read("sampling.json");
        SamplingParams p = new(RepetitionPenalty: 1.1f, Temperature: 0.8f, TopK: 20, TopP: 0.95f, MinP: 0.02f);
        Compare(golden, golden.GetProperty("chain").GetProperty("scores"), p);

        // Draws follow the probabilities.
        float[][] probabilities = Rows(golden.GetProperty("chain").GetProperty("probabilities"));
        int[] counts = new int[probabilities[0].Length];
        Sampler sampler = new(counts.Length);
        const int Draws = 4000;
        for (int i = 0; i < Draws; i++)
        {
            counts[sampler.Next(Rows(golden.GetProperty("logits"))[0], Previous(golden)[0], 12, p with { Seed = (ulong)i })]++;
        }
        for (int i = 0; i < counts.Length; i++)
        {
            double expected = Draws * probabilities[0][i];
            Math.Abs(counts[i] - expected).ShouldBeLessThan(5 * Math.Sqrt(expected) + 1e-9, $"token {i}");
        }
    }

    [Fact]
    public void Ties_and_edges_keep_at_least_one_token()
    {
        float[] tied = [1, 3, 3, 2];
        Process(tied, new SamplingParams(TopK: 1)).ShouldBe([false, true, true, false]);
        Process(tied, new SamplingParams(TopP: 1e-6f)).ShouldBe([false, false, true, false]);
        Process(tied, new SamplingParams(MinP: 1)).ShouldBe([false, true, true, false]);
        Process(tied, new SamplingParams(EpsilonCutoff: 0.99f)).ShouldBe([false, true, true, false]);
        Process(tied, new SamplingParams(TopK: 99)).ShouldAllBe(kept => kept);
        Process([5], new SamplingParams(TopP: 0.1f, TopK: 1, MinP: 0.5f, TypicalP: 0.1f)).ShouldBe([true]);
    }

    [Fact]
    public void Penalties_count_the_output_alone_and_repetition_counts_both()
    {
        float[] logits = [1, 1, -1, 1];
        Sampler sampler = new(4);
        sampler.Process(logits, [0, 1, 1, 2], promptLength: 1, new SamplingParams(FrequencyPenalty: 0.5f, PresencePenalty: 0.25f));
        logits.ShouldBe([1, 1 - 2 * 0.5f - 0.25f, -1 - 0.5f - 0.25f, 1]);

        logits = [1, 1, -1, 1];
        sampler.Process(logits, [0, 1, 1, 2], promptLength: 1, new SamplingParams(RepetitionPenalty: 2));
        logits.ShouldBe([0.5f, 0.5f, -2, 1]);
    }

    [Fact]
    public void Greedy_takes_the_first_of_the_largest()
    {
        new Sampler(4).Next([1, 3, 3, 2], [0], 1, SamplingParams.Greedy(1)).ShouldBe(1);
        new Sampler(3).Next([float.NaN, -1, float.NegativeInfinity], [0], 1, SamplingParams.Greedy(1)).ShouldBe(1);
        Should.Throw<InvalidDataException>(() => new Sampler(2).Next([float.NaN, float.NaN], [0], 1, SamplingParams.Greedy(1)));
    }

    [Fact]
    public void The_same_seed_draws_the_same_and_nothing_is_allocated()
    {
        Random random = new(5);
        float[] logits = [.. Enumerable.Range(0, 5000).Select(_ => (float)(4 * random.NextDouble()))],
            scratch = new float[5000];
        SamplingParams p = new(
            Temperature: 0.9f,
            TopK: 500,
            TopP: 0.9f,
            MinP: 0.01f,
            TypicalP: 0.9f,
            RepetitionPenalty: 1.1f,
            FrequencyPenalty: 0.1f,
            NoRepeatNgramSize: 3,
            Seed: 11
        );
        int[] ids = [.. Enumerable.Range(0, 64).Select(i => i * 31 % 5000)];
        Sampler sampler = new(5000);
        int Draw(int length)
        {
            logits.CopyTo(scratch, 0);
            return sampler.Next(scratch, ids.AsSpan(0, length), 4, p);
        }
        int[] first = [.. Enumerable.Range(10, 20).Select(Draw)];
        first.Distinct().Count().ShouldBeGreaterThan(5);
        first.ShouldBe([.. Enumerable.Range(10, 20).Select(Draw)]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = Draw(12);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    /// <summary>Dividing by such a temperature leaves float32; the limit of the distribution is the likeliest token alone.</summary>
    [Theory]
    [InlineData(1e-45f, 1f)]
    [InlineData(1e-45f, 0.95f)]
    [InlineData(1e-38f, 0.95f)]
    [InlineData(9e-6f, 0.5f)]
    public void A_tiny_temperature_is_greedy(float temperature, float topP)
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            new Sampler(4)
                .Next(
                    [20, 90, -90, 89.5f],
                    [0],
                    1,
                    new SamplingParams(Temperature: temperature, TopP: topP, TopK: 3, MinP: 0.1f, Seed: seed)
                )
                .ShouldBe(1);
        }
        new Sampler(4).Next([20, 90, -90, 89.5f], [0], 1, new SamplingParams(Temperature: SamplingParams.LeastTemperature)).ShouldBe(1);
    }

    [Fact]
    public void Forbidden_tokens_are_not_made()
    {
        SamplingParams p = new(Temperature: 0)
        {
            SuppressTokens = [3, 99],
            BeginSuppressTokens = [2],
            BadWords =
            [
                [5, 7, 1],
                [0],
            ],
            MinNewTokens = 2,
            StopTokenIds = [4],
        };
        Kept(p, [5, 7], 2).ShouldBe([false, false, false, false, false, true]); // 1 would complete [5, 7, 1]
        Kept(p, [7, 7], 2).ShouldBe([false, true, false, false, false, true]);
        Kept(p, [7, 7, 5], 2).ShouldBe([false, true, true, false, false, true]);
        Kept(p, [7, 7, 5, 5], 2).ShouldBe([false, true, true, false, true, true]); // two were made, so an end may come

        static bool[] Kept(SamplingParams p, int[] ids, int promptLength)
        {
            float[] logits = new float[6];
            new Sampler(8).Process(logits, ids, promptLength, p);
            return [.. logits.Select(float.IsFinite)];
        }
    }

    public static TheoryData<string, SamplingParams> Senseless =>
        new()
        {
            { "temperature", new(Temperature: -1) },
            { "temperature", new(Temperature: float.NaN) },
            { "temperature", new(Temperature: float.PositiveInfinity) },
            { "top_k", new(TopK: -1) },
            { "top_p", new(TopP: 0) },
            { "top_p", new(TopP: float.NaN) },
            { "min_p", new(MinP: 2) },
            { "min_p", new(MinP: float.NaN) },
            { "typical_p", new(TypicalP: 1.5f) },
            { "epsilon_cutoff", new(EpsilonCutoff: 1) },
            { "repetition_penalty", new(RepetitionPenalty: 1e-45f) },
            { "repetition_penalty", new(RepetitionPenalty: float.NaN) },
            { "frequency_penalty", new(FrequencyPenalty: 3) },
            { "presence_penalty", new(PresencePenalty: float.NaN) },
            { "no_repeat_ngram_size", new(NoRepeatNgramSize: -1) },
            { "max_tokens", new(MaxTokens: -1) },
            {
                "min_new_tokens",
                new() { MinNewTokens = -1 }
            },
            {
                "max_length",
                new() { MaxLength = 0 }
            },
            { "stop", new(Stop: [""]) },
        };

    [Theory]
    [MemberData(nameof(Senseless))]
    public void Senseless_settings_are_named(string name, SamplingParams p)
    {
        Should.Throw<ArgumentException>(() => p.Validate()).Message.ShouldStartWith(name + " must be");
        Should.Throw<ArgumentException>(() => p.Validate(key => "--" + key)).Message.ShouldStartWith($"--{name} must be");
    }

    private static SamplingParams Settings(string name) =>
        name switch
        {
            "temperature_0.7" => new(Temperature: 0.7f),
            "top_k_5" => new(TopK: 5),
            "top_k_100" => new(TopK: 100),
            "top_p_0.9" => new(TopP: 0.9f),
            "top_p_0.1" => new(TopP: 0.1f),
            "min_p_0.05" => new(MinP: 0.05f),
            "typical_0.9" => new(TypicalP: 0.9f),
            "epsilon_0.01" => new(EpsilonCutoff: 0.01f),
            "repetition_1.3" => new(RepetitionPenalty: 1.3f),
            _ => new(NoRepeatNgramSize: 2),
        };

    private static bool[] Process(float[] logits, SamplingParams p)
    {
        float[] copy = [.. logits];
        new Sampler(copy.Length).Process(copy, [0], 1, p);
        return [.. copy.Select(float.IsFinite)];
    }

    private static void Compare(JsonElement golden, JsonElement expectedRows, SamplingParams p)
    {
        float[][] logits = Rows(golden.GetProperty("logits")),
            expected = Rows(expectedRows);
        int[][] previous = Previous(golden);
        Sampler sampler = new(logits[0].Length);
        for (int row = 0; row < logits.Length; row++)
        {
            sampler.Process(logits[row], previous[row], previous[row].Length, p);
            for (int i = 0; i < logits[row].Length; i++)
            {
                float e = expected[row][i],
                    a = logits[row][i];
                (a == e || Math.Abs(a - e) <= 1e-6 * Math.Max(1, Math.Abs(e))).ShouldBeTrue($"row {row}, token {i}: {a} for {e}");
            }
        }
    }

    private static int[][] Previous(JsonElement golden) =>
        [.. golden.GetProperty("previous_ids").EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];

    private static float[][] Rows(JsonElement rows) =>
        [
            .. rows.EnumerateArray()
                .Select(row =>
                    row.EnumerateArray().Select(x => x.ValueKind == JsonValueKind.Null ? float.NegativeInfinity : x.GetSingle()).ToArray()
                ),
        ];

    private static JsonElement Read(string name) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Numbers", name))).RootElement;

    [Fact]
    public void What_is_drawn_lies_where_the_point_falls()
    {
        Random random = new(3);
        float[] logits =
        [
            .. Enumerable.Range(0, 5000).Select(i => i % 7 == 0 || i > 4500 ? float.NegativeInfinity : (float)(6 * random.NextDouble())),
        ];
        double[] p = [.. logits.Select(l => Math.Exp(l))];
        double total = p.Sum();
        Truncation truncation = new(logits.Length);
        for (int n = 0; n <= 1000; n++)
        {
            double point = n == 1000 ? 1 - 1e-12 : n / 1000.0;
            int drawn = truncation.Sample(logits, point);
            double before = p[..drawn].Sum() / total;
            p[drawn].ShouldBeGreaterThan(0);
            point.ShouldBeInRange(before - 1e-6, before + p[drawn] / total + 1e-6);
        }
    }
}
