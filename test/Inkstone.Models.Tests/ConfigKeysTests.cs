using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>A key that would change the numbers is read or refused; none is passed over.</summary>
public sealed class ConfigKeysTests
{
    private const string Sizes = """
        "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64
        """;

    [Fact]
    public void A_family_that_is_there_cannot_be_added() =>
        Should
            .Throw<ArgumentException>(() => ModelFamilies.Add(ModelFamilies.All[0] with { Keys = [] }))
            .Message.ShouldContain("\"llama\" already");

    [Theory]
    [InlineData("llama", "\"partial_rotary_factor\": 0.5", "partial_rotary_factor")]
    [InlineData("llama", "\"attn_logit_softcapping\": 50.0", "attn_logit_softcapping")]
    [InlineData("qwen2", "\"residual_multiplier\": 0.22", "residual_multiplier")]
    [InlineData("qwen3", "\"num_experts\": 8", "num_experts")]
    [InlineData("mistral", "\"query_pre_attn_scalar\": 24", "query_pre_attn_scalar")]
    [InlineData("llama", "\"no_rope_layers\": [1, 0]", "no_rope_layers")]
    [InlineData("llama", "\"quantization_config\": {\"quant_method\": \"awq\"}", "quantization_config")]
    [InlineData("llama", "\"rope_scaling\": {\"rope_type\": \"spiral\", \"factor\": 2.0}", "spiral")]
    [InlineData("llama", "\"hidden_act\": \"mish\"", "mish")]
    [InlineData(
        "llama",
        "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2.0, \"partial_rotary_factor\": 0.5}",
        "partial_rotary_factor"
    )]
    [InlineData(
        "qwen2",
        "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0, \"partial_rotary_factor\": 0.25}",
        "partial_rotary_factor"
    )]
    [InlineData("llama", "\"rope_thta\": 500000.0", "\"rope_theta\" is not there")]
    [InlineData("qwen3", "\"tie_word_embedding\": true", "\"tie_word_embeddings\" is not there")]
    [InlineData("llama", "\"rms_norm_esp\": 0.00001", "\"rms_norm_eps\" is not there")]
    public void Keys_that_change_the_numbers_and_are_not_read_are_refused_by_name(string family, string key, string named) =>
        Should
            .Throw<InvalidDataException>(() => Describe($$"""{"model_type": "{{family}}", {{Sizes}}, {{key}}}"""))
            .Message.ShouldContain(named);

    [Theory]
    [InlineData(
        "llama",
        "\"partial_rotary_factor\": 1.0, \"attn_logit_softcapping\": null, \"num_experts\": 0, \"use_qk_norm\": false, \"pretraining_tp\": 1, \"auto_map\": {\"a\": \"b\"}"
    )]
    [InlineData("llama", "\"sliding_window\": 4096, \"hidden_act\": \"swish\", \"attention_dropout\": 0.1")]
    [InlineData("llama", "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2.0}")]
    [InlineData("llama", "\"boi_token_id\": 5, \"_rms_norm_eps\": 1, \"eod_token_id\": 6, \"my_own_note\": \"x\", \"hidden_sizes\": [1]")] // names of tokens, and a slip where the right key is there
    [InlineData("llama", "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0, \"partial_rotary_factor\": 1.0}")]
    [InlineData(
        "qwen2",
        "\"use_sliding_window\": false, \"sliding_window\": 131072, \"layer_types\": [\"full_attention\", \"full_attention\"]"
    )]
    [InlineData(
        "deepseek_v3",
        "\"aux_loss_alpha\": 0.001, \"topk_method\": \"noaux_tc\", \"n_routed_experts\": 8, \"num_experts_per_tok\": 2, \"first_k_dense_replace\": 1"
    )]
    public void Keys_that_change_nothing_are_passed_over(string family, string keys) =>
        Describe($$"""{"model_type": "{{family}}", {{Sizes}}, {{keys}}}""");

    /// <summary>Numbers that would make positions or norms infinite.</summary>
    [Theory]
    [InlineData("\"rope_theta\": 0", "\"rope_theta\" must be above 0")]
    [InlineData("\"rope_parameters\": {\"rope_theta\": -1.0}", "\"rope_theta\" must be above 0")]
    [InlineData("\"rms_norm_eps\": -1e-6", "\"rms_norm_eps\" must be 0 or more")]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 0.0}", "\"factor\" must be above 0")]
    [InlineData("\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": -4.0}", "\"factor\" must be above 0")]
    [InlineData(
        "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 4.0, \"high_freq_factor\": 1.0}",
        "\"high_freq_factor\" must be above"
    )]
    [InlineData(
        "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 1, 0, 1], \"long_factor\": [1, 1, 1, 1]}",
        "numbers above 0"
    )]
    public void Numbers_out_of_range_are_refused_by_key(string keys, string said) =>
        Should
            .Throw<InvalidDataException>(() => Describe($$"""{"model_type": "llama", {{Sizes}}, {{keys}}}"""))
            .Message.ShouldContain(said);

    /// <summary>A layer's parameters follow from keys that the family lists: each one listed is one that its configuration asks
    /// for.</summary>
    [Fact]
    public void Families_have_names_of_their_own_and_keys_without_repeats()
    {
        ModelFamilies.All.Select(f => f.ModelType).ShouldBeUnique();
        foreach (ModelFamily family in ModelFamilies.All)
        {
            family.Keys.ShouldBeUnique(family.ModelType);
            family.Keys.Intersect(family.Harmless).ShouldBeEmpty(family.ModelType);
        }
    }

    [Fact]
    public void A_tied_head_of_its_own_is_noticed()
    {
        using Device device = new(1);
        string place = Directory.CreateTempSubdirectory("ink-").FullName;
        try
        {
            string tied = Path.Combine(place, "tied"),
                apart = Path.Combine(place, "apart");
            string config = $$"""{"model_type": "llama", {{Sizes}}, "tie_word_embeddings": TIED}""";
            using (
                CausalLm model = Pretrained.New(HfConfig.Parse(config.Replace("TIED", "false", StringComparison.Ordinal)), device, seed: 1)
            )
            {
                Pretrained.Save(model, apart);
            }
            File.WriteAllText(Path.Combine(apart, "config.json"), config.Replace("TIED", "true", StringComparison.Ordinal));
            Should.Throw<InvalidDataException>(() => Pretrained.Open(apart, device)).Message.ShouldContain("tie_word_embeddings");
            // The same numbers a second time are no contradiction.
            using (
                CausalLm model = Pretrained.New(HfConfig.Parse(config.Replace("TIED", "true", StringComparison.Ordinal)), device, seed: 1)
            )
            {
                Directory.CreateDirectory(tied);
                File.WriteAllText(Path.Combine(tied, "config.json"), config.Replace("TIED", "true", StringComparison.Ordinal));
                SafetensorsWriter.WriteModel(
                    tied,
                    [
                        .. model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor)),
                        new NamedTensor("lm_head.weight", model.OutputWeight),
                    ]
                );
            }
            using CausalLm loaded = Pretrained.Open(tied, device);
            loaded.IsTied.ShouldBeTrue();
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    /// <summary>What a family says of its memory is what it takes.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Caches_take_the_bytes_that_are_told_beforehand(string family)
    {
        using Device device = new(1);
        using CausalLm sizes = Pretrained.Describe(Small(family), device),
            model = Pretrained.New(Small(family), device, seed: 3);
        using PagedCache cache = model.NewCache(40);
        sizes.CacheBytes(40).ShouldBe(cache.Bytes);
        sizes.Parameters.Select(p => (p.Name, p.Tensor.Shape)).ShouldBe(model.Parameters.Select(p => (p.Name, p.Tensor.Shape)));
        sizes.ActivationsPerToken.ShouldBeGreaterThan(0);
    }

    /// <summary>Every family can be made anew, and continues a text with its cache as without.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Token_by_token_gives_the_whole(string family)
    {
        using Device device = new(2);
        using CausalLm model = Pretrained.New(Small(family), device, seed: 5);
        int[] ids = [.. Enumerable.Range(0, 21).Select(i => (i * 37 + 11) % 97)];
        float[] whole;
        using (device.Step())
        {
            whole = model
                .Logits(model.Hidden(device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(device, 1, ids.Length)))
                .Span.ToArray();
        }
        float largest = whole.Max(MathF.Abs);
        using PagedCache cache = model.NewCache(ids.Length);
        CachedSequence text = cache.TryNew()!;
        foreach ((int from, int count) in new[] { (0, 5), (5, 1), (6, 7), (13, 1), (14, 7) })
        {
            using StepScope step = device.Step();
            Tensor part = device.Rent(new Shape(1, count), ids.AsSpan(from, count));
            float[] logits = model.Logits(model.Hidden(part, ForwardContext.Next(text, count, ids.Length))).Span.ToArray();
            for (int i = 0; i < logits.Length; i++)
            {
                Math.Abs(logits[i] - whole[from * 97 + i]).ShouldBeLessThan(2e-5f * largest, $"{family} token {from + i / 97}");
            }
        }
    }

    /// <summary>Every state begins anew with a document: attention, convolutions, recurrences, choices of keys.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Packed_documents_give_what_each_gives_alone(string family)
    {
        using Device device = new(2);
        using CausalLm model = Pretrained.New(Small(family), device, seed: 5);
        int[] ids = [.. Enumerable.Range(0, 24).Select(i => (i * 37 + 11) % 97)];
        (int From, int Count)[] documents = [(0, 9), (9, 1), (10, 14)];
        float[] packed;
        using (device.Step())
        {
            int[] starts = [.. documents.SelectMany(d => Enumerable.Repeat(d.From, d.Count))];
            packed = model
                .Logits(
                    model.Hidden(
                        device.Rent(new Shape(1, ids.Length), ids),
                        ForwardContext.Packed(device.Rent(new Shape(1, ids.Length), starts))
                    )
                )
                .ToArray();
        }
        float largest = packed.Max(MathF.Abs);
        // The gated delta rule adds up logarithms of decays over a chunk, documents before included, and loses what their sum rounds away.
        float bound =
            family is "qwen3_next"
            || family.StartsWith("qwen3_5", StringComparison.Ordinal)
            || family.StartsWith("qwen4", StringComparison.Ordinal)
                ? 5e-5f
                : 1e-5f;
        foreach ((int from, int count) in documents)
        {
            using StepScope step = device.Step();
            float[] alone = model
                .Logits(model.Hidden(device.Rent(new Shape(1, count), ids.AsSpan(from, count)), ForwardContext.Rows(device, 1, count)))
                .ToArray();
            for (int i = 0; i < alone.Length; i++)
            {
                Math.Abs(alone[i] - packed[from * 97 + i]).ShouldBeLessThan(bound * largest, $"{family} token {from + i / 97}");
            }
        }
    }

    /// <summary>A base of an adapter, and a model that only answers, lie in bfloat16: the same logits but for the rounding of
    /// weights.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Weights_in_half_precision_give_nearly_the_same(string family)
    {
        using Device device = new(2);
        using CausalLm exact = Pretrained.New(Small(family), device, seed: 5),
            rounded = Pretrained.New(Small(family), device, seed: 5, DType.BFloat16);
        float[] a = Logits(exact),
            b = Logits(rounded);
        double difference = Math.Sqrt(a.Zip(b).Sum(p => Math.Pow(p.First - p.Second, 2)) / a.Sum(x => (double)x * x));
        difference.ShouldBeLessThan(0.25); // unrelated logits differ by 1.4; weights of this size round coarsely, and a token near a border may choose another expert

        float[] Logits(CausalLm model)
        {
            int[] ids = [.. Enumerable.Range(0, 21).Select(i => (i * 37 + 11) % 97)];
            using StepScope step = device.Step();
            return model
                .Logits(model.Hidden(device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(device, 1, ids.Length)))
                .Span.ToArray();
        }
    }

    public static TheoryData<string> Families => [.. ModelFamilies.All.Select(f => f.ModelType)];

    internal static HfConfig Small(string family)
    {
        string text = $$"""
            {"model_type": "{{family}}", {{Sizes}}, "initializer_range": 0.3, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16,
            "sliding_window": 9, "q_lora_rank": 12, "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 4, "n_group": 1, "topk_group": 1,
            "first_k_dense_replace": 1, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "partial_rotary_factor": 0.5,
            "linear_num_heads": 2, "linear_head_dim": 8, "conv_bias": true, "full_attn_idxs": [1], "block_auto_adjust_ff_dim": false, "num_experts_per_token": 2, "mtp_num_hidden_layers": 1,
            "index_n_heads": 8, "index_head_dim": 8, "index_topk": 6,
            "hc_count": 3, "hc_lowrank": 6, "ple_layer_ids": [2], "ple_embed_dim": 16, "ngram_size": 3, "heads_per_ngram": 2, "ngram_vocab_size_base": 50, "make_ngram_vocab_size_divisible_by": 8,
            "split_ngram_parts": 3, "indexer_n_heads": 3, "indexer_head_dim": 8, "indexer_budget": 7, "indexer_compress_ratio": 3, "eos_token_id": 3}
            """;
        string[] known = [.. ConfigKeys.Common, .. ModelFamilies.All.First(f => f.ModelType == family).Keys];
        System.Text.Json.Nodes.JsonObject json = System.Text.Json.Nodes.JsonNode.Parse(text)!.AsObject();
        foreach (string key in json.Select(p => p.Key).Where(key => !known.Contains(key)).ToArray())
        {
            json.Remove(key);
        }
        (int Layers, string[] Types)? kinds = family switch
        {
            "lfm3" => (4, ["conv", "sliding_attention", "full_attention", "conv"]),
            "kimi_linear" => (3, ["linear_attention", "full_attention", "linear_attention"]),
            "qwen4_exp" or "qwen4_exp_text" => (3, ["linear_attention", "linear_attention", "indexed_attention"]),
            "deepseek_v4" => (
                4,
                ["sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention", "compressed_sparse_attention"]
            ),
            _ => null,
        };
        if (kinds is { } k)
        {
            (json["num_hidden_layers"], json["layer_types"]) = (
                k.Layers,
                new System.Text.Json.Nodes.JsonArray([.. k.Types.Select(type => (System.Text.Json.Nodes.JsonNode)type)])
            );
        }
        if (family == "deepseek_v4")
        {
            json.Remove("intermediate_size");
            (
                json["head_dim"],
                json["o_groups"],
                json["o_lora_rank"],
                json["compress_rate_hca"],
                json["num_hash_layers"],
                json["num_nextn_predict_layers"]
            ) = (16, 2, 8, 8, 1, 1);
        }
        return family is "qwen3_5" or "qwen3_5_moe" or "qwen4_exp" or "gemma3"
            ? HfConfig.Parse(new System.Text.Json.Nodes.JsonObject { ["model_type"] = family, ["text_config"] = json }.ToJsonString())
            : HfConfig.Parse(json.ToJsonString());
    }

    private static void Describe(string config)
    {
        using Device device = new(1);
        using CausalLm model = Pretrained.Describe(HfConfig.Parse(config), device);
        model.Parameters.Count.ShouldBeGreaterThan(0);
    }
}
