using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What the reference case is too short for: states that go from chunk to chunk, documents across their borders, and new
/// models.</summary>
public sealed class Qwen3NextTests : IDisposable
{
    private const int Vocabulary = 61,
        Length = 150;

    private const string Config = """
        {"model_type":"qwen3_next","vocab_size":61,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,
         "head_dim":16,"partial_rotary_factor":0.25,"linear_key_head_dim":8,"linear_value_head_dim":12,"linear_num_key_heads":2,"linear_num_value_heads":4,
         "num_experts":4,"num_experts_per_tok":2,"moe_intermediate_size":20,"shared_expert_intermediate_size":24,"mlp_only_layers":[1],
         "max_position_embeddings":256,"output_router_logits":true,"eos_token_id":3}
        """;

    private readonly Device _device = new(threads: 2);
    private readonly CausalLm _model;

    public Qwen3NextTests() => _model = Pretrained.New(HfConfig.Parse(Config), _device, seed: 5);

    public void Dispose()
    {
        _model.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void Layers_are_of_the_kinds_that_the_configuration_names()
    {
        string[] names = [.. _model.Parameters.Select(p => p.Name)];
        for (int layer = 0; layer < 4; layer++)
        {
            names.Contains($"model.layers.{layer}.self_attn.q_proj.weight").ShouldBe(layer == 3);
            names.Contains($"model.layers.{layer}.linear_attn.A_log").ShouldBe(layer != 3);
            names.Contains($"model.layers.{layer}.mlp.experts.3.down_proj.weight").ShouldBe(layer != 1);
        }
        _model.Parameters["model.layers.0.linear_attn.in_proj_qkvz.weight"].Shape.ShouldBe(new Shape(2 * 16 + 2 * 48, 32));
        _model.Parameters["model.layers.0.linear_attn.conv1d.weight"].Shape.ShouldBe(new Shape(80, 1, 4));
        _model.Parameters["model.layers.3.self_attn.q_proj.weight"].Shape.ShouldBe(new Shape(128, 32));
        (_model.Parameters.ElementCount - _model.ActiveElementCount).ShouldBe(
            3 * 2 * 3 * 20 * 32,
            "two of four experts in three layers rest"
        );
    }

    [Fact]
    public void A_new_model_begins_as_the_papers_do()
    {
        float[] rates = _model.Parameters["model.layers.0.linear_attn.A_log"].Span.ToArray();
        rates.ShouldAllBe(a => a > -10 && a <= MathF.Log(16));
        rates.Distinct().Count().ShouldBe(rates.Length);
        _model.Parameters["model.layers.0.linear_attn.dt_bias"].Span.ToArray().ShouldAllBe(v => v == 1);
        _model.Parameters["model.layers.0.linear_attn.norm.weight"].Span.ToArray().ShouldAllBe(v => v == 1);
        _model.Parameters["model.layers.0.input_layernorm.weight"].Span.ToArray().ShouldAllBe(v => v == 0);
        _model.Parameters["model.layers.3.self_attn.q_norm.weight"].Span.ToArray().ShouldAllBe(v => v == 0);
        _model.Parameters["model.norm.weight"].Span.ToArray().ShouldAllBe(v => v == 0);
    }

    [Fact]
    public void Chunks_and_single_tokens_from_the_cache_give_the_logits_of_the_whole()
    {
        int[] ids = Ids(Length, 1);
        float[] whole = Logits(ids);
        using PagedCache cache = _model.NewCache(Length);
        for (int pass = 0; pass < 2; pass++)
        {
            using CachedSequence text = cache.TryNew()!;
            List<float> parts = [];
            foreach (int length in new[] { 70, 1, 2, 9, 1, 66, 1 })
            {
                using StepScope step = _device.Step();
                Tensor part = _device.Rent(new Shape(1, length), ids.AsSpan(text.Length, length));
                parts.AddRange(_model.Logits(_model.Hidden(part, ForwardContext.Next(text, length))).Span);
            }
            ShouldBeNear([.. parts], whole);
            text.TryTruncate(100).ShouldBeFalse("earlier states are gone");
            cache.TryNew().ShouldBeNull("there is room for one text");
        }
    }

    [Fact]
    public void Documents_that_begin_within_chunks_give_the_logits_of_each_alone()
    {
        int[] lengths = [30, 75, 1, 2, 42],
            ids = Ids(Length, 2);
        int[] starts = [.. lengths.SelectMany((length, i) => Enumerable.Repeat(lengths.Take(i).Sum(), length))];
        float[] packed;
        using (_device.Step())
        {
            Tensor row = _device.Rent(new Shape(1, Length), ids);
            packed = _model.Logits(_model.Hidden(row, ForwardContext.Packed(_device.Rent(new Shape(1, Length), starts)))).Span.ToArray();
        }
        ShouldBeNear(packed, [.. lengths.SelectMany((length, i) => Logits(ids.AsSpan(lengths.Take(i).Sum(), length).ToArray()))]);
    }

    [Fact]
    public void Saved_and_opened_with_matrices_in_bfloat16_it_computes_nearly_the_same()
    {
        string place = Path.Combine(Directory.CreateTempSubdirectory("ink-next-").FullName, "model");
        Pretrained.Save(_model, place);
        int[] ids = Ids(80, 4);
        float[] expected = Logits(ids);
        using (
            CausalLm same = Pretrained.Open(place, _device, trained: false),
                narrow = Pretrained.Open(place, _device, DType.BFloat16, trained: false)
        )
        {
            narrow.Parameters["model.layers.0.linear_attn.conv1d.weight"].DType.ShouldBe(DType.BFloat16);
            Logits(same, ids).ShouldBe(expected);
            float[] near = Logits(narrow, ids);
            Math.Sqrt(near.Zip(expected, (a, b) => (a - b) * (a - b)).Sum() / expected.Sum(b => b * b)).ShouldBeInRange(1e-5, 3e-2);
        }
        Directory.Delete(Path.GetDirectoryName(place)!, recursive: true);
    }

    [Fact]
    public void A_few_steps_learn_one_text_by_heart_and_the_cache_recites_it()
    {
        int[] text = Ids(90, 6),
            labels = text[1..];
        AdamW optimizer = new(_model.Parameters, new AdamWSettings(Rate: 5e-3, WeightDecay: 0));
        double loss = 0;
        for (int step = 0; step < 150; step++)
        {
            using (_device.Step(record: true))
            {
                Tensor sum = _model.Loss(
                    _device.Rent(new Shape(1, 89), text.AsSpan(0, 89)),
                    _device.Rent(new Shape(1, 89), labels),
                    89,
                    ForwardContext.Rows(_device, 1, 89)
                );
                _device.Tape.Backward(sum);
                loss = sum.Item();
            }
            optimizer.Step(1, GradientClip.Factor(GradientClip.Norm(_model.Parameters), 1));
            _model.Parameters.ZeroGrad();
            _model.AfterStep();
        }
        loss.ShouldBeLessThan(0.15);
        new Generator(_model).Generate(text[..12], SamplingParams.Greedy(78, ignoreEos: true)).ShouldBe(text[12..]);
    }

    [Theory]
    [InlineData("\"partial_rotary_factor\":0.25", "\"partial_rotary_factor\":0.2", "rotates 3 of 16")]
    [InlineData("\"linear_num_value_heads\":4", "\"linear_num_value_heads\":5", "multiple of linear_num_key_heads")]
    [InlineData("\"num_experts_per_tok\":2", "\"num_experts_per_tok\":5", "at most num_experts")]
    [InlineData("\"eos_token_id\":3", "\"layer_types\":[\"linear_attention\"]", "each of 4 layers")]
    [InlineData("\"linear_key_head_dim\":8", "\"linear_key_head_dim\":0", "must be above 0")]
    public void A_configuration_that_cannot_be_says_why(string was, string becomes, string because) =>
        Should
            .Throw<InvalidDataException>(() =>
                Pretrained.New(HfConfig.Parse(Config.Replace(was, becomes, StringComparison.Ordinal)), _device, 1)
            )
            .Message.ShouldContain(because);

    private static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(4, Vocabulary))];
    }

    private float[] Logits(int[] ids) => Logits(_model, ids);

    private float[] Logits(CausalLm model, int[] ids)
    {
        using StepScope step = _device.Step();
        Tensor tokens = _device.Rent(new Shape(1, ids.Length), ids);
        return model.Logits(model.Hidden(tokens, ForwardContext.Rows(_device, 1, ids.Length))).Span.ToArray();
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
