using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Low-rank adapters: what they leave alone, what they change, and their files.</summary>
public sealed class AdapterTests : IDisposable
{
    private const string Config = """
        {"model_type":"qwen2","vocab_size":61,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,
         "num_key_value_heads":2,"max_position_embeddings":64,"tie_word_embeddings":true,"eos_token_id":5}
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("ink-adapter-").FullName;
    private readonly Device _device = new(threads: 2);
    private readonly string _model;

    public AdapterTests()
    {
        _model = Path.Combine(_directory, "model");
        using CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, seed: 3);
        Pretrained.Save(model, _model);
    }

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static readonly LoraConfig[] All =
    [
        new LoraConfig(4, 8, ["q_proj", "v_proj"]),
        new LoraConfig(4, 8, [LoraConfig.AllLinear], Dropout: 0.1, RankStabilised: true),
        new LoraConfig(2, 4, ["o_proj", "down_proj"], Dropout: 0.2, Dora: true),
        new LoraConfig(2, 4, [])
        {
            TargetPattern = @".*\.layers\.1\..*(v|o)_proj",
            RankPattern = new Dictionary<string, int> { ["o_proj"] = 3 },
            AlphaPattern = new Dictionary<string, double> { ["o_proj"] = 9 },
        },
    ];

    private static readonly string[] AllLayers =
    [
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    ];

    public static TheoryData<LoraConfig> Kinds => [.. All];

    /// <summary>Layers of every kind wear adapters, and a trained one goes through the cache as through the whole: latents are then
    /// expanded, and an indexer chooses among loaded keys.</summary>
    [Theory]
    [InlineData("lfm2")]
    [InlineData("lfm3")]
    [InlineData("kimi_linear")]
    [InlineData("qwen3_5_text")]
    [InlineData("deepseek_v32")]
    [InlineData("deepseek_v4")]
    [InlineData("qwen4_exp_text")]
    public void A_trained_adapter_goes_through_the_cache_as_through_the_whole(string family)
    {
        string place = Path.Combine(_directory, family);
        using (CausalLm model = Pretrained.New(ConfigKeysTests.Small(family), _device, seed: 3))
        {
            Pretrained.Save(model, place);
        }
        using CausalLm tuned = PeftAdapter.New(place, new LoraConfig(4, 8, [LoraConfig.AllLinear]), 1, _device);
        AdamW optimizer = new(tuned.Adapter!.Parameters, new AdamWSettings(Rate: 1e-2, WeightDecay: 0));
        for (int step = 0; step < 5; step++)
        {
            Train(tuned, optimizer, step);
        }
        int[] ids = [.. Enumerable.Range(0, 21).Select(i => (i * 37 + 11) % 61)];
        float[] whole;
        using (_device.Step())
        {
            whole = tuned
                .Logits(tuned.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length)))
                .ToArray();
        }
        using PagedCache cache = tuned.NewCache(ids.Length);
        CachedSequence text = cache.TryNew()!;
        foreach ((int from, int count) in new[] { (0, 9), (9, 1), (10, 11) })
        {
            using StepScope step = _device.Step();
            float[] logits = tuned
                .Logits(
                    tuned.Hidden(_device.Rent(new Shape(1, count), ids.AsSpan(from, count)), ForwardContext.Next(text, count, ids.Length))
                )
                .ToArray();
            for (int i = 0; i < logits.Length; i++)
            {
                Math.Abs(logits[i] - whole[from * 97 + i])
                    .ShouldBeLessThan(2e-5f * whole.Max(MathF.Abs), $"{family} token {from + i / 97}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_new_adapter_changes_nothing_a_trained_one_survives_its_files_and_merging(LoraConfig kind)
    {
        using CausalLm plain = Pretrained.Open(_model, _device),
            tuned = PeftAdapter.New(_model, kind, 1, _device);
        float[] before = Logits(plain);
        ShouldBeNear(Logits(tuned), before);

        AdamW optimizer = new(tuned.Adapter!.Parameters, new AdamWSettings(Rate: 1e-2, WeightDecay: 0));
        double first = Train(tuned, optimizer, 0),
            last = 0;
        for (int step = 1; step < 60; step++)
        {
            last = Train(tuned, optimizer, step);
        }
        last.ShouldBeLessThan(first - 0.02);
        tuned.Parameters.All(p => p.Tensor.Grad is null).ShouldBeTrue("the model below is frozen");
        foreach (Parameter p in plain.Parameters)
        {
            tuned.Parameters[p.Name].Bytes.SequenceEqual(p.Tensor.Bytes).ShouldBeTrue(p.Name);
        }

        float[] after = Logits(tuned);
        string place = Directory.CreateDirectory(Path.Combine(_directory, "adapter")).FullName;
        PeftAdapter.Write(tuned.Adapter, place, _model);
        PeftAdapter.BaseOf(place).ShouldBe(_model);
        LoraConfig read = PeftAdapter.ReadConfig(place);
        read.Targets.ShouldBe(kind.Targets.Contains(LoraConfig.AllLinear) ? AllLayers : kind.Targets);
        (read.Rank, read.Alpha, read.Dropout, read.Dora, read.RankStabilised, read.TargetPattern).ShouldBe(
            (kind.Rank, kind.Alpha, kind.Dropout, kind.Dora, kind.RankStabilised, kind.TargetPattern)
        );
        using (CausalLm loaded = PeftAdapter.Open(_model, place, _device))
        {
            Logits(loaded).ShouldBe(after, "the same bits from the files");
        }
        tuned.Adapter.Merge();
        ShouldBeNear(Logits(tuned), after);
        Logits(tuned).ShouldNotBe(before);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_disabled_adapter_is_none_and_comes_back(LoraConfig kind)
    {
        using CausalLm plain = Pretrained.Open(_model, _device),
            tuned = PeftAdapter.New(_model, kind, 1, _device);
        Shake(tuned);
        float[] below = Logits(plain),
            after = Logits(tuned);
        after.ShouldNotBe(below);
        using (tuned.Adapter!.Disabled())
        {
            Logits(tuned).ShouldBe(below, "the same bits as the model without it");
            using (tuned.Adapter.Disabled())
            {
                Logits(tuned).ShouldBe(below);
            }
            Logits(tuned).ShouldBe(below, "still within the outer scope");
        }
        Logits(tuned).ShouldBe(after);
        tuned.Adapter.Merge();
        Should.Throw<InvalidOperationException>(() => tuned.Adapter.Disabled().Dispose()).Message.ShouldContain("merged");
    }

    /// <summary>A loss of the model less that of its reference, in one recorded step: recomputing blocks must not put the adapter back into
    /// the reference.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_gradient_comes_from_within_a_disabled_adapter(bool recompute)
    {
        using CausalLm tuned = PeftAdapter.New(_model, All[0], 1, _device);
        Shake(tuned);
        tuned.Recompute = recompute;
        float[] alone = Gradients(tuned, reference: false);
        ShouldBeNear(Gradients(tuned, reference: true), alone);
    }

    private float[] Gradients(CausalLm model, bool reference)
    {
        using (_device.Step(record: true))
        {
            Tensor ids = _device.Rent(new Shape(1, 6), [1, 2, 3, 4, 5, 6]),
                labels = _device.Rent(new Shape(1, 6), [2, 3, 4, 5, 6, 7]);
            Tensor loss = model.Loss(ids, labels, 6, ForwardContext.Rows(_device, 1, 6));
            if (reference)
            {
                using DisabledAdapter without = model.Adapter!.Disabled();
                loss = Ops.Add(loss, Ops.Scale(model.Loss(ids, labels, 6, ForwardContext.Rows(_device, 1, 6)), -1));
            }
            _device.Tape.Backward(loss);
        }
        float[] gradients = [.. model.Adapter!.Parameters.SelectMany(p => p.Tensor.Grad!.Span.ToArray())];
        model.Adapter.Parameters.ZeroGrad();
        return gradients;
    }

    /// <summary>Gives a new adapter an effect.</summary>
    private static void Shake(CausalLm model)
    {
        int at = 0;
        foreach (Parameter p in model.Adapter!.Parameters)
        {
            foreach (ref float value in p.Tensor.Span)
            {
                value += 0.1f * MathF.Sin(++at);
            }
        }
    }

    [Fact]
    public void Patterns_give_layers_their_own_rank()
    {
        using CausalLm tuned = PeftAdapter.New(_model, All[^1], 1, _device);
        tuned
            .Adapter!.Parameters.Select(p => $"{p.Name[Adapter.Prefix.Length..]} {p.Tensor.Shape}")
            .ShouldBe([
                "model.layers.1.self_attn.v_proj.lora_A.weight [2, 32]",
                "model.layers.1.self_attn.v_proj.lora_B.weight [16, 2]",
                "model.layers.1.self_attn.o_proj.lora_A.weight [3, 32]",
                "model.layers.1.self_attn.o_proj.lora_B.weight [32, 3]",
            ]);
        tuned.Adapter.Config.ScaleOf("model.layers.1.self_attn.o_proj").ShouldBe(3);
        tuned.Adapter.Config.ScaleOf("model.layers.1.self_attn.v_proj").ShouldBe(2);
    }

    [Fact]
    public void Dropout_is_a_function_of_seed_and_draw()
    {
        using CausalLm tuned = PeftAdapter.New(_model, new LoraConfig(4, 8, ["q_proj", "v_proj"], Dropout: 0.5), 1, _device);
        foreach (Parameter p in tuned.Adapter!.Parameters)
        {
            new PhiloxRandom(7, 1).FillNormal(p.Tensor.Span, 0.3f);
        }
        float[] calm = Logits(tuned),
            one = Noisy(1),
            other = Noisy(2),
            again = Noisy(1);
        one.ShouldNotBe(other);
        one.ShouldBe(again);
        one.ShouldNotBe(calm);
        tuned.TrainingRng.EmbeddingAlpha = 5;
        Noisy(1).ShouldNotBe(one, "noise on the embeddings comes on top");
        Logits(tuned).ShouldBe(calm);

        float[] Noisy(long draw)
        {
            tuned.TrainingRng.Begin(11, draw);
            float[] logits = Logits(tuned);
            tuned.TrainingRng.End();
            return logits;
        }
    }

    [Theory]
    [InlineData("\"LORA\"", "\"IA3\"", "peft_type")]
    [InlineData("\"none\"", "\"some\"", "bias")]
    [InlineData("\"modules_to_save\": null", "\"modules_to_save\": [\"embed_tokens\"]", "modules_to_save")]
    [InlineData("\"q_proj\"", "\"p_proj\"", "no layer is named p_proj")]
    [InlineData("\"q_proj\"", "\"lm_head\"", "no layer is named lm_head")]
    [InlineData("\"r\": 4", "\"r\": 5", "lora_A.weight")]
    [InlineData("\"r\": 4", "\"r\": 0", "at least 1")]
    public void Files_that_do_not_fit_say_why(string was, string becomes, string because)
    {
        string place = Directory.CreateDirectory(Path.Combine(_directory, "adapter")).FullName;
        using (CausalLm tuned = PeftAdapter.New(_model, new LoraConfig(4, 8, ["q_proj"]), 1, _device))
        {
            PeftAdapter.Write(tuned.Adapter!, place, _model);
        }
        string file = Path.Combine(place, PeftAdapter.ConfigFile),
            text = File.ReadAllText(file);
        text.ShouldContain(was);
        File.WriteAllText(file, text.Replace(was, becomes, StringComparison.Ordinal));
        Should.Throw<InvalidDataException>(() => PeftAdapter.Open(_model, place, _device)).Message.ShouldContain(because);
    }

    [Fact]
    public void Targets_that_no_layer_has_are_refused() =>
        Should
            .Throw<InvalidDataException>(() => PeftAdapter.New(_model, new LoraConfig(4, 8, ["query_key_value"]), 1, _device))
            .Message.ShouldContain("no layer is named query_key_value");

    private static readonly int[] Ids = [.. Enumerable.Range(0, 24).Select(i => i * 7 % 61)];

    private float[] Logits(CausalLm model)
    {
        using StepScope step = _device.Step();
        return model.Logits(model.Hidden(_device.Rent(new Shape(2, 12), Ids), ForwardContext.Rows(_device, 2, 12))).Span.ToArray();
    }

    private double Train(CausalLm model, AdamW optimizer, long draw)
    {
        double loss;
        using (_device.Step(record: true))
        {
            model.TrainingRng.Begin(5, draw);
            Tensor value = model.Loss(
                _device.Rent(new Shape(2, 12), Ids),
                _device.Rent(new Shape(2, 12), Ids),
                24,
                ForwardContext.Rows(_device, 2, 12)
            );
            model.TrainingRng.End();
            _device.Tape.Backward(value);
            loss = value.Item();
        }
        optimizer.Step(1);
        model.Adapter!.Parameters.ZeroGrad();
        return loss;
    }

    private static void ShouldBeNear(float[] actual, float[] expected)
    {
        float largest = expected.Max(Math.Abs);
        for (int i = 0; i < actual.Length; i++)
        {
            Math.Abs(actual[i] - expected[i]).ShouldBeLessThan(5e-6f * largest, $"element {i}");
        }
    }
}
