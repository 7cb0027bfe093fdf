using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What must hold of any model, tried on small random ones.</summary>
public sealed class LlamaTests : IDisposable
{
    private const string Config = """
        {"model_type":"llama","vocab_size":97,"hidden_size":48,"intermediate_size":80,"num_hidden_layers":3,"num_attention_heads":6,
         "num_key_value_heads":2,"head_dim":10,"rms_norm_eps":1e-5,"max_position_embeddings":64,"attention_bias":true,"mlp_bias":true,
         "tie_word_embeddings":false,"eos_token_id":[5,7],"rope_theta":10000.0,"rope_scaling":null,"a_key_of_tomorrow":[1,{"x":null}]}
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("ink-models-").FullName;
    private readonly Device _device = new(threads: 2);
    private readonly CausalLm _model;

    public LlamaTests() => _model = Pretrained.New(HfConfig.Parse(Config), _device, seed: 3);

    public void Dispose()
    {
        _model.Dispose();
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void Parameters_have_the_names_and_shapes_of_the_checkpoint_format()
    {
        _model
            .Parameters.Take(6)
            .Select(p => $"{p.Name} {p.Tensor.Shape}")
            .ShouldBe([
                "model.embed_tokens.weight [97, 48]",
                "model.layers.0.input_layernorm.weight [48]",
                "model.layers.0.self_attn.q_proj.bias [60]",
                "model.layers.0.self_attn.q_proj.weight [60, 48]",
                "model.layers.0.self_attn.k_proj.bias [20]",
                "model.layers.0.self_attn.k_proj.weight [20, 48]",
            ]);
        _model.Parameters.Skip(_model.Parameters.Count - 2).Select(p => p.Name).ShouldBe(["model.norm.weight", "lm_head.weight"]);
        _model.Parameters.ElementCount.ShouldBe(
            2 * 97 * 48 + 48 + 3 * (2 * 48 + 2 * (60 * 48) + 60 + 48 + 2 * (20 * 48 + 20) + 3 * 80 * 48 + 2 * 80 + 48)
        );
    }

    [Fact]
    public void Prefill_and_decode_give_the_logits_of_the_whole()
    {
        int[] ids = Ids(23, 1);
        float[] whole = Logits(_model, ids, 1);
        using PagedCache cache = _model.NewCache(40);
        CachedSequence text = cache.TryNew()!;
        List<float> parts = [];
        int at = 0;
        foreach (int length in new[] { 9, 1, 1, 5, 1, 6 })
        {
            using StepScope step = _device.Step();
            Tensor part = _device.Rent(new Shape(1, length), ids.AsSpan(at, length));
            parts.AddRange(_model.Logits(_model.Hidden(part, ForwardContext.Next(text, length))).Span);
            at += length;
        }
        text.Length.ShouldBe(23);
        ShouldBeNear([.. parts], whole);

        text.TryTruncate(9).ShouldBeTrue();
        using StepScope again = _device.Step();
        Tensor token = _device.Rent(new Shape(1, 1), ids.AsSpan(9, 1));
        ShouldBeNear(_model.Logits(_model.Hidden(token, ForwardContext.Next(text, 1))).Span.ToArray(), whole[(9 * 97)..(10 * 97)]);
    }

    [Fact]
    public void A_batch_of_two_is_two_batches_of_one()
    {
        int[] a = Ids(17, 1),
            b = Ids(17, 2);
        ShouldBeNear(Logits(_model, [.. a, .. b], 2), [.. Logits(_model, a, 1), .. Logits(_model, b, 1)]);
    }

    [Fact]
    public void Later_tokens_do_not_change_earlier_logits()
    {
        int[] ids = Ids(20, 1),
            changed = [.. ids[..12], .. Ids(8, 9)];
        ShouldBeNear(Logits(_model, ids, 1)[..(12 * 97)], Logits(_model, changed, 1)[..(12 * 97)]);
    }

    [Fact]
    public void Packed_documents_give_the_logits_of_each_alone()
    {
        int[] a = Ids(7, 1),
            b = Ids(12, 2),
            starts = [.. Enumerable.Repeat(0, 7), .. Enumerable.Repeat(7, 12)];
        float[] packed;
        using (_device.Step())
        {
            Tensor ids = _device.Rent(new Shape(1, 19), [.. a, .. b]);
            packed = _model.Logits(_model.Hidden(ids, ForwardContext.Packed(_device.Rent(new Shape(1, 19), starts)))).Span.ToArray();
        }
        ShouldBeNear(packed, [.. Logits(_model, a, 1), .. Logits(_model, b, 1)]);
    }

    /// <summary>Every parameter's gradient against the loss's slope along a random direction.</summary>
    [Fact]
    public void Gradients_are_slopes_of_the_loss()
    {
        int[] ids = Ids(30, 1),
            labels = [.. Ids(29, 2), -100];
        _ = Loss(ids, labels, learn: true);
        Random random = new(4);
        foreach (Parameter p in _model.Parameters)
        {
            float[] start = p.Tensor.Span.ToArray(),
                direction = [.. start.Select(_ => random.Next(2) * 2f - 1)];
            double slope = 0;
            for (int i = 0; i < start.Length; i++)
            {
                slope += (double)p.Tensor.Grad!.Span[i] * direction[i];
            }
            const float H = 2e-3f;
            double plus = Shifted(H),
                minus = Shifted(-H);
            start.CopyTo(p.Tensor.Span);
            double measured = (plus - minus) / (2 * H);
            Math.Abs(measured - slope).ShouldBeLessThan(2e-3 + 0.02 * Math.Abs(slope), p.Name);

            double Shifted(float h)
            {
                for (int i = 0; i < start.Length; i++)
                {
                    p.Tensor.Span[i] = start[i] + h * direction[i];
                }
                return Loss(ids, labels, learn: false);
            }
        }
    }

    [Fact]
    public void A_few_steps_learn_one_text_by_heart()
    {
        int[] text = Ids(24, 6),
            ids = text[..23],
            labels = text[1..];
        AdamW optimizer = new(_model.Parameters, new AdamWSettings(Rate: 3e-3, WeightDecay: 0));
        double loss = 0;
        for (int step = 0; step < 120; step++)
        {
            loss = Loss(ids, labels, learn: true);
            optimizer.Step(1, GradientClip.Factor(GradientClip.Norm(_model.Parameters), 1));
            _model.Parameters.ZeroGrad();
        }
        loss.ShouldBeLessThan(0.1);
        new Generator(_model).Generate(text[..4], SamplingParams.Greedy(20, ignoreEos: true)).ShouldBe(text[4..]);
    }

    [Theory]
    [InlineData(5_000_000_000)]
    [InlineData(20_000)]
    public void Saved_and_loaded_models_have_the_same_bits(long maxShardBytes)
    {
        string place = Path.Combine(_directory, "model");
        Pretrained.Save(_model, place, maxShardBytes: maxShardBytes);
        using CausalLm loaded = Pretrained.Open(place, _device);
        loaded.Parameters.Select(p => p.Name).ShouldBe(_model.Parameters.Select(p => p.Name));
        foreach (Parameter p in loaded.Parameters)
        {
            p.Tensor.Bytes.SequenceEqual(_model.Parameters[p.Name].Bytes).ShouldBeTrue(p.Name);
        }
        loaded.Config.ToJson().ShouldBe(HfConfigForms.Both(_model.Config).ToJson());
        loaded.EosTokenIds.ShouldBe([5, 7]);
        Should.Throw<ArgumentException>(() => Pretrained.Save(_model, place)).Message.ShouldContain("exists");
    }

    [Fact]
    public void A_new_model_depends_on_the_seed_alone()
    {
        using CausalLm same = Pretrained.New(HfConfig.Parse(Config), _device, seed: 3),
            other = Pretrained.New(HfConfig.Parse(Config), _device, seed: 4);
        same.Parameters["lm_head.weight"].Span.SequenceEqual(_model.Parameters["lm_head.weight"].Span).ShouldBeTrue();
        other.Parameters["lm_head.weight"].Span.SequenceEqual(_model.Parameters["lm_head.weight"].Span).ShouldBeFalse();
        float[] weights = _model.Parameters["lm_head.weight"].Span.ToArray();
        Math.Sqrt(weights.Average(w => (double)w * w)).ShouldBe(0.02, 1e-3);
        _model.Parameters["model.embed_tokens.weight"].Span.SequenceEqual(weights).ShouldBeFalse();
        _model.Parameters["model.norm.weight"].Span.ToArray().ShouldAllBe(w => w == 1);
    }

    [Theory]
    [InlineData("\"vocab_size\":97", "\"vocab_size\":98", "model.embed_tokens.weight is F32 [97, 48] but [98, 48] is wanted")]
    [InlineData("\"num_hidden_layers\":3", "\"num_hidden_layers\":2", "unexpected model.layers.2.input_layernorm.weight")]
    [InlineData("\"num_hidden_layers\":3", "\"num_hidden_layers\":4", "missing model.layers.3.input_layernorm.weight")]
    [InlineData("\"num_key_value_heads\":2", "\"num_key_value_heads\":4", "multiple of num_key_value_heads")]
    [InlineData("\"llama\"", "\"lama\"", "model_type \"lama\"")]
    [InlineData("\"rope_scaling\":null", "\"rope_scaling\":{\"type\":\"spiral\"}", "\"spiral\"")]
    [InlineData("\"hidden_size\":48", "\"hidden_size\":\"48\"", "\"hidden_size\" must be a whole number")]
    [InlineData("\"hidden_size\":48", "\"hidden_size\":-48", "must be above 0")]
    public void A_directory_that_does_not_fit_says_where(string was, string becomes, string because)
    {
        string place = Path.Combine(_directory, "model");
        Pretrained.Save(_model, place);
        File.WriteAllText(Path.Combine(place, "config.json"), Config.Replace(was, becomes, StringComparison.Ordinal));
        InvalidDataException e = Should.Throw<InvalidDataException>(() => Pretrained.Open(place, _device));
        e.Message.ShouldContain(because);
        e.Message.ShouldContain(place);
    }

    [Theory]
    [InlineData(
        """{"rope_theta":500000.0,"rope_scaling":{"type":"linear","factor":4.0}}""",
        """{"rope_parameters":{"rope_type":"linear","rope_theta":500000.0,"factor":4.0}}"""
    )]
    [InlineData(
        """{"rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":16}}""",
        """{"rope_parameters":{"rope_type":"yarn","rope_theta":10000.0,"factor":4.0,"original_max_position_embeddings":16}}"""
    )]
    public void Both_spellings_of_rotary_positions_mean_the_same(string old, string current)
    {
        RotaryTable a = Rotary.From(HfConfig.Parse(old), 16),
            b = Rotary.From(HfConfig.Parse(current), 16);
        a.InverseFrequencies.ToArray().ShouldBe(b.InverseFrequencies.ToArray());
        a.AttentionScaling.ShouldBe(b.AttentionScaling);
        a.InverseFrequencies[^1].ShouldNotBe(RotaryTable.Default(16, 10000).InverseFrequencies[^1]);
    }

    private static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(8, 97))];
    }

    private float[] Logits(CausalLm model, int[] ids, int rows)
    {
        using StepScope step = _device.Step();
        Tensor tokens = _device.Rent(new Shape(rows, ids.Length / rows), ids);
        return model.Logits(model.Hidden(tokens, ForwardContext.Rows(_device, rows, ids.Length / rows))).Span.ToArray();
    }

    private double Loss(int[] ids, int[] labels, bool learn)
    {
        using StepScope step = _device.Step(record: learn);
        Tensor loss = _model.Loss(
            _device.Rent(new Shape(1, ids.Length), ids),
            _device.Rent(new Shape(1, ids.Length), labels),
            labels.Count(l => l >= 0),
            ForwardContext.Rows(_device, 1, ids.Length)
        );
        if (learn)
        {
            _device.Tape.Backward(loss);
        }
        return loss.Item();
    }

    private static void ShouldBeNear(float[] actual, float[] expected)
    {
        actual.Length.ShouldBe(expected.Length);
        float largest = expected.Max(Math.Abs);
        for (int i = 0; i < actual.Length; i++)
        {
            Math.Abs(actual[i] - expected[i]).ShouldBeLessThan(5e-6f * largest, $"element {i}");
        }
    }
}
