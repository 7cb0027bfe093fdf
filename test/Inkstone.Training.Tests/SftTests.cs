using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training.Tests;

public sealed class SftTests : IDisposable
{
    private const string Llama = """
        {"model_type": "llama", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05}
        """;

    private const string Latent = """
        {"model_type": "deepseek_v3", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "moe_intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8, "n_routed_experts": 4, "n_shared_experts": 1,
         "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "first_k_dense_replace": 1, "routed_scaling_factor": 1.0, "norm_topk_prob": true, "max_position_embeddings": 128,
         "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05, "num_nextn_predict_layers": 0}
        """;

    private const string Recurrent = """
        {"model_type": "qwen3_next", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24, "num_hidden_layers": 4,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "partial_rotary_factor": 0.25, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
         "linear_num_key_heads": 2, "linear_num_value_heads": 4, "num_experts": 4, "num_experts_per_tok": 2, "decoder_sparse_step": 1, "mlp_only_layers": [0], "norm_topk_prob": true,
         "full_attention_interval": 4, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05, "output_router_logits": false}
        """;

    private const string Streams = """
        {"model_type": "qwen4_exp_text", "vocab_size": 300, "hidden_size": 32, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24, "num_hidden_layers": 2, "layer_types": ["linear_attention", "indexed_attention"],
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "partial_rotary_factor": 0.25, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
         "num_experts": 4, "num_experts_per_tok": 2, "hc_count": 3, "hc_lowrank": 8, "ple_layer_ids": [1], "ple_embed_dim": 16, "heads_per_ngram": 2, "ngram_vocab_size_base": 60, "split_ngram_parts": 2,
         "indexer_n_heads": 3, "indexer_head_dim": 8, "indexer_budget": 9, "indexer_compress_ratio": 3, "eos_token_id": 0, "output_router_logits": true, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
         "initializer_range": 0.05}
        """;

    private const string Sparse = """
        {"model_type": "qwen3_moe", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "moe_intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "norm_topk_prob": true, "output_router_logits": true, "router_aux_loss_coef": 1.0,
         "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05}
        """;

    private readonly TemporaryDirectory _directory = new();
    private readonly Device _device = new(threads: 2);
    private readonly Tokenizer _tokenizer;

    public SftTests()
    {
        string[] words = ["red", "green", "blue", "seven", "eleven", "apple", "pear"];
        StringBuilder text = new(),
            conversations = new();
        for (int i = 0; i < 40; i++)
        {
            string question = $"what is {words[i % 7]} and {words[i * 3 % 5]}?",
                answer = string.Join(' ', Enumerable.Range(0, 1 + i % 6).Select(k => words[(i + k) % 7]));
            text.Append(question).Append(' ').Append(answer).Append('\n');
            conversations
                .Append($$"""{"messages":[{"role":"user","content":"{{question}}"},{"role":"assistant","content":"{{answer}}"}]}""")
                .Append('\n');
        }
        File.WriteAllText(_directory["text.txt"], text.ToString());
        File.WriteAllText(_directory["chat.jsonl"], conversations.ToString());
        _tokenizer = BpeTrainer
            .Train(
                [_directory["text.txt"]],
                new BpeTrainerOptions(300, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
                null,
                default
            )
            .WithChatTemplate(ChatTemplate.ChatMl);
        using CausalLm model = Pretrained.New(HfConfig.Parse(Llama), _device, 7);
        Pretrained.Save(model, _directory["model"]);
        _tokenizer.Save(_directory["model"]);
    }

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    /// <summary>How conversations share rows changes nothing in what is learned from them.</summary>
    [Theory]
    [InlineData(Llama)]
    [InlineData(Latent)]
    [InlineData(Recurrent)]
    [InlineData(Streams)]
    [InlineData(Sparse)]
    public void Packed_loss_is_unpacked_loss(string config)
    {
        ConversationSet set = ConversationSet.Make(
            new ConversationReader().Read([_directory["chat.jsonl"]]),
            [],
            Section(),
            new ChatMasks(ChatTemplate.For(_tokenizer), _tokenizer)
        );
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, 3);
        model.Pretraining = false; // as in every fine-tuning run: a step's end must not move the routers' bias
        Objective<Batch> objective = NextToken.Create(model, documentAware: true);
        Dictionary<string, (double Loss, double Norm, double[] Router)> found = [];
        foreach (Batching batching in Enum.GetValues<Batching>())
        {
            Batch batch = new(1, 64);
            new ExampleLoader(set.Train, new ExampleLoaderOptions(1000, 64, batching, Finite: true)).Next(batch).ShouldBeTrue();
            using (_device.Step(record: true))
            {
                Tensor loss = objective(batch, batch.LabelCount).Loss;
                _device.Tape.Backward(loss);
                model.AfterStep(); // load of routers, and what they add to the loss
                found[$"{batching}"] = (loss.Item(), Nn.GradientClip.Norm(model.Parameters), [.. model.Metrics.Select(f => f.Value)]);
            }
            model.Parameters.ZeroGrad();
        }
        foreach ((string how, (double loss, double norm, double[] router)) in found)
        {
            loss.ShouldBe(found["Padded"].Loss, 1e-5 * loss, how);
            norm.ShouldBe(found["Padded"].Norm, 1e-4 * norm, how);
            for (int i = 0; i < router.Length; i++)
            {
                router[i].ShouldBe(found["Padded"].Router[i], 1e-5, $"{how}: {model.Metrics[i].Name}");
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("adapter: {rank: 4, alpha: 8, dropout: 0.2, targets: all-linear}\n")]
    public void A_resumed_run_is_the_uninterrupted_one(string adapter)
    {
        Run(adapter, "whole", 8);
        Run(adapter, "parts", 8, stopAt: 3);
        Run(adapter, "parts", 8, resume: true).Progress.Step.ShouldBe(8);
        string file = adapter.Length > 0 ? PeftAdapter.WeightsFile : HfDirectory.WeightsFile;
        File.ReadAllBytes(_directory[$"parts/checkpoints/step-000008/{file}"])
            .ShouldBe(File.ReadAllBytes(_directory[$"whole/checkpoints/step-000008/{file}"]));
    }

    /// <summary>Two epochs hold every conversation twice, and no step more; stopped and resumed, within an epoch or at its end, they end in
    /// the same bits.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Epochs_hold_every_conversation_so_many_times(int stopAt)
    {
        const string length = "  epochs: 2\n  accumulation: 16\n  eval_every: 0\n";
        RunResult whole = Run("", "whole", null, more: length, batching: "padded");
        ConversationSet set = ConversationSet.Make(
            new ConversationReader().Read([_directory["chat.jsonl"]]),
            [],
            Section(),
            new ChatMasks(ChatTemplate.For(_tokenizer), _tokenizer)
        );
        long tokens = set.Train.Sum(e => e.Ids.Length - 1L);
        set.Train.Count.ShouldBeInRange(33, 40, "two steps of 32 rows in each epoch, the second with what is left");
        (whole.Progress.Step, whole.Progress.Tokens).ShouldBe((4, 2 * tokens));
        Run("", "parts", null, stopAt: stopAt, more: length, batching: "padded").Progress.Step.ShouldBe(stopAt);
        Run("", "parts", null, resume: true, more: length, batching: "padded").Progress.ShouldBe(whole.Progress);
        File.ReadAllBytes(_directory[$"parts/checkpoints/step-000004/{HfDirectory.WeightsFile}"])
            .ShouldBe(File.ReadAllBytes(_directory[$"whole/checkpoints/step-000004/{HfDirectory.WeightsFile}"]));
    }

    [Fact]
    public void Conversations_that_a_template_rewrites_are_learned_turn_by_turn_on_one_side_of_the_border()
    {
        File.WriteAllText(
            _directory["turns.jsonl"],
            string.Concat(
                Enumerable
                    .Range(0, 60)
                    .Select(i =>
                        $$"""
                            {"messages":[{"role":"user","content":"red {{i}}"},{"role":"assistant","content":"blue"},{"role":"user","content":"pear"},{"role":"assistant","content":"apple"}]}

                            """
                    )
            )
        );
        ChatTemplate template = new(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content ~ ('!' if loop.last) }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        );
        ConversationSet set = ConversationSet.Make(
            new ConversationReader().Read([_directory["turns.jsonl"]]),
            [],
            Section() with
            {
                ValidRatio = 0.3,
            },
            new ChatMasks(template, _tokenizer)
        );
        (set.Split, set.SplitExamples, set.TrainConversations + set.ValidConversations).ShouldBe((60, 120, 60));
        (set.Train.Count, set.Valid.Count).ShouldBe((2 * set.TrainConversations, 2 * set.ValidConversations));
        set.ValidConversations.ShouldBeInRange(5, 30);
    }

    [Fact]
    public void An_adapter_learns_and_leaves_the_best_and_the_last()
    {
        RunResult result = Run("adapter: {rank: 8, alpha: 32, targets: all-linear}\n", "lora", 40);
        result.Last!.Value.Loss.ShouldBeLessThan(0.8 * result.First!.Value.Loss);
        foreach (string place in (string[])["lora/final", "lora/best", "lora/checkpoints/step-000040"])
        {
            PeftAdapter.IsAdapter(_directory[place]).ShouldBeTrue(place);
            PeftAdapter.BaseOf(_directory[place]).ShouldBe(_directory["model"]);
        }
        File.Exists(_directory["lora/final/config.json"]).ShouldBeFalse("the model below is not copied");
        JsonNode.Parse(File.ReadAllText(_directory["lora/best/generation_config.json"]))!["eos_token_id"]!
            .GetValue<int>()
            .ShouldBe(2, "what ends an answer goes with the adapter");
        ChatTemplate.For(Tokenizer.Load(_directory["lora/final"])).Source.ShouldBe(ChatTemplate.ChatMl);
        using CausalLm tuned = PeftAdapter.Open(_directory["model"], _directory["lora/final"], _device);
        tuned.Adapter!.Parameters.Count.ShouldBe(2 * 2 * 7);
        tuned.EosTokenIds.ShouldBe([2]);
    }

    [Fact]
    public void An_adapter_learns_on_a_quantised_base()
    {
        using (CausalLm model = Pretrained.Open(_directory["model"], _device, trained: false))
        {
            Pretrained.SaveGguf(model, _directory["model.gguf"], GgufFileType.Q8_0, _directory["model"]);
        }
        Run("adapter: {rank: 4, alpha: 8, targets: all-linear, dora: true}\n", "decomposed", 3, model: "model.gguf", weights: "keep")
            .Interrupted.ShouldBeFalse();
        RunResult result = Run(
            "adapter: {rank: 8, alpha: 32, targets: all-linear}\n",
            "quantised",
            30,
            model: "model.gguf",
            weights: "keep"
        );
        result.Last!.Value.Loss.ShouldBeLessThan(0.85 * result.First!.Value.Loss);
        using CausalLm tuned = PeftAdapter.Open(
            _directory["model.gguf"],
            _directory["quantised/best"],
            _device,
            matrixType: null,
            trained: false
        );
        tuned.Parameters["model.layers.0.mlp.up_proj.weight"].DType.ShouldBe(DType.Q8_0);
        using CausalLm merged = PeftAdapter.Open(_directory["model.gguf"], _directory["quantised/best"], _device, trained: false);
        merged.Adapter!.Merge();
    }

    /// <summary>The ids of a checkpoint are those of the tokenizer beside it; what else the model's files say stays.</summary>
    [Fact]
    public void A_checkpoint_names_the_tokenizers_ids_and_keeps_the_models_settings()
    {
        string config = File.ReadAllText(_directory["model/config.json"]).TrimEnd();
        File.WriteAllText(
            _directory["model/config.json"],
            config[..^1] + ",\"bos_token_id\": 250, \"eos_token_id\": 251, \"untold\": [1.50, \"é\"]}"
        );
        File.WriteAllText(
            _directory["model/generation_config.json"],
            """{"repetition_penalty": 1.2, "eos_token_id": [7, 2], "bos_token_id": 250}"""
        );
        Directory.CreateDirectory(_directory["model/additional_chat_templates"]);
        File.WriteAllText(_directory["model/additional_chat_templates/tool_use.jinja"], "tools");
        string place = Path.GetRelativePath(_directory[""], Run("", "ids", 1).Checkpoint!);
        JsonNode Read(string name) => JsonNode.Parse(File.ReadAllText(_directory[$"{place}/{name}"]))!;
        JsonNode written = Read("config.json"),
            generation = Read("generation_config.json");
        ((int)written["bos_token_id"]!, (int)written["eos_token_id"]!, (int)written["pad_token_id"]!).ShouldBe((1, 2, 0));
        written["untold"]!.ToJsonString().ShouldStartWith("[1.50,");
        generation.ToJsonString().ShouldBe("""{"repetition_penalty":1.2,"eos_token_id":[2,7],"bos_token_id":1,"pad_token_id":0}""");
        File.ReadAllText(_directory[$"{place}/additional_chat_templates/tool_use.jinja"]).ShouldBe("tools");
        using CausalLm tuned = Pretrained.Open(_directory[place], _device);
        tuned.EosTokenIds.ShouldBe([2, 7]);
    }

    /// <summary>Where the end of a text is hashed with what comes before it, another id would be another model: the configuration keeps it,
    /// and generation_config.json has the tokenizer's.</summary>
    [Fact]
    public void A_model_that_depends_on_its_end_of_text_keeps_it()
    {
        // The module that predicts ahead rests while a model is tuned, its router too.
        using (
            CausalLm model = Pretrained.New(
                HfConfig.Parse(Streams.Replace("\"hc_count\"", "\"mtp_num_hidden_layers\": 1, \"hc_count\"", StringComparison.Ordinal)),
                _device,
                7
            )
        )
        {
            Pretrained.Save(model, _directory["streams"]);
        }
        _tokenizer.Save(_directory["streams"]);
        string place = Path.GetRelativePath(_directory[""], Run("", "kept", 2, model: "streams").Checkpoint!);
        ((int)JsonNode.Parse(File.ReadAllText(_directory[$"{place}/config.json"]))!["eos_token_id"]!).ShouldBe(0);
        using CausalLm tuned = Pretrained.Open(_directory[place], _device);
        tuned.EosTokenIds.ShouldBe([2]);
        string adapted = Path.GetRelativePath(
            _directory[""],
            Run("adapter: {rank: 4, alpha: 8, targets: all-linear}\n", "adapted", 2, model: "streams").Checkpoint!
        );
        File.Exists(_directory[$"{adapted}/adapter_config.json"]).ShouldBeTrue();
    }

    /// <summary>Training multiplies widened blocks; activations rounded to 8 bits would measure another model, 1e-3 off.</summary>
    [Fact]
    public void A_quantised_base_is_measured_as_it_is_trained()
    {
        using (CausalLm model = Pretrained.Open(_directory["model"], _device, trained: false))
        {
            Pretrained.SaveGguf(model, _directory["model.gguf"], GgufFileType.Q8_0, _directory["model"]);
        }
        const string Adapter = "adapter: {rank: 4, alpha: 8, targets: all-linear}\n";
        double kept = Run(Adapter, "kept", 1, model: "model.gguf", weights: "keep").First!.Value.Loss,
            widened = Run(Adapter, "widened", 1, model: "model.gguf").First!.Value.Loss;
        kept.ShouldBe(widened, 1e-6);
    }

    [Fact]
    public void A_run_that_gets_no_better_ends_early()
    {
        RunResult result = Run("", "stuck", 400, more: "  patience: 2\n  eval_every: 1\n", rate: "0.5");
        result.EndedEarly.ShouldBeTrue();
        result.Interrupted.ShouldBeFalse();
        result.Progress.Step.ShouldBeLessThan(60);
    }

    [Fact]
    public void What_teaches_nothing_is_counted()
    {
        File.WriteAllText(
            _directory["odd.jsonl"],
            """
            {"messages":[{"role":"user","content":"what is red?"},{"role":"assistant","content":"blue"}]}
            {"messages":[{"role":"user","content":"what is red and green and blue and seven and eleven and apple and pear and red and green and blue?"},{"role":"assistant","content":"blue"}]}
            {"messages":[{"role":"user","content":"red"},{"role":"assistant","content":"red green blue seven eleven apple pear red green blue seven eleven apple pear red green blue seven eleven"}]}
            """
        );
        ChatMasks masks = new(ChatTemplate.For(_tokenizer), _tokenizer);
        ConversationSet Make(ConversationSection section) =>
            ConversationSet.Make(new ConversationReader().Read([_directory["odd.jsonl"]]), [], section with { ValidRatio = 0 }, masks);
        int length = Make(Section() with { MaxLength = 1000 }).Train[0].Ids.Length - 1;
        ConversationSet cut = Make(Section() with { MaxLength = length });
        (cut.Train.Count, cut.TrainConversations, cut.Truncated!.Count).ShouldBe((2, 2, 1));
        cut.Truncated.Places.ShouldBe([$"{_directory["odd.jsonl"]}:3"]);
        SkippedRecords skipped = cut.Skipped.ShouldHaveSingleItem();
        (skipped.Reason, skipped.Count).ShouldBe((ConversationSet.NothingToLearn, 1));
        skipped.Places.ShouldBe([$"{_directory["odd.jsonl"]}:2"]);
        ConversationSet whole = Make(Section() with { MaxLength = length, Overlong = "skip" });
        (whole.Train.Count, whole.Truncated, whole.Skipped.Single(s => s.Reason == ConversationSet.TooLong).Count).ShouldBe((1, null, 2));
        masks = new(ChatTemplate.For(_tokenizer), _tokenizer, new ChatMaskOptions(Everything: true));
        ConversationSet all = Make(Section() with { MaxLength = 1000, CompletionsOnly = false });
        all.LossTokens.ShouldBe(all.Tokens);
        cut.Train[0].Ids[^2].ShouldBe(_tokenizer.TokenToId("<|im_end|>")!.Value);
        cut.Train[0].LossMask[^2].ShouldBeTrue("the end of the answer is learned");
    }

    private ConversationSection Section() => new([_directory["chat.jsonl"]], [], 0.1, 64, "truncate", Batching.Packed, true, true, 0);

    private RunResult Run(
        string adapter,
        string place,
        int? steps,
        bool resume = false,
        int? stopAt = null,
        string more = "",
        string rate = "1e-2",
        string model = "model",
        string weights = "fp32",
        string batching = "packed"
    )
    {
        File.WriteAllText(
            _directory[$"{place}.yaml"],
            $"""
            model: {"{"}path: {_directory[model]}, weights: {weights}{"}"}
            {adapter}data:
              train: {_directory["chat.jsonl"]}
              valid_ratio: 0.1
              max_length: 64
              batching: {batching}
              neftune_alpha: {(adapter.Contains("dropout", StringComparison.Ordinal) ? 5 : 0)}
            optimizer: {"{"}lr: {rate}{"}"}
            schedule: {"{"}name: constant, warmup_steps: 0{"}"}
            train:
              steps: {(steps is { } count ? $"{count}" : "null")}
              batch_size: 2
              save_every: 100
            {more}out: {_directory[place]}
            """
        );
        using CancellationTokenSource cancel = new();
        using Sft sft = new(SftRecipe.Load(_directory[$"{place}.yaml"]), _device, new RunOptions(resume, false, null, _ => { }));
        using Stop log = new(stopAt, cancel);
        return sft.Run(log, cancel.Token);
    }

    /// <summary>A pass ends where the data ends, also in what is said before: a step with room for many times the data holds them
    /// once.</summary>
    [Theory]
    [InlineData(1, 64, 4, 1, 1)]
    [InlineData(2, 64, 4, 2, 2)]
    [InlineData(1.5, 8, 1, 8, 1.5)]
    public void The_plan_of_a_run_over_epochs_is_those_epochs(double epochs, int batch, int accumulation, int steps, double planned)
    {
        File.WriteAllText(
            _directory["plan.yaml"],
            FormattableString.Invariant(
                $"""
                model: {"{"}path: {_directory["model"]}, weights: fp32{"}"}
                data: {"{"}train: {_directory["chat.jsonl"]}, valid_ratio: 0, max_length: 64, batching: padded{"}"}
                schedule: {"{"}warmup_steps: 0{"}"}
                train: {"{"}epochs: {epochs}, batch_size: {batch}, accumulation: {accumulation}{"}"}
                out: {_directory["plan"]}
                """
            )
        );
        using Sft sft = new(SftRecipe.Load(_directory["plan.yaml"]), _device, new RunOptions(false, false, null, _ => { }));
        sft.Plan.Steps.ShouldBe(steps);
        sft.Plan.Epochs.ShouldBe(planned, 1e-9);
        sft.Plan.Tokens.ShouldBe(planned * sft.Plan.DataTokens, 1e-6);
    }

    private sealed class Stop(int? at, CancellationTokenSource cancel) : ITrainLog
    {
        public void Start(RunFacts facts, int step) { }

        public void Step(in StepMetrics step)
        {
            if (step.Step == at)
            {
                cancel.Cancel();
            }
        }

        public void Validation(int step, double loss, double bitsPerByte, bool best) { }

        public void Sample(int step, string prompt, string text) { }

        public void Saved(int step, string path) { }

        public void Dispose() { }
    }
}
