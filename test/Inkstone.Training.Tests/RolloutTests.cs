using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training.Tests;

public sealed class RolloutTests : IDisposable
{
    private const string Llama = """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05}
        """;

    private readonly TemporaryDirectory _directory = new();

    public RolloutTests()
    {
        string[] words = ["red", "green", "blue", "seven", "eleven", "apple", "pear"];
        StringBuilder text = new(),
            prompts = new();
        for (int i = 0; i < 40; i++)
        {
            string question = $"what is {words[i % 7]} and {words[i * 3 % 5]}?";
            text.Append(question).Append('\n');
            prompts
                .Append(
                    new JsonObject
                    {
                        ["prompt"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = question }),
                        ["answer"] = words[i % 7],
                    }.ToJsonString()
                )
                .Append('\n');
        }
        File.WriteAllText(_directory["text.txt"], text.ToString());
        File.WriteAllText(_directory["prompts.jsonl"], prompts.ToString());
        Tokenizer tokenizer = BpeTrainer
            .Train(
                [_directory["text.txt"]],
                new BpeTrainerOptions(300, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
                null,
                default
            )
            .WithChatTemplate(ChatTemplate.ChatMl);
        using Device device = new(threads: 2);
        using CausalLm model = Pretrained.New(HfConfig.Parse(Llama), device, 7);
        Pretrained.Save(model, _directory["model"]);
        tokenizer.Save(_directory["model"]);
    }

    public static TheoryData<string> Families => [.. ModelFamilies.All.Select(f => f.ModelType)];

    public void Dispose() => _directory.Dispose();

    /// <summary>What the engine says of the tokens that it writes, prompts shared and caches kept, is what training computes of them in one
    /// row.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Rollout_and_trainer_agree(string family)
    {
        using Device device = new(threads: 2);
        using CausalLm model = Pretrained.New(Small(family), device, 3);
        const double Temperature = 0.9;
        RolloutWriter writer = new(model, [0], 20, Temperature, 1);
        int[][] prompts =
        [
            [5, 9, 11, 30, 41, 7, 2, 8, 19, 77, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
            [44, 3],
            [60],
        ];
        List<RolledAnswer> answers = writer.Write([.. prompts.Select((p, i) => (p, 0L, (long)i))], 4);
        answers.Select(a => string.Join(' ', a.Ids)).Distinct().Count().ShouldBeGreaterThan(6);
        AnswerBatch batch = new(model.SharesPrompts);
        for (int i = 0; i < prompts.Length; i++)
        {
            batch.Add(prompts[i], [.. answers.Skip(4 * i).Take(4).Select(a => a.Ids)]);
        }
        batch.Close();
        TokenRuns trainer = new();
        new PolicyObjective(model, new PolicyOptions(), 20, Temperature).LogProbs(batch, trainer);
        for (int i = 0; i < answers.Count; i++)
        {
            answers[i].Sampled.Length.ShouldBe(trainer.Length(i));
            for (int t = 0; t < trainer.Length(i); t++)
            {
                answers[i].Sampled[t].ShouldBe(trainer[i][t], 1e-4, $"answer {i}, token {t}");
            }
        }
    }

    [Fact]
    public void Answers_depend_on_seed_and_place_alone()
    {
        using Device one = new(threads: 1),
            two = new(threads: 2);
        using CausalLm here = Pretrained.Open(_directory["model"], one),
            there = Pretrained.Open(_directory["model"], two);
        List<RolledAnswer> a = new RolloutWriter(here, [2], 12, 1, 5).Write([([5, 6, 7], 0, 3), ([8, 9], 1, 0)], 3),
            b = new RolloutWriter(there, [2], 12, 1, 5).Write([([8, 9], 1, 0)], 3);
        Text(a.Skip(3)).ShouldBe(Text(b));
        a.SelectMany(x => x.Sampled).Skip(a.Take(3).Sum(x => x.Ids.Length)).ShouldBe(b.SelectMany(x => x.Sampled));
        Text(new RolloutWriter(there, [2], 12, 1, 6).Write([([8, 9], 1, 0)], 3)).ShouldNotBe(Text(b));

        static string Text(IEnumerable<RolledAnswer> answers) => string.Join('|', answers.Select(x => string.Join(' ', x.Ids)));
    }

    /// <summary>A letter is rare in what a random model writes, and in nearly all of it after a few steps.</summary>
    [Theory]
    [InlineData("type: dapo", "")]
    [InlineData("type: rloo", "")]
    [InlineData("type: cispo", "")]
    [InlineData("type: grpo, beta: 0.001, scale_rewards: batch", "num_iterations: 2, ")]
    public void A_trivial_reward_is_learned(string loss, string rollout)
    {
        RunResult result = Run("", loss, rollout, "learned", 40);
        Value(result.First, "reward").ShouldBeLessThan(0.5);
        Value(result.Last, "reward").ShouldBeGreaterThan(0.9);
        JsonObject line = JsonNode.Parse(File.ReadLines(_directory["learned/metrics.jsonl"]).First(l => l.Contains("\"lr\"")))!.AsObject();
        foreach (
            string name in (string[])
                [
                    "reward",
                    "reward_std",
                    "frac_reward_zero_std",
                    "rewards/e/mean",
                    "rewards/e/std",
                    "rewards/e/not_finite",
                    "rewards/short/mean",
                    "entropy",
                    "completions/mean_length",
                    "completions/clipped_ratio",
                    "sampling/sampling_logp_difference/max",
                    "sampling/importance_sampling_ratio/mean",
                    "rollout/seconds",
                    .. loss.Contains("beta", StringComparison.Ordinal) ? ["kl", "clip_ratio/region_mean"]
                    : loss.Contains("cispo", StringComparison.Ordinal) ? ["cispo_clip_ratio"]
                    : (string[])["clip_ratio/low_mean", "clip_ratio/high_max"],
                ]
        )
        {
            line.ContainsKey(name).ShouldBeTrue(name);
        }
        ((double)line["sampling/sampling_logp_difference/max"]!).ShouldBeLessThan(1e-4);
        File.ReadAllText(_directory["learned/samples.jsonl"]).ShouldContain("[e 1");
    }

    [Theory]
    [InlineData("", "type: dapo", "")]
    [InlineData("adapter: {rank: 4, alpha: 8, targets: all-linear}\n", "type: grpo, beta: 0.1", "")]
    [InlineData("", "type: bnpo, beta: 0.05", "num_iterations: 2, steps_per_generation: 2, mask_truncated_completions: true, ")]
    public void A_resumed_run_is_the_uninterrupted_one(string adapter, string loss, string rollout)
    {
        Run(adapter, loss, rollout, "whole", 6);
        Run(adapter, loss, rollout, "parts", 6, stopAt: 3, threads: 1);
        Run(adapter, loss, rollout, "parts", 6, resume: true).Progress.Step.ShouldBe(6);
        string file = adapter.Length > 0 ? PeftAdapter.WeightsFile : HfDirectory.WeightsFile;
        File.ReadAllBytes(_directory[$"parts/checkpoints/step-000006/{file}"])
            .ShouldBe(File.ReadAllBytes(_directory[$"whole/checkpoints/step-000006/{file}"]));
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        Should
            .Throw<InvalidDataException>(() => Run("", "type: luspo, importance_sampling_level: token", "", "x", 1))
            .Message.ShouldContain("luspo");
        Should
            .Throw<InvalidDataException>(() => Run("", "type: dapo", "num_generations: 5, ", "x", 1))
            .Message.ShouldContain("no whole groups");
        Should.Throw<InvalidDataException>(() => Run("", "type: dapo", "num_generations: 1, ", "x", 1)).Message.ShouldContain("at least 2");
        File.WriteAllText(_directory["odd.jsonl"], "{\"text\": \"hello\"}\n");
        Should
            .Throw<InvalidDataException>(() => Run("", "type: dapo", "", "x", 1, data: "odd.jsonl"))
            .Message.ShouldContain("odd.jsonl:1: the keys text are no known form of a prompt");
        File.WriteAllText(_directory["long.jsonl"], $$"""{"prompt": "{{new string('x', 300)}}"}""" + "\n{\"prompt\": \"\"}\n");
        Should
            .Throw<InvalidDataException>(() => Run("", "type: dapo", "", "x", 1, data: "long.jsonl"))
            .Message.ShouldContain("holds no prompt");
    }

    private static double Value(Validation? validation, string name) => validation!.Value.Metrics!.Single(m => m.Name == name).Value;

    [Fact]
    public void A_critic_helps_to_learn_it()
    {
        RunResult result = RunPpo("learned", 160);
        Value(result.Last, "reward").ShouldBeGreaterThan(0.9);
        JsonObject line = JsonNode.Parse(File.ReadLines(_directory["learned/metrics.jsonl"]).Last(l => l.Contains("\"lr\"")))!.AsObject();
        foreach (
            string name in (string[])
                [
                    "reward",
                    "rewards/e/mean",
                    "objective/kl",
                    "objective/kl_coef",
                    "loss/policy",
                    "loss/value",
                    "policy/approx_kl",
                    "policy/clip_fraction",
                    "value/mean",
                    "entropy",
                    "completions/mean_length",
                ]
        )
        {
            line.ContainsKey(name).ShouldBeTrue(name);
        }
        ((double)line["value/mean"]!).ShouldBeGreaterThan(0.2, "the critic expects the reward that it has seen");
    }

    [Fact]
    public void A_resumed_run_with_a_critic_is_the_uninterrupted_one()
    {
        RunPpo("whole", 7);
        RunPpo("parts", 7, stopAt: 3, threads: 1);
        RunPpo("parts", 7, resume: true);
        foreach (string file in (string[])[HfDirectory.WeightsFile, "value_head.state"])
        {
            File.ReadAllBytes(_directory[$"parts/checkpoints/step-000007/{file}"])
                .ShouldBe(File.ReadAllBytes(_directory[$"whole/checkpoints/step-000007/{file}"]));
        }
    }

    private RunResult RunPpo(string place, int steps, bool resume = false, int? stopAt = null, int threads = 2)
    {
        File.WriteAllText(
            _directory[$"{place}.yaml"],
            $$"""
            model: {path: {{_directory["model"]}}, weights: fp32}
            data: {train: {{_directory["prompts.jsonl"]}}, valid_ratio: 0.2}
            rollout: {num_generations: 2, num_iterations: 2, max_completion_length: 12}
            loss: {kl_coef: 0.001, kl_target: 6, kl_horizon: 100}
            rewards:
              e: {type: regex, pattern: e}
            optimizer: {lr: 3e-3, weight_decay: 0}
            schedule: {name: constant, warmup_steps: 0}
            train: {steps: {{steps}}, batch_size: 8, accumulation: 2, save_every: 100, eval_batches: 0, eval_every: 0}
            out: {{_directory[place]}}
            """
        );
        using CancellationTokenSource cancel = new();
        using Device device = new(threads);
        using Ppo run = new(PpoRecipe.Load(_directory[$"{place}.yaml"]), device, new RunOptions(resume, false, null, _ => { }));
        return run.Run(new Stop(stopAt, cancel), cancel.Token);
    }

    private RunResult Run(
        string adapter,
        string loss,
        string rollout,
        string place,
        int steps,
        bool resume = false,
        int? stopAt = null,
        int threads = 2,
        string data = "prompts.jsonl"
    )
    {
        File.WriteAllText(
            _directory[$"{place}.yaml"],
            $$"""
            model: {path: {{_directory["model"]}}, weights: fp32}
            {{adapter}}data: {train: {{_directory[data]}}, valid_ratio: 0.2}
            rollout: {{{(
                rollout.Contains("num_generations", StringComparison.Ordinal) ? "" : "num_generations: 4, "
            )}}{{rollout}}max_completion_length: 12}
            loss: {{{loss}}}
            rewards:
              e: {type: regex, pattern: e}
              short: {type: length, most: 12, weight: 0.001}
            optimizer: {lr: 1e-2, weight_decay: 0}
            schedule: {name: constant, warmup_steps: 0}
            train: {steps: {{steps}}, batch_size: 8, accumulation: 2, save_every: 100, eval_batches: 0, sample_every: 20}
            out: {{_directory[place]}}
            """
        );
        using CancellationTokenSource cancel = new();
        using Device device = new(threads);
        using Grpo run = new(GrpoRecipe.Load(_directory[$"{place}.yaml"]), device, new RunOptions(resume, false, null, _ => { }));
        return run.Run(new Stop(stopAt, cancel), cancel.Token);
    }

    private static HfConfig Small(string family)
    {
        const string Sizes = """
            "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64
            """;
        JsonObject json = JsonNode
            .Parse(
                $$"""
                {"model_type": "{{family}}", {{Sizes}}, "initializer_range": 0.2, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16,
                "sliding_window": 9, "q_lora_rank": 12, "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 4, "n_group": 1, "topk_group": 1,
                "first_k_dense_replace": 1, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "partial_rotary_factor": 0.5,
                "hc_count": 3, "hc_lowrank": 6, "ple_layer_ids": [2], "ple_embed_dim": 16, "ngram_size": 3, "heads_per_ngram": 2, "ngram_vocab_size_base": 50, "make_ngram_vocab_size_divisible_by": 8,
                "split_ngram_parts": 3, "indexer_n_heads": 3, "indexer_head_dim": 8, "indexer_budget": 7, "indexer_compress_ratio": 3, "eos_token_id": 3}
                """
            )!
            .AsObject();
        if (family == "deepseek_v4")
        {
            json.Remove("intermediate_size"); // there it is another name of the experts' width
        }
        string[] known = [.. ConfigKeys.Common, .. ModelFamilies.All.First(f => f.ModelType == family).Keys];
        foreach (string key in json.Select(p => p.Key).Where(key => !known.Contains(key)).ToArray())
        {
            json.Remove(key);
        }
        return family is "qwen3_5" or "qwen3_5_moe" or "qwen4_exp" or "gemma3"
            ? HfConfig.Parse(new JsonObject { ["model_type"] = family, ["text_config"] = json }.ToJsonString())
            : HfConfig.Parse(json.ToJsonString());
    }

    private sealed class Stop(int? at, CancellationTokenSource cancel) : ITrainLog
    {
        public void Step(in StepMetrics step)
        {
            if (step.Step == at)
            {
                cancel.Cancel();
            }
        }
    }
}
