using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Inference.Tests;

/// <summary>Texts that are made side by side are those that each would be alone, whatever the engine does to fit them in.</summary>
public sealed class EngineTests : IDisposable
{
    private const string Sizes =
        "\"vocab_size\":97,\"hidden_size\":32,\"intermediate_size\":48,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"max_position_embeddings\":400,\"initializer_range\":0.3";

    private readonly Device _device = new(threads: 2);

    public static TheoryData<string> Configs =>
        [
            "{\"model_type\":\"llama\",\"num_hidden_layers\":2," + Sizes + "}",
            "{\"model_type\":\"qwen2\",\"num_hidden_layers\":3,\"use_sliding_window\":true,\"sliding_window\":20,\"max_window_layers\":1,"
                + Sizes
                + "}",
            "{\"model_type\":\"deepseek_v3\",\"num_hidden_layers\":2,\"q_lora_rank\":12,\"kv_lora_rank\":16,\"qk_nope_head_dim\":8,\"qk_rope_head_dim\":6,\"v_head_dim\":10,\"n_routed_experts\":4,\"num_experts_per_tok\":2,"
                + "\"n_group\":1,\"topk_group\":1,\"moe_intermediate_size\":20,\"n_shared_experts\":1,\"first_k_dense_replace\":1,"
                + Sizes
                + "}",
            "{\"model_type\":\"qwen3_next\",\"num_hidden_layers\":4,\"head_dim\":16,\"partial_rotary_factor\":0.25,\"linear_key_head_dim\":8,\"linear_value_head_dim\":12,\"linear_num_key_heads\":2,\"linear_num_value_heads\":4,"
                + "\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":20,\"shared_expert_intermediate_size\":24,\"mlp_only_layers\":[1],"
                + Sizes
                + "}",
            "{\"model_type\":\"deepseek_v32\",\"num_hidden_layers\":2,\"q_lora_rank\":12,\"kv_lora_rank\":16,\"qk_nope_head_dim\":8,\"qk_rope_head_dim\":6,\"v_head_dim\":10,\"n_routed_experts\":4,\"num_experts_per_tok\":2,"
                + "\"n_group\":1,\"topk_group\":1,\"moe_intermediate_size\":20,\"n_shared_experts\":1,\"first_k_dense_replace\":1,\"index_n_heads\":8,\"index_head_dim\":12,\"index_topk\":24,"
                + Sizes
                + "}",
            "{\"model_type\":\"lfm3\",\"num_hidden_layers\":5,\"layer_types\":[\"conv\",\"conv\",\"full_attention\",\"conv\",\"sliding_attention\"],\"sliding_window\":20,\"conv_L_cache\":5,"
                + Sizes
                + "}",
            "{\"model_type\":\"kimi_linear\",\"num_hidden_layers\":4,\"linear_num_heads\":2,\"linear_head_dim\":12,\"kv_lora_rank\":16,\"qk_nope_head_dim\":8,\"qk_rope_head_dim\":6,\"v_head_dim\":10,"
                + "\"layer_types\":[\"linear_attention\",\"linear_attention\",\"full_attention\",\"linear_attention\"],\"num_experts\":4,\"num_experts_per_token\":2,\"moe_intermediate_size\":20,"
                + Sizes
                + "}",
            "{\"model_type\":\"qwen4_exp_text\",\"num_hidden_layers\":4,\"head_dim\":16,\"partial_rotary_factor\":0.5,\"linear_key_head_dim\":8,\"linear_value_head_dim\":12,\"linear_num_key_heads\":2,\"linear_num_value_heads\":4,"
                + "\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":20,\"shared_expert_intermediate_size\":24,\"hc_count\":3,\"hc_lowrank\":6,\"ple_layer_ids\":[3,2],\"ple_embed_dim\":24,\"ngram_size\":4,"
                + "\"heads_per_ngram\":2,\"ngram_vocab_size_base\":90,\"split_ngram_parts\":3,\"indexer_n_heads\":4,\"indexer_head_dim\":8,\"indexer_budget\":20,\"indexer_compress_ratio\":5,\"eos_token_id\":3,"
                + Sizes
                + "}",
            "{\"model_type\":\"exaone4\",\"num_hidden_layers\":3,\"sliding_window\":20,\"sliding_window_pattern\":3," + Sizes + "}",
            "{\"model_type\":\"starcoder2\",\"num_hidden_layers\":2,\"sliding_window\":20," + Sizes + "}",
            "{\"model_type\":\"deepseek_v4\",\"num_hidden_layers\":4,\"head_dim\":16,\"q_lora_rank\":12,\"o_groups\":2,\"o_lora_rank\":8,\"sliding_window\":20,\"compress_rates\":{\"compressed_sparse_attention\":4,\"heavily_compressed_attention\":32},"
                + "\"layer_types\":[\"sliding_attention\",\"compressed_sparse_attention\",\"heavily_compressed_attention\",\"compressed_sparse_attention\"],\"hc_mult\":3,\"index_n_heads\":8,\"index_head_dim\":12,\"index_topk\":5,"
                + "\"partial_rotary_factor\":0.25,\"num_hash_layers\":1,\"n_routed_experts\":4,\"num_experts_per_tok\":2,"
                + Sizes
                + "}",
        ];

    public void Dispose() => _device.Dispose();

    [Theory]
    [MemberData(nameof(Configs))]
    public void Texts_are_those_that_each_gives_alone(string config)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, seed: 4);
        GenerationRequest[] requests = Requests(32);
        int[][] alone = [.. requests.Select(r => new Generator(model).Generate(r.Prompt, r.Sampling).ToArray())];
        alone.Select(ids => string.Join(',', ids)).Distinct().Count().ShouldBeGreaterThan(20, "the texts differ");
        foreach (
            EngineOptions options in (EngineOptions[])
                [
                    new() { MaxSequences = 32 },
                    new() { MaxSequences = 5, MaxBatchTokens = 23 }, // prompts in parts, texts that wait
                    new()
                    {
                        MaxSequences = 16,
                        MaxBatchTokens = 64,
                        CacheTokens = 700,
                        MaxLength = 250,
                    }, // memory for two or three of them
                    new() { MaxSequences = 16, PrefixSharing = false },
                    new()
                    {
                        MaxSequences = 6,
                        Guesses = 5,
                        MaxBatchTokens = 40,
                    },
                ]
        )
        {
            using Engine engine = new(model, null, options);
            Generation[] together = [.. requests.Select(engine.Add)];
            while (engine.Step()) { }
            for (int i = 0; i < requests.Length; i++)
            {
                together[i].Ids.ToArray().ShouldBe(alone[i], $"text {i} of {options}");
                together[i].FinishReason.ShouldBe(FinishReason.Length);
            }
            engine.Statistics.CacheTokensUsed.ShouldBe(0, "all memory came back");
            (engine.Statistics.Preemptions > 0).ShouldBe(options.CacheTokens > 0);
            (engine.Statistics.CachedTokens > 0).ShouldBe(options.PrefixSharing, $"{options}");
            (engine.Statistics.Guessed > 0).ShouldBe(options.Guesses > 0, "layers that keep a state go back too");
        }
    }

    [Fact]
    public void What_prompts_have_in_common_is_computed_once()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        using Engine engine = new(model);
        int[] prompt = Ids(200, 1);
        Generation[] group =
        [
            .. Enumerable
                .Range(0, 8)
                .Select(i =>
                    engine.Add(
                        new GenerationRequest(prompt, new SamplingParams(Temperature: 1, MaxTokens: 5, Seed: (ulong)i, IgnoreEos: true))
                    )
                ),
        ];
        while (engine.Step()) { }
        group[0].CachedTokens.ShouldBe(0);
        group.Skip(1).ShouldAllBe(g => g.CachedTokens == 192);
    }

    [Fact]
    public void Guesses_save_steps_and_change_nothing()
    {
        // A model that writes in circles: what comes was there before.
        using CausalLm model = ChainModel.Make(_device, 97, ChainModel.Chain([.. Enumerable.Range(20, 9), 20]), "");
        int[] prompt = [.. Enumerable.Range(20, 9), 20, 21];
        int[] alone = [.. new Generator(model).Generate(prompt, SamplingParams.Greedy(60, ignoreEos: true))];
        using Engine engine = new(model, null, new EngineOptions { Guesses = 4 });
        Generation text = engine.Add(new GenerationRequest(prompt, SamplingParams.Greedy(60, ignoreEos: true)));
        while (engine.Step()) { }
        text.Ids.ToArray().ShouldBe(alone);
        engine.Statistics.Steps.ShouldBeLessThan(20);
        (engine.Statistics.Accepted, engine.Statistics.GeneratedTokens).ShouldBe((60 - engine.Statistics.Steps, 60));
    }

    /// <summary>A draft that is the model itself is always right; another one is sometimes, and the texts are those of the model
    /// alone.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_draft_model_saves_steps_and_changes_nothing(bool same)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        using CausalLm other = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 9);
        GenerationRequest[] requests = same
            ? [.. Requests(9).Select(r => r with { Sampling = SamplingParams.Greedy(20, ignoreEos: true) })]
            : Requests(9);
        int[][] alone = [.. requests.Select(r => new Generator(model).Generate(r.Prompt, r.Sampling).ToArray())];
        using Engine engine = new(
            model,
            null,
            new EngineOptions
            {
                MaxSequences = 4,
                MaxBatchTokens = 60,
                Guesses = 3,
                Draft = same ? model : other,
            }
        );
        Generation[] together = [.. requests.Select(engine.Add)];
        while (engine.Step()) { }
        together.Select(t => t.Ids.ToArray()).ShouldBe(alone);
        engine.Statistics.Guessed.ShouldBeGreaterThan(20);
        if (same)
        {
            engine.Statistics.Accepted.ShouldBe(engine.Statistics.Guessed, "it guesses what it would choose");
        }
        engine.Statistics.CacheTokensUsed.ShouldBe(0);
    }

    /// <summary>A text that was asked for first is not kept waiting by a long prompt that came later.</summary>
    [Fact]
    public void A_long_prompt_does_not_stop_the_others()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        using Engine engine = new(model, null, new EngineOptions { MaxBatchTokens = 20 });
        Generation first = engine.Add(new GenerationRequest(Ids(5, 1), SamplingParams.Greedy(30, ignoreEos: true)));
        _ = engine.Step();
        Generation second = engine.Add(new GenerationRequest(Ids(300, 2), SamplingParams.Greedy(3, ignoreEos: true)));
        for (int i = 0; i < 12; i++)
        {
            int before = first.Ids.Length;
            _ = engine.Step();
            first.Ids.Length.ShouldBe(before + 1);
        }
        second.Ids.Length.ShouldBe(0);
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_whole_text()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        int[] prompt = Ids(90, 3);
        using Engine engine = new(model, null, new EngineOptions { MaxBatchTokens = 25 });
        Generation g = engine.Add(
            new GenerationRequest(prompt, new SamplingParams(Temperature: 0.7f, MaxTokens: 6, Seed: 3, IgnoreEos: true))
            {
                LogProbs = 4,
                PromptLogProbs = 1,
            }
        );
        while (engine.Step()) { }
        int[] ids = [.. prompt, .. g.Ids];
        double[][] rows = LogProbs(model, ids);
        g.PromptLogProbs.Count.ShouldBe(89);
        for (int i = 1; i < 90; i++)
        {
            TokenLogProb p = g.PromptLogProbs[i - 1];
            p.Id.ShouldBe(ids[i]);
            ((double)p.LogProb).ShouldBe(rows[i - 1][ids[i]], 1e-4);
            p.IsLikeliest.ShouldBe(rows[i - 1].Max() == rows[i - 1][ids[i]]);
        }
        for (int i = 90; g.TryRead(out GenerationOutput output); i++)
        {
            ((double)output.LogProb).ShouldBe(rows[i - 1][ids[i]], 1e-4);
            int[] likeliest = [.. Enumerable.Range(0, 97).OrderByDescending(id => rows[i - 1][id]).Take(4)];
            output.Top.Select(t => t.Id).ShouldBe(likeliest);
            ((double)output.Top[3].LogProb).ShouldBe(rows[i - 1][likeliest[3]], 1e-4);
        }

        // Only the end of a prompt: what lies before may come from the cache.
        Generation end = engine.Add(new GenerationRequest(prompt, SamplingParams.Greedy(0)) { PromptLogProbs = 70 });
        while (engine.Step()) { }
        (end.FinishReason, end.CachedTokens, end.Ids.Length).ShouldBe((FinishReason.Length, 64, 0));
        end.PromptLogProbs.Select(p => p.Id).ShouldBe(prompt[70..]);
        end.PromptLogProbs.Zip(g.PromptLogProbs.Skip(69)).ShouldAllBe(p => Math.Abs(p.First.LogProb - p.Second.LogProb) < 2e-5);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(2, false)]
    public void Each_text_wears_the_adapter_it_asked_for(int family, bool dora)
    {
        using TemporaryDirectory directory = new();
        using (CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.ElementAt(family)), _device, seed: 4))
        {
            Pretrained.Save(model, directory["base"]);
        }
        string[] names = ["none", "one", "two"];
        foreach (string name in names[1..])
        {
            using CausalLm model = PeftAdapter.New(
                directory["base"],
                new LoraConfig(4, 8, ["all-linear"]) { Dora = dora },
                seed: 1,
                _device
            );
            foreach (Parameter p in model.Adapter!.Parameters.Where(p => p.Name.Contains("lora_B", StringComparison.Ordinal)))
            {
                new PhiloxRandom(name == "one" ? 1u : 2u, 3).FillNormal(p.Tensor.Span, 0.5f);
            }
            Directory.CreateDirectory(directory[name]);
            PeftAdapter.Write(model.Adapter, directory[name], directory["base"]);
        }
        GenerationRequest[] requests = [.. Requests(12).Select((r, i) => r with { Adapter = i % 3 == 0 ? null : names[i % 3] })];
        int[][] alone = new int[requests.Length][];
        for (int n = 0; n < 3; n++)
        {
            using CausalLm model =
                n == 0
                    ? Pretrained.Open(directory["base"], _device, trained: false)
                    : PeftAdapter.Open(directory["base"], directory[names[n]], _device, trained: false);
            for (int i = n; i < requests.Length; i += 3)
            {
                alone[i] = [.. new Generator(model).Generate(requests[i].Prompt, requests[i].Sampling)];
            }
        }
        using CausalLm together = Pretrained.Open(directory["base"], _device, trained: false);
        using (
            Engine engine = new(
                together,
                null,
                new EngineOptions { MaxSequences = 7, Adapters = names[1..].ToDictionary(n => n, n => directory[n]) }
            )
        )
        {
            Generation[] texts = [.. requests.Select(engine.Add)];
            while (engine.Step()) { }
            for (int i = 0; i < texts.Length; i++)
            {
                texts[i].Ids.ToArray().ShouldBe(alone[i], $"text {i} with {requests[i].Adapter}");
            }
        }
        new Generator(together).Generate(requests[0].Prompt, requests[0].Sampling).ShouldBe(alone[0], "the model wears none any more");
    }

    [Fact]
    public void A_mask_decides_what_may_come()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        using Engine engine = new(model);
        Generation g = engine.Add(
            new GenerationRequest(Ids(9, 1), new SamplingParams(Temperature: 1.5f, MaxTokens: 50)) { Mask = new Counting(10, 17) }
        );
        while (engine.Step()) { }
        g.Ids.ToArray().ShouldBe([10, 11, 12, 13, 14, 15, 16, 17]);
        g.FinishReason.ShouldBe(FinishReason.Stop);
    }

    [Fact]
    public async Task Many_readers_at_once_and_one_that_leaves()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        GenerationRequest[] requests = Requests(12);
        int[][] alone = [.. requests.Select(r => new Generator(model).Generate(r.Prompt, r.Sampling).ToArray())];
        Text.Tokenizer tokenizer = Text.BpeTrainer.TrainText(["a"], new Text.BpeTrainerOptions(259, Text.SplitPattern.Gpt2));
        await using AsyncEngine engine = new(model, tokenizer, new EngineOptions { MaxSequences = 4, MaxWaiting = 9 });
        using CancellationTokenSource leaves = new();
        Generation endless = engine.Submit(new GenerationRequest(Ids(3, 1), SamplingParams.Greedy(390, ignoreEos: true)));
        Task reader = Task.Run(async () =>
        {
            await foreach (GenerationOutput output in endless.ReadAllAsync(leaves.Token))
            {
                if (endless.Ids.Length > 4)
                {
                    await leaves.CancelAsync();
                }
            }
        });
        Generation[] generations = [.. requests.Select(engine.Submit)];
        Should.Throw<EngineBusyException>(() => engine.Submit(requests[0]));
        int[][] read = await Task.WhenAll(
            generations.Select(async g =>
            {
                List<int> ids = [];
                await foreach (GenerationOutput output in g.ReadAllAsync())
                {
                    if (output.Id >= 0)
                    {
                        ids.Add(output.Id);
                    }
                }
                return ids.ToArray();
            })
        );
        read.ShouldBe(alone);
        await Should.ThrowAsync<OperationCanceledException>(() => reader);
        float[] vector = await engine.EmbedAsync(Ids(20, 5), Pooling.Mean);
        vector.Sum(x => (double)x * x).ShouldBe(1, 1e-5);
        await engine.DrainAsync(TimeSpan.FromSeconds(30));
        endless.FinishReason.ShouldBe(FinishReason.Cancelled);
        engine.Statistics.CacheTokensUsed.ShouldBe(0);
        Should.Throw<EngineBusyException>(() => engine.Submit(requests[0]));
    }

    [Fact]
    public void Requests_that_make_no_sense_are_refused()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse((string)Configs.First()), _device, seed: 4);
        using Engine engine = new(model);
        Should
            .Throw<ArgumentException>(() => engine.Add(new GenerationRequest([], new SamplingParams())))
            .Message.ShouldContain("no tokens");
        Should.Throw<ArgumentException>(() => engine.Add(new GenerationRequest([97], new SamplingParams()))).Message.ShouldContain("97");
        Should
            .Throw<ArgumentException>(() => engine.Add(new GenerationRequest(Ids(400, 1), new SamplingParams())))
            .Message.ShouldContain("400");
        Should
            .Throw<ArgumentException>(() => engine.Add(new GenerationRequest([1], new SamplingParams()) { Adapter = "tuned" }))
            .Message.ShouldContain("tuned");
    }

    /// <summary>Prompts of many lengths, some of which begin alike; greedy and drawn, with penalties.</summary>
    internal static GenerationRequest[] Requests(int count)
    {
        int[] common = Ids(70, 99);
        return
        [
            .. Enumerable
                .Range(0, count)
                .Select(i => new GenerationRequest(
                    i % 3 == 0 ? [.. common, .. Ids(1 + i, i)] : Ids(1 + i * 37 % 150, i),
                    (i % 4) switch
                    {
                        0 => SamplingParams.Greedy(10 + i, ignoreEos: true),
                        1 => new SamplingParams(Temperature: 1, MaxTokens: 20, Seed: (ulong)i, IgnoreEos: true),
                        2 => new SamplingParams(Temperature: 1.3f, TopK: 20, TopP: 0.9f, MaxTokens: 5 + i, Seed: 7, IgnoreEos: true),
                        _ => new SamplingParams(
                            Temperature: 0.8f,
                            MinP: 0.05f,
                            RepetitionPenalty: 1.2f,
                            MaxTokens: 30,
                            Seed: (ulong)i,
                            IgnoreEos: true
                        ),
                    }
                )),
        ];
    }

    internal static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(97))];
    }

    private double[][] LogProbs(CausalLm model, int[] ids)
    {
        using StepScope step = _device.Step();
        float[] logits = model
            .Logits(model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length)))
            .Span.ToArray();
        return
        [
            .. logits
                .Chunk(97)
                .Select(row =>
                {
                    double max = row.Max(),
                        sum = max + Math.Log(row.Sum(x => Math.Exp(x - max)));
                    return row.Select(x => x - sum).ToArray();
                }),
        ];
    }

    /// <summary>Allows the numbers from one to another, in order.</summary>
    private sealed class Counting(int first, int last) : ITokenMask
    {
        private int _next = first;

        public bool CanEnd => _next > last;

        public bool IsFinished => _next > last;

        public void Fill(Span<ulong> allowed)
        {
            allowed.Clear();
            allowed[_next / 64] = 1UL << _next;
        }

        public bool Accept(int id)
        {
            _next += id == _next ? 1 : 0;
            return id == _next - 1;
        }
    }
}
