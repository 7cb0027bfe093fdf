using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Inference.Tests;

/// <summary>Guesses of a model's own module that predicts ahead, and tokens that caches take back, whatever layers keep.</summary>
public sealed class AheadTests : IDisposable
{
    private readonly Device _device = new(threads: 2);

    /// <summary>Small models with a module that predicts the token after the next.</summary>
    public static TheoryData<string> Predicting =>
        [
            With("deepseek_v3", "\"num_nextn_predict_layers\":1"),
            With("deepseek_v32", "\"num_nextn_predict_layers\":2"),
            With("deepseek_v4", "\"num_nextn_predict_layers\":1"),
            With("qwen4_exp_text", "\"mtp_num_hidden_layers\":1"),
            With("qwen3_next", "\"mtp_num_hidden_layers\":1")
                .Replace("qwen3_next", "qwen3_5_moe_text", StringComparison.Ordinal)
                .Replace(",\"mlp_only_layers\":[1]", "", StringComparison.Ordinal),
        ];

    public void Dispose() => _device.Dispose();

    [Theory]
    [MemberData(nameof(Predicting))]
    public void The_models_own_module_guesses_and_changes_nothing(string config)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, seed: 4);
        GenerationRequest[] requests = EngineTests.Requests(18);
        int[][] alone = [.. requests.Select(r => new Generator(model).Generate(r.Prompt, r.Sampling).ToArray())];
        foreach (
            EngineOptions options in (EngineOptions[])
                [
                    new() { Guesses = 1, MaxSequences = 4 },
                    new() { Guesses = 3, MaxBatchTokens = 40 },
                    new()
                    {
                        Guesses = 2,
                        MaxBatchTokens = 64,
                        CacheTokens = 700,
                        MaxLength = 250,
                        PrefixSharing = false,
                    },
                ]
        )
        {
            using Engine engine = new(model, null, options with { GuessesAhead = true });
            Generation[] together = [.. requests.Select(engine.Add)];
            while (engine.Step()) { }
            together.Select(t => t.Ids.ToArray()).ShouldBe(alone, $"{options}");
            engine.Statistics.Guessed.ShouldBeGreaterThan(100);
            engine.Statistics.Accepted.ShouldBeGreaterThan(0, "texts of so few tokens are hit by chance");
            engine.Statistics.CacheTokensUsed.ShouldBe(0);
        }
    }

    /// <summary>With a cache, in parts, behind tokens that were taken back: the module's logits are those of the whole text.</summary>
    [Theory]
    [MemberData(nameof(Predicting))]
    public void A_module_with_a_cache_makes_what_it_makes_of_the_whole_text(string config)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, seed: 4);
        IPredictsAhead modules = (IPredictsAhead)model;
        int[] ids = EngineTests.Ids(40, 5);
        float[] whole;
        using (_device.Step())
        {
            Tensor row = _device.Rent(new Shape(1, 40), ids);
            ForwardContext ctx = ForwardContext.Rows(_device, 1, 40);
            whole = model.Logits(modules.Ahead(1, model.Hidden(row, ctx), row, ctx)).ToArray(); // [1, 39, V]
        }
        using PagedCache cache = model.NewCache(64),
            own = new(_device, [modules.PredictionCache], 64, 1, 64, 64);
        using CachedSequence sequence = cache.TryNew()!,
            followed = own.TryNew()!;
        int[] parts = [23, 1, 4, 11];
        for (int at = 0, i = 0; i < parts.Length; at += parts[i++])
        {
            using StepScope step = _device.Step();
            Tensor hidden = model.Hidden(
                _device.Rent(new Shape(1, parts[i]), ids.AsSpan(at, parts[i])),
                ForwardContext.Next(sequence, parts[i])
            );
            Tensor carried = modules.Carried(hidden),
                next = _device.Rent(new Shape(1, parts[i]), ids.AsSpan(at + 1, parts[i]));
            float[] part = model.Logits(modules.Guess(ref carried, next, ForwardContext.Next(followed, parts[i]))).ToArray();
            part.Zip(whole.Skip(at * 97)).Max(p => Math.Abs(p.First - p.Second)).ShouldBeLessThan(2e-4f, $"from {at}");

            // A guess too many, which the next part has to be without.
            Tensor again = Ops.GatherRows(carried, _device.Rent(new Shape(1), [parts[i] - 1])).View(new Shape(1, 1, carried.Shape.Last));
            _ = modules.Guess(ref again, _device.Rent(new Shape(1, 1), [7]), ForwardContext.Next(followed, 1));
            followed.TryTruncate(followed.Length - 1).ShouldBeTrue();
        }
    }

    /// <summary>Tokens that were taken in and taken back leave nothing behind, neither in blocks nor in states.</summary>
    [Theory]
    [MemberData(nameof(EngineTests.Configs), MemberType = typeof(EngineTests))]
    public void Tokens_that_are_taken_back_leave_no_trace(string config)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, seed: 4);
        using PagedCache cache = new(_device, model.CacheSpecs, 300, 3, 100, 100, retractable: 6);
        int[] ids = EngineTests.Ids(90, 5),
            wrong = EngineTests.Ids(12, 8);
        using CachedSequence straight = cache.TryNew()!,
            winding = cache.TryNew()!,
            beside = cache.TryNew()!;
        List<float> expected = [],
            made = [];
        SequenceBatch batch = new(cache);
        for (int at = 0, turn = 0; at < 80; turn++)
        {
            // `right` tokens that stay and `back` that do not, behind one that could not be taken back.
            int right = turn == 0 ? 29 : turn % 6,
                back = turn == 0 ? 0 : 1 + turn % 3,
                retractable = turn == 0 ? 0 : Math.Min(6, right + back);
            int[] taken = [.. ids[at..(at + 1 + right)], .. wrong[..back]];
            expected.AddRange(Forward(model, batch, straight, ids[at..(at + 1 + right)], 0, beside));
            made.AddRange(Forward(model, batch, winding, taken, retractable, beside)[..((1 + right) * 32)]);
            winding.TryTruncate(winding.Length - back).ShouldBeTrue();
            at += 1 + right;
        }
        made.Count.ShouldBe(expected.Count);
        made.Zip(expected).Max(p => Math.Abs(p.First - p.Second)).ShouldBeLessThan(2e-4f);
    }

    /// <summary>Hidden states of new tokens, with another sequence in the batch.</summary>
    private float[] Forward(CausalLm model, SequenceBatch batch, CachedSequence sequence, int[] ids, int retractable, CachedSequence beside)
    {
        using StepScope step = _device.Step();
        batch.Clear();
        beside.TryReserve(1).ShouldBeTrue();
        sequence.TryReserve(ids.Length).ShouldBeTrue();
        batch.Add(beside, 1);
        batch.Add(sequence, ids.Length, retractable: retractable);
        Tensor row = _device.Rent(new Shape(1, 1 + ids.Length), [11, .. ids]);
        return model.Hidden(row, batch.Context()).ToArray()[32..];
    }

    private static string With(string family, string keys)
    {
        string config = EngineTests.Configs.Select(c => (string)c).First(c => c.Contains($"\"{family}\"", StringComparison.Ordinal));
        return string.Concat(config.AsSpan(0, config.Length - 1), ",", keys, "}");
    }
}
