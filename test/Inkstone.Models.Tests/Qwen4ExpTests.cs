using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What the reference case is too short or too plain for: blocks that are no part of sixteen tokens, longer n-grams, a sigmoid
/// gate, tables in other parts, the module that predicts ahead, trained indexers.</summary>
public sealed class Qwen4ExpTests : IDisposable
{
    private const int Vocabulary = 61,
        Length = 150,
        End = 3;

    private const string Config = """
        {"model_type":"qwen4_exp_text","vocab_size":61,"hidden_size":32,"num_hidden_layers":5,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":16,"partial_rotary_factor":0.5,
         "layer_types":["linear_attention","full_attention","linear_attention","linear_attention","indexed_attention"],
         "linear_key_head_dim":8,"linear_value_head_dim":12,"linear_num_key_heads":2,"linear_num_value_heads":4,"num_experts":4,"num_experts_per_tok":2,"moe_intermediate_size":20,"shared_expert_intermediate_size":24,
         "hc_count":3,"hc_lowrank":10,"ple_layer_ids":[4,1],"ple_embed_dim":24,"ple_conv_kernel_size":3,"ngram_size":4,"heads_per_ngram":2,"ngram_vocab_size_base":80,"make_ngram_vocab_size_divisible_by":16,"split_ngram_parts":7,
         "indexer_n_heads":3,"indexer_head_dim":10,"indexer_budget":22,"indexer_compress_ratio":5,"output_gate_type":"sigmoid","max_position_embeddings":256,"initializer_range":0.2,"eos_token_id":3}
        """;

    private readonly Device _device = new(threads: 2);
    private readonly CausalLm _model;

    public Qwen4ExpTests() => _model = Pretrained.New(HfConfig.Parse(Config), _device, seed: 5);

    public void Dispose()
    {
        _model.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void A_new_model_has_the_tables_and_starts_of_the_family()
    {
        Parameters p = _model.Parameters;
        p["model.layers.3.ple.ple_embedding.layer_multipliers"].DType.ShouldBe(DType.Int64);
        Longs(p["model.layers.3.ple.ple_embedding.ngram_heads_vocab_sizes"]).ShouldBe([83, 89, 97, 101, 103, 107]);
        Longs(p["model.layers.0.ple.ple_embedding.ngram_heads_vocab_sizes"])
            .ShouldBe([109, 113, 127, 131, 137, 139], "the second layer of the list takes the next primes");
        Longs(p["model.layers.3.ple.ple_embedding.ngram_heads_offsets"]).ShouldBe([0, 83, 172, 269, 370, 473]);
        int[] rows =
        [
            .. Enumerable.Range(0, 7).Select(i => p[$"model.layers.3.ple.ple_embedding.ngram_embedding.shard_{i}.weight"].Shape[0]),
        ];
        rows.ShouldBe([85, 85, 85, 85, 85, 85, 82], "580 rows are padded to 592");
        p["model.layers.3.ple.conv1d.weight"].Span.ToArray().ShouldAllBe(v => v == 0);
        p["model.layers.2.attn_hyper_connection.hc_norm.weight"].Span.ToArray().ShouldAllBe(v => v == 0);
        p.Any(parameter =>
                parameter.Name.Contains("layernorm", StringComparison.Ordinal)
                && !parameter.Name.Contains("indexer", StringComparison.Ordinal)
            )
            .ShouldBeFalse("layers have no norms");
        _model.CacheSpecs[3].BytesPerSequence.ShouldBe(4 * (4 * 8 * 12 + 3 * (2 * 16 + 48) + 3 + 2 * 4 * 3 * 32));
        _model.CacheSpecs[4].BytesPerToken.ShouldBe(4 * (2 * 32 + 10));
    }

    /// <summary>Factors that a checkpoint of seed 1234 and 256 ids holds.</summary>
    [Fact]
    public void Factors_of_hashes_follow_from_the_seed()
    {
        using CausalLm other = Pretrained.New(
            HfConfig.Parse(
                Config
                    .Replace("\"vocab_size\":61", "\"vocab_size\":256", StringComparison.Ordinal)
                    .Replace("[4,1]", "[4]", StringComparison.Ordinal)
            ),
            _device,
            1
        );
        Longs(other.Parameters["model.layers.3.ple.ple_embedding.layer_multipliers"])[..3]
            .ShouldBe([4295158889762567, 35454616657218897, 19285316470915801]);
    }

    [Fact]
    public void Chunks_and_single_tokens_from_the_cache_give_the_logits_of_the_whole()
    {
        int[] ids = Ids(Length, 1);
        float[] whole = Logits(_model, ids);
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
        }
    }

    [Fact]
    public void Documents_that_begin_within_blocks_give_the_logits_of_each_alone()
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
        ShouldBeNear(packed, [.. lengths.SelectMany((length, i) => Logits(_model, ids.AsSpan(lengths.Take(i).Sum(), length).ToArray()))]);
    }

    /// <summary>Lists of a checkpoint count more than its configuration, and its tables may lie in other parts; ids that end texts change
    /// the numbers.</summary>
    [Fact]
    public void A_checkpoint_s_own_lists_and_parts_count()
    {
        using TemporaryDirectory directory = new();
        string place = directory["model"];
        Pretrained.Save(_model, place);
        int[] ids = Ids(60, 4);
        ids[20] = End;
        float[] expected = Logits(_model, ids);
        string file = Path.Combine(place, HfDirectory.ConfigFile),
            config = File.ReadAllText(file);
        foreach (
            (string was, string becomes, bool same) in new[]
            {
                ("\"split_ngram_parts\":7", "\"split_ngram_parts\":512,\"seed\":77", true),
                ("\"ngram_vocab_size_base\":80", "\"ngram_vocab_size_base\":900", true),
                ("\"eos_token_id\":3", "\"eos_token_id\":4", false),
            }
        )
        {
            string changed = System
                .Text.RegularExpressions.Regex.Replace(config, "\\s", "")
                .Replace(was, becomes, StringComparison.Ordinal);
            changed.ShouldContain(becomes);
            File.WriteAllText(file, changed);
            using CausalLm read = Pretrained.Open(place, _device, trained: false);
            Logits(read, ids).SequenceEqual(expected).ShouldBe(same, becomes);
        }
    }

    /// <summary>Published checkpoints nest configuration and names, and stack experts.</summary>
    [Fact]
    public void Nested_names_and_stacked_experts_give_the_same_logits()
    {
        using TemporaryDirectory directory = new();
        Directory.CreateDirectory(directory["nested"]);
        List<NamedTensor> tensors = [];
        List<Tensor> stacks = [];
        foreach (
            Parameter p in _model.Parameters.Where(p =>
                !p.Name.Contains(".experts.", StringComparison.Ordinal) && !p.Name.StartsWith("mtp.", StringComparison.Ordinal)
            )
        )
        {
            tensors.Add(new NamedTensor(p.Name.Replace("model.", "model.language_model.", StringComparison.Ordinal), p.Tensor));
        }
        for (int layer = 0; layer < 5; layer++)
        {
            string experts = $"model.layers.{layer}.mlp.experts.";
            float[] gateUp =
            [
                .. Enumerable
                    .Range(0, 4)
                    .SelectMany(e =>
                        (float[])
                            [
                                .. _model.Parameters[$"{experts}{e}.gate_proj.weight"].ToArray(),
                                .. _model.Parameters[$"{experts}{e}.up_proj.weight"].ToArray(),
                            ]
                    ),
            ];
            float[] down = [.. Enumerable.Range(0, 4).SelectMany(e => _model.Parameters[$"{experts}{e}.down_proj.weight"].ToArray())];
            stacks.AddRange([Tensor.From(_device, new Shape(4, 40, 32), gateUp), Tensor.From(_device, new Shape(4, 32, 20), down)]);
            string nested = experts.Replace("model.", "model.language_model.", StringComparison.Ordinal);
            tensors.AddRange([new NamedTensor(nested + "gate_up_proj", stacks[^2]), new NamedTensor(nested + "down_proj", stacks[^1])]);
        }
        tensors.Add(new NamedTensor("model.visual.patch.weight", stacks[0]));
        SafetensorsWriter.WriteModel(directory["nested"], tensors);
        File.WriteAllText(
            Path.Combine(directory["nested"], HfDirectory.ConfigFile),
            "{\"model_type\":\"qwen4_exp\",\"text_config\":" + Config + "}"
        );
        using CausalLm read = Pretrained.Open(directory["nested"], _device, trained: false);
        int[] ids = Ids(70, 9);
        ShouldBeNear(Logits(read, ids), Logits(_model, ids));
        stacks.ForEach(stack => stack.Dispose());
    }

    /// <summary>The loss of the module for the token after the next, by finite differences through everything that it is made of, and
    /// without it the likelihood alone.</summary>
    [Fact]
    public void The_module_that_predicts_ahead_is_trained()
    {
        using CausalLm model = Pretrained.New(
            HfConfig.Parse(With("\"mtp_num_hidden_layers\":1,\"mtp_loss_weight\":0.5")),
            _device,
            seed: 5
        );
        ((IPredictsAhead)model).PredictionDepth.ShouldBe(1);
        int[] ids = Ids(40, 6);
        (double loss, float[][] gradients) = Trained(
            model,
            ids,
            "mtp.fc_hidden.weight",
            "mtp.fc_embedding.weight",
            "mtp.pre_fc_norm_hidden.weight",
            "mtp.hyper_connection_mixer.input_mix_weight_up.weight",
            "mtp.layers.0.self_attn.v_proj.weight"
        );
        double ahead = model.Metrics.First(m => m.Name == "mtp_loss").Value;
        ((IPredictsAhead)model).PredictionWeight = 0;
        Trained(model, ids).Loss.ShouldBe(loss - 0.5 * ahead, 1e-5);
        ((IPredictsAhead)model).PredictionWeight = 0.5;
        Check(
            model,
            ids,
            gradients,
            "mtp.fc_hidden.weight",
            "mtp.fc_embedding.weight",
            "mtp.pre_fc_norm_hidden.weight",
            "mtp.hyper_connection_mixer.input_mix_weight_up.weight",
            "mtp.layers.0.self_attn.v_proj.weight"
        );
    }

    /// <summary>Indexers learn from attention, by finite differences where all blocks are seen; the trunk learns what it would without
    /// them.</summary>
    [Theory]
    [InlineData("dense")]
    [InlineData("sparse")]
    public void Indexers_learn_from_attention_and_nothing_else_from_them(string mode)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(With($"\"indexer_loss\":\"{mode}\"")), _device, seed: 5);
        int[] ids = Ids(60, 7);
        const string Query = "model.layers.4.self_attn.indexer.index_qk_proj.weight",
            Norm = "model.layers.4.self_attn.indexer.k_layernorm.weight",
            Trunk = "model.layers.4.self_attn.k_proj.weight";
        (double loss, float[][] gradients) = Trained(model, ids, Query, Norm);
        model.Metrics.First(m => m.Name == "indexer_loss").Value.ShouldBeGreaterThan(1e-3);
        loss.ShouldBeGreaterThan(0);
        gradients.ShouldAllBe(g => g.Any(v => v != 0));
        if (mode == "dense")
        {
            Check(model, ids, gradients, Query, Norm);
        }
        AdamW optimizer = new(
            model.Parameters.Where(p => p.Name.Contains(".indexer.", StringComparison.Ordinal)),
            new AdamWSettings(Rate: 1e-2, WeightDecay: 0)
        );
        double first = 0,
            last = 0;
        for (int step = 0; step < 40; step++)
        {
            _ = Trained(model, ids, optimizer);
            last = model.Metrics.First(m => m.Name == "indexer_loss").Value;
            first = step == 0 ? last : first;
        }
        last.ShouldBeLessThan(0.8 * first);
        float[] with = mode == "sparse" ? Trained(model, ids, Trunk).Gradients[0] : [];
        if (mode == "sparse")
        {
            using CausalLm plain = Pretrained.New(HfConfig.Parse(Config), _device, seed: 5);
            foreach (Parameter p in plain.Parameters.Where(p => p.Tensor.DType == DType.Float32))
            {
                p.Tensor.CopyFrom(model.Parameters[p.Name].ToArray());
            }
            ShouldBeNear(Trained(plain, ids, Trunk).Gradients[0], with);
        }
    }

    [Fact]
    public void Blocks_computed_twice_give_the_same_gradients()
    {
        using CausalLm model = Pretrained.New(
            HfConfig.Parse(With("\"indexer_loss\":\"sparse\",\"mtp_num_hidden_layers\":1,\"output_router_logits\":true")),
            _device,
            seed: 5
        );
        string[] names =
        [
            "model.layers.0.ple.ple_embedding.ngram_embedding.shard_2.weight",
            "model.layers.4.self_attn.indexer.index_qk_proj.weight",
            "mtp.fc_hidden.weight",
            "model.layers.1.attn_hyper_connection.hc_norm.weight",
        ];
        float[][] once = Trained(model, Ids(60, 8), names).Gradients;
        model.Recompute = true;
        float[][] twice = Trained(model, Ids(60, 8), names).Gradients;
        for (int i = 0; i < names.Length; i++)
        {
            twice[i].ShouldBe(once[i], names[i]);
        }
    }

    [Fact]
    public void A_few_steps_learn_one_text_by_heart_and_the_cache_recites_it()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(Config.Replace("0.2", "0.05", StringComparison.Ordinal)), _device, seed: 5);
        int[] text = Ids(90, 6),
            labels = text[1..];
        AdamW optimizer = new(model.Parameters.Where(p => p.Tensor.RequiresGrad), new AdamWSettings(Rate: 5e-3, WeightDecay: 0));
        double loss = 0;
        for (int step = 0; step < 120; step++)
        {
            using (_device.Step(record: true))
            {
                Tensor sum = model.Loss(
                    _device.Rent(new Shape(1, 89), text.AsSpan(0, 89)),
                    _device.Rent(new Shape(1, 89), labels),
                    89,
                    ForwardContext.Rows(_device, 1, 89)
                );
                _device.Tape.Backward(sum);
                loss = sum.Item();
            }
            optimizer.Step(1, GradientClip.Factor(GradientClip.Norm(model.Parameters), 1));
            model.Parameters.ZeroGrad();
            model.AfterStep();
        }
        loss.ShouldBeLessThan(0.15);
        new Generator(model).Generate(text[..12], SamplingParams.Greedy(78, ignoreEos: true)).ShouldBe(text[12..]);
    }

    [Theory]
    [InlineData("\"ple_layer_ids\":[4,1]", "\"ple_layer_ids\":[2]", "layers of linear attention")]
    [InlineData("\"indexer_budget\":22,", "", "has no \"indexer_budget\"")]
    [InlineData("\"indexer_budget\":22", "\"indexer_budget\":4", "at most indexer_budget")]
    [InlineData("\"indexer_n_heads\":3", "\"indexer_n_heads\":3,\"indexer_kv_heads\":2", "one key for all its heads")]
    [InlineData("\"indexer_head_dim\":10", "\"indexer_head_dim\":6", "at most indexer_head_dim")]
    [InlineData(",\"eos_token_id\":3", "", "eos_token_id must be one id, it is missing")]
    [InlineData("\"eos_token_id\":3", "\"eos_token_id\":[3,4]", "it is 2 ids")]
    [InlineData("\"output_gate_type\":\"sigmoid\"", "\"output_gate_type\":\"tanh\"", "output_gate_type \"tanh\"")]
    [InlineData("\"ple_embed_dim\":24", "\"ple_embed_dim\":26", "multiple of (ngram_size - 1)")]
    [InlineData("\"ngram_size\":4", "\"ngram_size\":1", "must be above 0")]
    [InlineData("\"hc_count\":3", "\"hc_count\":0", "must be above 0")]
    [InlineData("\"indexer_n_heads\":3", "\"indexer_n_heads\":3,\"sliding_window\":8", "\"sliding_window\" changes what a model computes")]
    public void A_configuration_that_cannot_be_says_why(string was, string becomes, string because) =>
        Should
            .Throw<InvalidDataException>(() =>
                Pretrained.New(HfConfig.Parse(Config.Replace(was, becomes, StringComparison.Ordinal)), _device, 1)
            )
            .Message.ShouldContain(because);

    private static string With(string keys) => Config.Replace("\"hc_count\"", keys + ",\"hc_count\"", StringComparison.Ordinal);

    private static long[] Longs(Tensor tensor)
    {
        long[] values = new long[tensor.Count];
        tensor.CopyTo(values);
        return values;
    }

    private static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(3, Vocabulary))];
    }

    private float[] Logits(CausalLm model, int[] ids)
    {
        using StepScope step = _device.Step();
        return model
            .Logits(model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length)))
            .ToArray();
    }

    private (double Loss, float[][] Gradients) Trained(CausalLm model, int[] ids, params string[] names) =>
        Trained(model, ids, null, names);

    private (double Loss, float[][] Gradients) Trained(CausalLm model, int[] ids, AdamW? optimizer, params string[] names)
    {
        model.Parameters.ZeroGrad();
        double loss;
        using (_device.Step(record: true))
        {
            int n = ids.Length - 1;
            Tensor sum = model.Loss(
                _device.Rent(new Shape(1, n), ids.AsSpan(0, n)),
                _device.Rent(new Shape(1, n), ids.AsSpan(1)),
                n,
                ForwardContext.Rows(_device, 1, n)
            );
            loss = sum.Item();
            _device.Tape.Backward(sum);
        }
        float[][] gradients = [.. names.Select(name => model.Parameters[name].Grad!.ToArray())];
        optimizer?.Step(1);
        model.Parameters.ZeroGrad();
        model.AfterStep();
        return (loss, gradients);
    }

    /// <summary>The loss along each gradient's own direction.</summary>
    private void Check(CausalLm model, int[] ids, float[][] gradients, params string[] names)
    {
        for (int i = 0; i < names.Length; i++)
        {
            Tensor weight = model.Parameters[names[i]];
            float[] values = weight.ToArray();
            double norm = Math.Sqrt(gradients[i].Sum(g => (double)g * g)),
                step = 0.02;
            double slope = (At(step) - At(-step)) / (2 * step);
            weight.CopyFrom(values);
            slope.ShouldBe(norm, 0.02 * norm + 2e-4, names[i]);

            double At(double by)
            {
                weight.CopyFrom([.. values.Select((v, k) => (float)(v + by * gradients[i][k] / norm))]);
                return Trained(model, ids).Loss;
            }
        }
    }

    private static void ShouldBeNear(float[] values, float[] expected)
    {
        values.Length.ShouldBe(expected.Length);
        float largest = expected.Max(MathF.Abs);
        for (int i = 0; i < values.Length; i++)
        {
            Math.Abs(values[i] - expected[i]).ShouldBeLessThan(5e-5f * largest, $"number {i}");
        }
    }
}
