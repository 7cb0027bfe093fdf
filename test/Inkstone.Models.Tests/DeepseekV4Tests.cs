using Inkstone.Formats;
using Inkstone.Models.DeepseekV4;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What the reference case of DeepSeek-V4 does not show: names of two kinds, keys one by one, new models, prediction modules,
/// indexers that learn, blocks of odd rates.</summary>
public sealed class DeepseekV4Tests : IDisposable
{
    private const int Vocabulary = 61,
        Length = 45;

    private const string Config = """
        {"model_type": "deepseek_v4", "vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 4, "head_dim": 16, "q_lora_rank": 12, "o_groups": 2, "o_lora_rank": 8,
         "layer_types": ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention", "compressed_sparse_attention"], "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 8},
         "mlp_layer_types": ["hash_moe", "moe", "moe", "hash_moe"], "sliding_window": 7, "index_n_heads": 8, "index_head_dim": 8, "index_topk": 3, "hc_mult": 3, "hc_sinkhorn_iters": 5, "n_routed_experts": 4,
         "num_experts_per_tok": 2, "moe_intermediate_size": 16, "swiglu_limit": 0.5, "partial_rotary_factor": 0.5, "max_position_embeddings": 128, "initializer_range": 0.3, "num_nextn_predict_layers": 1}
        """;

    private readonly Device _device = new(threads: 2);
    private readonly string _directory = Directory.CreateTempSubdirectory("ink-v4-").FullName;

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Every name of the model goes to transformers' and back, and the mixed ones of its files are known.</summary>
    [Fact]
    public void Names_of_both_kinds_are_those_of_one_model()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, 3);
        foreach (string name in model.Parameters.Select(p => p.Name))
        {
            string other = DeepseekV4Names.InTransformers(name);
            (
                name.StartsWith("mtp.", StringComparison.Ordinal)
                || other.StartsWith("model.", StringComparison.Ordinal)
                || other == "lm_head.weight"
            ).ShouldBeTrue(other);
            DeepseekV4Names.Published(other).ShouldBe(name);
            DeepseekV4Names.Published(name).ShouldBe(name);
        }
        foreach (
            (string written, string published) in new[]
            {
                ("model.layers.2.attn.norm.weight", "layers.2.attn.kv_norm.weight"),
                ("model.embed_tokens.weight", "embed.weight"),
                ("lm_head.weight", "head.weight"),
                ("model.hc_head.hc_fn", "hc_head_fn"),
                ("model.norm.weight", "norm.weight"),
                ("model.layers.1.self_attn.compressor.indexer.scorer.weights_proj.weight", "layers.1.attn.indexer.weights_proj.weight"),
                ("model.layers.1.attn.indexer.compressor.norm.weight", "layers.1.attn.indexer.compressor.norm.weight"),
                ("model.layers.10.mlp.experts.3.up_proj.weight", "layers.10.ffn.experts.3.w3.weight"),
                ("model.layers.0.mlp.gate.e_score_correction_bias", "layers.0.ffn.gate.bias"),
                ("model.layers.0.ffn_hc.scale", "layers.0.hc_ffn_scale"),
                ("model.layers.0.self_attn.q_norm.weight", "layers.0.attn.q_norm.weight"),
            }
        )
        {
            DeepseekV4Names.Published(written).ShouldBe(published);
        }
        DeepseekV4Names
            .InTransformers("layers.1.attn.indexer.compressor.wgate")
            .ShouldBe("model.layers.1.self_attn.compressor.indexer.gate_proj");
        DeepseekV4Names.InTransformers("layers.1.ffn.shared_experts.w2").ShouldBe("model.layers.1.mlp.shared_experts.down_proj");
        DeepseekV4Names.IsShared("mtp.0.emb.tok_emb.weight").ShouldBeTrue();
        DeepseekV4Names.IsShared("layers.0.attn.wq_a.weight").ShouldBeFalse();
    }

    [Fact]
    public void A_checkpoint_with_the_names_of_transformers_is_the_same_model_and_published_names_are_written()
    {
        string published = Path.Combine(_directory, "published"),
            other = Path.Combine(_directory, "other"),
            again = Path.Combine(_directory, "again");
        float[] expected;
        using (CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, 3))
        {
            expected = Logits(model);
            Pretrained.Save(model, published);
            Directory.CreateDirectory(other);
            File.WriteAllText(Path.Combine(other, "config.json"), Config);
            SafetensorsWriter.WriteModel(
                other,
                [
                    .. model
                        .Parameters.Where(p => !p.Name.StartsWith("mtp.", StringComparison.Ordinal))
                        .Select(p => new NamedTensor(DeepseekV4Names.InTransformers(p.Name), p.Tensor)),
                ]
            );
        }
        using (CausalLm model = Pretrained.Open(published, _device, trained: false))
        {
            Logits(model).ShouldBe(expected);
            ((IPredictsAhead)model).PredictionDepth.ShouldBe(1);
        }
        using (CausalLm model = Pretrained.Open(other, _device, trained: false))
        {
            Logits(model).ShouldBe(expected);
            ((IPredictsAhead)model).PredictionDepth.ShouldBe(0, "transformers leaves the module out");
            Pretrained.Save(model, again);
        }
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(again, "model.safetensors"));
        file.Contains("layers.0.attn.kv_norm.weight").ShouldBeTrue();
        file.Entry("layers.0.ffn.gate.tid2eid").DType.ShouldBe("I64");
        file.Entry("layers.0.ffn.gate.tid2eid").Shape.ShouldBe([Vocabulary, 2L]);
    }

    [Fact]
    public void A_new_hash_layer_deals_its_tokens_out_evenly_and_a_table_beyond_its_experts_is_refused()
    {
        string place = Path.Combine(_directory, "table");
        using (CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, 3))
        {
            int[] table = model.Parameters["layers.0.ffn.gate.tid2eid"].Ints.ToArray();
            table.Chunk(2).ShouldAllBe(row => row[0] != row[1]);
            table.GroupBy(e => e).Select(g => g.Count()).ShouldAllBe(count => Math.Abs(count - table.Length / 4.0) <= 1);
            table.ShouldNotBe(model.Parameters["layers.3.ffn.gate.tid2eid"].Ints.ToArray());
            model.Parameters["layers.0.ffn.gate.tid2eid"].Ints[4] = 4;
            Pretrained.Save(model, place);
        }
        Should
            .Throw<InvalidDataException>(() => Pretrained.Open(place, _device))
            .Message.ShouldContain("layers.0.ffn.gate.tid2eid sends token 2 to expert 4 of 4");
    }

    /// <summary>The same weights with one key changed: other numbers, or the same where transformers was measured not to look.</summary>
    [Theory]
    [InlineData("\"sliding_window\": 6", true)]
    [InlineData("\"index_topk\": 2", true)]
    [InlineData("\"hc_sinkhorn_iters\": 1", true)]
    [InlineData("\"hc_eps\": 0.01", true)]
    [InlineData("\"rms_norm_eps\": 0.01", true)]
    [InlineData("\"swiglu_limit\": 0.6", true)]
    [InlineData("\"routed_scaling_factor\": 2", true)]
    [InlineData("\"scoring_func\": \"sigmoid\"", true)]
    [InlineData("\"scoring_func\": \"softmax\"", true)]
    [InlineData("\"rope_theta\": 5000", true)]
    [InlineData("\"compress_rope_theta\": 5000", true)]
    [InlineData("\"partial_rotary_factor\": 0.25", true)]
    [InlineData("\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 16}", true)]
    [InlineData(
        "\"rope_parameters\": {\"main\": {\"rope_type\": \"default\", \"rope_theta\": 10000}, \"compress\": {\"rope_type\": \"default\", \"rope_theta\": 160000}}",
        false
    )]
    [InlineData(
        "\"rope_parameters\": {\"main\": {\"rope_type\": \"default\", \"rope_theta\": 10000}, \"compress\": {\"rope_type\": \"default\", \"rope_theta\": 100}}",
        true
    )]
    [InlineData("\"rope_parameters\": {\"main\": {\"rope_theta\": 100}, \"compress\": {\"rope_theta\": 160000}}", true)]
    [InlineData(
        "\"rope_parameters\": {\"main\": {\"rope_theta\": 10000, \"partial_rotary_factor\": 0.25}, \"compress\": {\"rope_theta\": 160000, \"partial_rotary_factor\": 0.5}}",
        true
    )]
    [InlineData("\"n_shared_experts\": 2", false)]
    [InlineData("\"norm_topk_prob\": false", false)]
    [InlineData("\"num_key_value_heads\": 2", false)]
    [InlineData("\"attention_bias\": true", false)]
    [InlineData("\"compress_ratios\": [4, 4, 4, 4, 0]", false)]
    [InlineData("\"num_hash_layers\": 3", false)]
    public void Keys_change_what_they_should(string change, bool changes)
    {
        string place = Path.Combine(_directory, "model");
        using (CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, 3))
        {
            Pretrained.Save(model, place);
        }
        string key = change[1..change.IndexOf('"', 1)];
        System.Text.Json.Nodes.JsonObject json = System.Text.Json.Nodes.JsonNode.Parse(Config)!.AsObject();
        json[key] = System.Text.Json.Nodes.JsonNode.Parse("{" + change + "}")![key]!.DeepClone();
        File.WriteAllText(Path.Combine(place, "plain.json"), Config);
        File.WriteAllText(Path.Combine(place, "changed.json"), json.ToJsonString());
        using CausalLm before = Pretrained.Open(place, _device, trained: false, configFile: "plain.json"),
            after = Pretrained.Open(place, _device, trained: false, configFile: "changed.json");
        float[] a = Logits(before),
            b = Logits(after);
        double difference = a.Zip(b, (x, y) => Math.Abs(x - y)).Max() / a.Max(MathF.Abs);
        (difference > 1e-5).ShouldBe(changes, $"{change}: {difference}");
    }

    [Theory]
    [InlineData("\"mlp_bias\": true", "mlp_bias")]
    [InlineData("\"compress_rates\": {\"compressed_sparse_attention\": 0}", "compress_rate_csa")]
    [InlineData(
        "\"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"sliding_attention\"]",
        "layer_types"
    )]
    [InlineData("\"mlp_layer_types\": [\"moe\"]", "mlp_layer_types")]
    [InlineData("\"layer_types\": null, \"compress_ratios\": [0, 4, 8, 4]", "compress_ratios")]
    [InlineData("\"intermediate_size\": 48", "intermediate_size")]
    [InlineData("\"o_groups\": 3", "o_groups")]
    [InlineData("\"num_experts_per_tok\": 5", "num_experts_per_tok")]
    [InlineData("\"partial_rotary_factor\": 0.2", "partial_rotary_factor")]
    [InlineData("\"index_head_dim\": 6", "index_head_dim")]
    [InlineData("\"hidden_act\": \"relu\"", "hidden_act")]
    [InlineData("\"scoring_func\": \"tanh\"", "scoring_func")]
    [InlineData("\"swiglu_limit\": 0", "swiglu_limit")]
    [InlineData("\"hc_mult\": 0", "hc_mult")]
    [InlineData("\"hc_sinkhorn_iters\": 0", "hc_sinkhorn_iters")]
    [InlineData("\"indexer_loss\": \"both\"", "indexer_loss")]
    [InlineData("\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}", "rope_type")]
    [InlineData("\"attention_sink\": true", "attention_sink")]
    public void Keys_that_are_not_built_are_refused_by_name(string change, string named)
    {
        System.Text.Json.Nodes.JsonObject json = System.Text.Json.Nodes.JsonNode.Parse(Config)!.AsObject();
        foreach (
            (string key, System.Text.Json.Nodes.JsonNode? value) in System.Text.Json.Nodes.JsonNode.Parse("{" + change + "}")!.AsObject()
        )
        {
            json[key] = value?.DeepClone();
        }
        Should
            .Throw<InvalidDataException>(() => Pretrained.Describe(HfConfig.Parse(json.ToJsonString()), _device))
            .Message.ShouldContain(named);
    }

    /// <summary>The published words: ratios for layers, whose default is not that of layer_types.</summary>
    [Fact]
    public void Layers_by_default_and_by_ratios()
    {
        Kinds("").ShouldBe("HHHCHC");
        Kinds("\"compress_ratios\": [0, 0, 4, 128, 4, 128, 0],").ShouldBe("--CHCH");

        string Kinds(string ratios)
        {
            string config = Config
                .Replace(
                    Config[
                        Config.IndexOf("\"layer_types\"", StringComparison.Ordinal)..Config.IndexOf(
                            "\"sliding_window\"",
                            StringComparison.Ordinal
                        )
                    ],
                    ratios,
                    StringComparison.Ordinal
                )
                .Replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 6", StringComparison.Ordinal);
            using CausalLm model = Pretrained.Describe(HfConfig.Parse(config), _device);
            model.Parameters.Count(p => p.Name.EndsWith("tid2eid", StringComparison.Ordinal)).ShouldBe(3);
            return string.Concat(
                Enumerable
                    .Range(0, 6)
                    .Select(i =>
                        model.Parameters.Contains($"layers.{i}.attn.indexer.wq_b.weight") ? 'C'
                        : model.Parameters.Contains($"layers.{i}.attn.compressor.ape") ? 'H'
                        : '-'
                    )
            );
        }
    }

    /// <summary>The cost of a token in a cache follows the rates: numbers of a window, of entries, of states.</summary>
    [Fact]
    public void A_cache_grows_by_entries()
    {
        string config = Config.Replace(
            "\"heavily_compressed_attention\": 8",
            "\"heavily_compressed_attention\": 128",
            StringComparison.Ordinal
        );
        using CausalLm model = Pretrained.Describe(HfConfig.Parse(config), _device);
        long at(int tokens) => model.CacheBytes(tokens, 1) / sizeof(float);
        // Two sparse layers of (16 + 8) / 4 numbers a token and one heavy of 16 / 128; windows and states do not grow.
        (at(8192) - at(4096)).ShouldBe(4096 * 2 * (16 + 8) / 4 + 4096 * 16 / 128);
        using CausalLm small = Pretrained.New(HfConfig.Parse(Config), _device, 3);
        using PagedCache cache = small.NewCache(1024, step: 1);
        cache.Bytes.ShouldBe(small.CacheBytes(1024, 1));
    }

    /// <summary>Rates whose blocks are longer than sixteen tokens, one that does not divide them among these.</summary>
    [Theory]
    [InlineData(4, 32)]
    [InlineData(6, 5)]
    [InlineData(3, 48)]
    public void Token_by_token_and_in_parts_at_any_rate(int sparse, int heavy)
    {
        string config = Config
            .Replace("\"compressed_sparse_attention\": 4", $"\"compressed_sparse_attention\": {sparse}", StringComparison.Ordinal)
            .Replace("\"heavily_compressed_attention\": 8", $"\"heavily_compressed_attention\": {heavy}", StringComparison.Ordinal);
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, 3);
        int[] ids = [.. Enumerable.Range(0, 150).Select(i => (i * 37 + i / 7) % Vocabulary)];
        float[] whole = Logits(model, ids);
        using PagedCache cache = model.NewCache(ids.Length);
        CachedSequence text = cache.TryNew()!;
        for (int from = 0, part = 1; from < ids.Length; from += part, part = part * 3 % 23 + 1)
        {
            int count = Math.Min(part, ids.Length - from);
            using StepScope step = _device.Step();
            float[] logits = model
                .Logits(
                    model.Hidden(_device.Rent(new Shape(1, count), ids.AsSpan(from, count)), ForwardContext.Next(text, count, ids.Length))
                )
                .ToArray();
            for (int i = 0; i < logits.Length; i++)
            {
                Math.Abs(logits[i] - whole[from * Vocabulary + i])
                    .ShouldBeLessThan(2e-5f * whole.Max(MathF.Abs), $"token {from + i / Vocabulary}");
            }
        }
    }

    /// <summary>The module sees the token that it is given and those before, and its loss reaches all of it.</summary>
    [Fact]
    public void The_prediction_module_looks_one_token_ahead_and_learns()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, 3);
        int[] ids = [.. Enumerable.Range(0, Length).Select(i => (i * 37 + 11) % Vocabulary)],
            changed = [.. ids];
        changed[30] = (changed[30] + 1) % Vocabulary;
        float[] a = Ahead(ids),
            b = Ahead(changed);
        // What stands behind a token changes which rows a product takes together, and so the last bits.
        a.Take(29 * 24).Zip(b, (x, y) => Math.Abs(x - y)).Max().ShouldBeLessThan(1e-5f);
        a.Skip(29 * 24).Take(24).Zip(b.Skip(29 * 24), (x, y) => Math.Abs(x - y)).Max().ShouldBeGreaterThan(1e-2f);
        AdamW optimizer = new(model.Parameters, new AdamWSettings(Rate: 3e-3));
        double[] losses = [.. Enumerable.Range(0, 40).Select(_ => Step(model, optimizer, ids))];
        losses[^1].ShouldBeLessThan(0.7 * losses[0]);
        model.Metrics.First(m => m.Name == "mtp_loss").Value.ShouldBeLessThan(3.5);

        float[] Ahead(int[] tokens)
        {
            using StepScope step = _device.Step();
            Tensor row = _device.Rent(new Shape(1, tokens.Length), tokens);
            ForwardContext ctx = ForwardContext.Rows(_device, 1, tokens.Length);
            return ((IPredictsAhead)model).Ahead(1, model.Hidden(row, ctx), row, ctx).ToArray();
        }
    }

    /// <summary>What indexers learn leaves the rest of the model alone, and they come nearer to the attention.</summary>
    [Theory]
    [InlineData("dense")]
    [InlineData("sparse")]
    public void Indexers_learn_from_the_attention_and_nothing_else_does(string kind)
    {
        using CausalLm plain = Pretrained.New(HfConfig.Parse(Config), _device, 3),
            model = Pretrained.New(
                HfConfig.Parse(Config.Replace("\"hc_mult\"", $"\"indexer_loss\": \"{kind}\", \"hc_mult\"", StringComparison.Ordinal)),
                _device,
                3
            );
        int[] ids = [.. Enumerable.Range(0, Length).Select(i => (i * 37 + 11) % Vocabulary)];
        _ = Gradients(plain, ids);
        _ = Gradients(model, ids);
        foreach (Parameter p in plain.Parameters)
        {
            bool indexer = p.Name.Contains(".indexer.", StringComparison.Ordinal);
            if (indexer)
            {
                p.Tensor.Grad.ShouldBeNull(p.Name);
                model.Parameters[p.Name].Grad!.ToArray().ShouldContain(g => g != 0, p.Name);
            }
            else if (kind == "sparse")
            {
                model.Parameters[p.Name].Grad?.ToArray().ShouldBe(p.Tensor.Grad!.ToArray(), p.Name);
            }
        }
        model.Parameters.ZeroGrad();
        AdamW optimizer = new(
            model.Parameters.Where(p => p.Name.Contains(".indexer.", StringComparison.Ordinal)),
            new AdamWSettings(Rate: 3e-3)
        );
        List<double> losses = [];
        for (int step = 0; step < 25; step++)
        {
            _ = Gradients(model, ids);
            optimizer.Step(1);
            model.Parameters.ZeroGrad();
            model.AfterStep();
            losses.Add(model.Metrics.First(m => m.Name == "indexer_loss").Value);
        }
        losses[^1].ShouldBeLessThan(0.8 * losses[0]);
    }

    /// <summary>Computing blocks twice gives the same gradients, hash layers, indexers and prediction modules included.</summary>
    [Fact]
    public void Blocks_that_are_computed_again_give_the_same_gradients()
    {
        string config = Config.Replace(
            "\"hc_mult\"",
            "\"indexer_loss\": \"sparse\", \"output_router_logits\": true, \"hc_mult\"",
            StringComparison.Ordinal
        );
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, 3);
        int[] ids = [.. Enumerable.Range(0, Length).Select(i => (i * 37 + 11) % Vocabulary)];
        double loss = Gradients(model, ids);
        Dictionary<string, float[]> first = model
            .Parameters.Where(p => p.Tensor.Grad is not null)
            .ToDictionary(p => p.Name, p => p.Tensor.Grad!.ToArray());
        model.Parameters.ZeroGrad();
        model.Recompute = true;
        Gradients(model, ids).ShouldBe(loss);
        foreach ((string name, float[] gradient) in first)
        {
            model.Parameters[name].Grad!.ToArray().ShouldBe(gradient, name);
        }
    }

    private float[] Logits(CausalLm model, int[]? ids = null)
    {
        ids ??= [.. Enumerable.Range(0, Length).Select(i => (i * 37 + 11) % Vocabulary)];
        using StepScope step = _device.Step();
        return model
            .Logits(model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length)))
            .ToArray();
    }

    private double Gradients(CausalLm model, int[] ids)
    {
        using StepScope step = _device.Step(record: true);
        int[] labels = [.. ids.Skip(1), Ops.IgnoreLabel];
        Tensor loss = model.Loss(
            _device.Rent(new Shape(1, ids.Length), ids),
            _device.Rent(new Shape(1, ids.Length), labels),
            ids.Length - 1,
            ForwardContext.Rows(_device, 1, ids.Length)
        );
        double value = loss.Item();
        _device.Tape.Backward(loss);
        return value;
    }

    private double Step(CausalLm model, AdamW optimizer, int[] ids)
    {
        double loss = Gradients(model, ids);
        optimizer.Step(1, GradientClip.Factor(GradientClip.Norm(model.Parameters), 1));
        model.Parameters.ZeroGrad();
        model.AfterStep();
        return loss;
    }
}
