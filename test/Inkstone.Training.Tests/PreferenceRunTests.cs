using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training.Tests;

public sealed class PreferenceRunTests : IDisposable
{
    private const string Llama = """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05}
        """;

    private const string Windowed = """
        {"model_type": "gemma2", "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
         "query_pre_attn_scalar": 16, "sliding_window": 8, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "initializer_range": 0.05,
         "hidden_activation": "gelu_pytorch_tanh"}
        """;

    private readonly TemporaryDirectory _directory = new();
    private readonly Device _device = new(threads: 2);

    public PreferenceRunTests()
    {
        string[] words = ["red", "green", "blue", "seven", "eleven", "apple", "pear"];
        StringBuilder text = new(),
            pairs = new();
        for (int i = 0; i < 40; i++)
        {
            string question = $"what is {words[i % 7]} and {words[i * 3 % 5]}?",
                good = string.Join(' ', Enumerable.Range(0, 1 + i % 6).Select(k => words[(i + k) % 7])),
                bad = $"no {words[i % 3]}";
            text.Append(question).Append(' ').Append(good).Append(' ').Append(bad).Append('\n');
            pairs
                .Append(
                    $$"""{"prompt":"{{question}}","chosen":[{"role":"user","content":"{{question}}"},{"role":"assistant","content":"{{good}}"}],"rejected":[{"role":"user","content":"{{question}}"},{"role":"assistant","content":"{{bad}}"}]}"""
                )
                .Append('\n');
        }
        File.WriteAllText(_directory["text.txt"], text.ToString());
        File.WriteAllText(_directory["pairs.jsonl"], pairs.ToString());
        Tokenizer tokenizer = BpeTrainer
            .Train(
                [_directory["text.txt"]],
                new BpeTrainerOptions(300, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
                null,
                default
            )
            .WithChatTemplate(ChatTemplate.ChatMl);
        using CausalLm model = Pretrained.New(HfConfig.Parse(Llama), _device, 7);
        Pretrained.Save(model, _directory["model"]);
        tokenizer.Save(_directory["model"]);
    }

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    /// <summary>A prompt that its answers share gives each the numbers that it has behind a prompt of its own, gradients too.</summary>
    [Theory]
    [InlineData(Llama)]
    [InlineData(Windowed)]
    public void Shared_prompts_change_nothing(string config)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, 3);
        model.SharesPrompts.ShouldBeTrue();
        Dictionary<bool, (double[] LogProbs, double Norm, int Tokens)> found = [];
        foreach (bool share in (bool[])[true, false])
        {
            AnswerBatch batch = new(share);
            batch.Add(
                [5, 9, 11, 30, 41, 7, 2, 8, 19, 77],
                [
                    [12, 44, 3],
                    [9, 8, 7, 6, 5, 4],
                    [1],
                ]
            );
            batch.Add(
                [],
                [
                    [8, 9, 10],
                    [4, 4],
                ]
            );
            batch.Add(
                [100],
                [
                    [101, 102],
                ]
            );
            batch.Close();
            LabelStatistics statistics = new();
            using (_device.Step(record: true))
            {
                Tensor loss = model.LabelLoss(
                    batch.Hidden(model),
                    batch.Labels(_device),
                    statistics,
                    s =>
                    {
                        s.LogProbGradients.Fill(-1);
                        return -s.LogProbs.ToArray().Sum();
                    }
                );
                _device.Tape.Backward(loss);
            }
            found[share] = (statistics.LogProbs.ToArray(), Nn.GradientClip.Norm(model.Parameters), batch.TokenCount);
            model.Parameters.ZeroGrad();
        }
        found[true].Tokens.ShouldBeLessThan(found[false].Tokens);
        found[true].LogProbs.Length.ShouldBe(3 + 6 + 1 + 2 + 1 + 2);
        for (int i = 0; i < found[true].LogProbs.Length; i++)
        {
            found[true].LogProbs[i].ShouldBe(found[false].LogProbs[i], 1e-5);
        }
        found[true].Norm.ShouldBe(found[false].Norm, 1e-4 * found[false].Norm);
    }

    [Theory]
    [InlineData("", "type: sigmoid, sft_weight: 0.2")]
    [InlineData("adapter: {rank: 4, alpha: 8, targets: all-linear}\n", "type: ipo, reference: adapter_off")]
    [InlineData("", "type: kto")]
    public void A_resumed_run_is_the_uninterrupted_one(string adapter, string loss)
    {
        Run(adapter, loss, "whole", 6);
        Run(adapter, loss, "parts", 6, stopAt: 3);
        Run(adapter, loss, "parts", 6, resume: true).Progress.Step.ShouldBe(6);
        string file = adapter.Length > 0 ? PeftAdapter.WeightsFile : HfDirectory.WeightsFile;
        File.ReadAllBytes(_directory[$"parts/checkpoints/step-000006/{file}"])
            .ShouldBe(File.ReadAllBytes(_directory[$"whole/checkpoints/step-000006/{file}"]));
    }

    /// <summary>Held-out pairs are told apart after a few passes; what logs show has TRL's names.</summary>
    [Theory]
    [InlineData("type: sigmoid")]
    [InlineData("type: orpo, beta: 1")]
    [InlineData("type: [sigmoid, bco_pair, sft], weights: [0.8, 0.2, 1]")]
    public void Preferences_are_learned(string loss)
    {
        RunResult result = Run("", loss, "learned", 40);
        Value(result.Last, "rewards/accuracies").ShouldBeGreaterThanOrEqualTo(0.8);
        JsonObject line = JsonNode.Parse(File.ReadLines(_directory["learned/metrics.jsonl"]).First(l => l.Contains("\"lr\"")))!.AsObject();
        foreach (
            string name in (string[])
                [
                    "rewards/chosen",
                    "rewards/rejected",
                    "rewards/accuracies",
                    "rewards/margins",
                    "logps/chosen",
                    "logps/rejected",
                    "logits/chosen",
                    "logits/rejected",
                    "entropy",
                    "mean_token_accuracy",
                ]
        )
        {
            line.ContainsKey(name).ShouldBeTrue(name);
        }
    }

    /// <summary>The reference of an adapter that the run goes on with is the base with that adapter as it was: the first loss is log
    /// 2.</summary>
    [Fact]
    public void An_adapter_that_goes_on_is_its_own_reference()
    {
        Run("adapter: {rank: 4, alpha: 8, targets: all-linear}\n", "type: sigmoid", "first", 12);
        Run("", "type: sigmoid", "second", 3, model: "first/final");
        FirstLoss("second").ShouldBe(Math.Log(2), 1e-5);
        PeftAdapter.IsAdapter(_directory["second/final"]).ShouldBeTrue();
        Should
            .Throw<InvalidDataException>(() => Run("adapter: {rank: 4}\n", "type: sigmoid", "third", 1, model: "first/final"))
            .Message.ShouldContain("ink merge");
    }

    [Fact]
    public void A_run_that_collapses_is_ended_with_a_word() =>
        Should
            .Throw<DivergenceException>(() =>
                Run("", "type: sigmoid", "collapsed", 200, rate: "3e-2", watch: "{stop: true, drop: 0.5, repetition: 0, length: 0}")
            )
            .Message.ShouldContain("watch.drop");

    [Fact]
    public void What_teaches_nothing_is_counted()
    {
        File.WriteAllText(
            _directory["odd.jsonl"],
            """
            {"prompt":"red","chosen":"blue","rejected":"blue"}
            {"prompt":"red","chosen":"","rejected":"blue"}
            {"prompt":"red and green and blue and seven and eleven and apple and pear and red and green and blue and red and green and seven","chosen":"blue","rejected":"red"}
            {"prompt":"red ","chosen":"blue","rejected":"green"}
            {"prompt":"what?","chosen":[{"role":"user","content":"is red"},{"role":"assistant","content":"blue"}],"rejected":[{"role":"user","content":"is red"},{"role":"assistant","content":"green"}]}
            {"chosen":"red and blue","rejected":"red and green"}
            """
        );
        PreferenceReader reader = new();
        Tokenizer tokenizer = Tokenizer.Load(_directory["model"]);
        PreferenceSet set = PreferenceSet.Make(
            reader.ReadPairs([_directory["odd.jsonl"]]),
            [],
            new PreferenceSection([], [], 0, 20, "truncate", false),
            new PreferenceTokens(tokenizer, () => ChatTemplate.For(tokenizer), null),
            reader
        );
        set.Train.Count.ShouldBe(2);
        set.Skipped.Select(s => s.Reason)
            .Order()
            .ShouldBe([
                "an answer is empty",
                "prompt is a text that is none of the messages which both answers begin with",
                "the prompt fills data.max_length",
                "the two answers are equal",
            ]);
        set.Moved!.Count.ShouldBe(1, "the blank behind the prompt joins the answers' first tokens");
        tokenizer.Decode(set.Train[1].Prompt).ShouldBe("red and");
        set.Train[1].Answers[0][^1].ShouldBe(tokenizer.EosId!.Value);
        Should
            .Throw<InvalidDataException>(() =>
                new PreferenceSource(
                    [
                        new PreferenceExample(
                            [1],
                            [
                                [2],
                            ]
                        ),
                    ],
                    new PreferenceSourceOptions(4, null, false)
                )
            )
            .Message.ShouldContain("alone");
    }

    /// <summary>Good and bad answers in each batch as in all, and no answer alone in its batch.</summary>
    [Theory]
    [InlineData(9, 4)]
    [InlineData(8, 2)]
    public void Judged_answers_are_mixed(int count, int rows)
    {
        PreferenceExample[] examples =
        [
            .. Enumerable
                .Range(0, count)
                .Select(i => new PreferenceExample(
                    [1, 2],
                    [
                        [3 + i, 4],
                    ],
                    Good: i < count / 2
                )),
        ];
        PreferenceSource source = new(examples, new PreferenceSourceOptions(rows, 5, false, Finite: true));
        PreferenceBatch batch = source.NewBatch(rows);
        int taken = 0;
        while (source.Next(batch))
        {
            batch.Good.Count.ShouldBeGreaterThan(1);
            batch.Good.Distinct().Count().ShouldBe(2);
            taken += batch.LabelCount;
        }
        taken.ShouldBe(count);
    }

    [Fact]
    public void A_reward_model_learns_and_is_read_again()
    {
        File.WriteAllText(_directory["reward.yaml"], Recipe("", "centering: 0.01", "reward", 40, "model", "1e-3"));
        using (
            RewardTraining run = new(RewardRecipe.Load(_directory["reward.yaml"]), _device, new RunOptions(false, false, null, _ => { }))
        )
        {
            Value(run.Run(null, default).Last, "accuracy").ShouldBeGreaterThanOrEqualTo(0.8);
        }
        string place = _directory["reward/checkpoints/step-000040"];
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(place, "config.json")))!;
        ((string)config["architectures"]![0]!, (int)config["id2label"]!.AsObject().Count).ShouldBe(("LlamaForSequenceClassification", 1));
        using ScoredModel model = ScoredModel.Open(place, _device, trained: false);
        model.Score.Shape.ShouldBe(new Shape(1, 32));
        ScoredModel.IsScored(place).ShouldBeTrue();
    }

    [Fact]
    public void A_student_comes_nearer_to_its_teacher()
    {
        using (CausalLm teacher = Pretrained.New(HfConfig.Parse(Llama), _device, 8))
        {
            Pretrained.Save(teacher, _directory["teacher"]);
        }
        File.WriteAllLines(
            _directory["chat.jsonl"],
            File.ReadLines(_directory["pairs.jsonl"])
                .Select(l => new JsonObject { ["messages"] = JsonNode.Parse(l)!["chosen"]!.DeepClone() }.ToJsonString())
        );
        File.WriteAllText(
            _directory["distill.yaml"],
            Recipe("", "beta: 0.5", "student", 30, "model", "3e-3").Replace("pairs.jsonl", "chat.jsonl", StringComparison.Ordinal)
                + $"\nteacher: {{path: {_directory["teacher"]}, weights: fp32}}\n"
        );
        using Distillation run = new(DistillRecipe.Load(_directory["distill.yaml"]), _device, new RunOptions(false, false, null, _ => { }));
        RunResult result = run.Run(null, default);
        result.Last!.Value.Loss.ShouldBeLessThan(0.8 * result.First!.Value.Loss);
    }

    private static double Value(Validation? validation, string name) => validation!.Value.Metrics!.Single(m => m.Name == name).Value;

    private double FirstLoss(string place) =>
        (double)JsonNode.Parse(File.ReadLines(_directory[$"{place}/metrics.jsonl"]).First(l => l.Contains("\"lr\"")))!["loss"]!;

    private string Recipe(string adapter, string loss, string place, int steps, string model, string rate, string? watch = null) =>
        $$"""
            model: {path: {{_directory[model]}}, weights: fp32}
            {{adapter}}data: {train: {{_directory["pairs.jsonl"]}}, valid_ratio: 0.2, max_length: 64}
            loss: {{{loss}}}
            {{(watch is null ? "" : $"watch: {watch}\n")}}optimizer: {lr: {{rate}}, weight_decay: 0}
            schedule: {name: constant, warmup_steps: 0}
            train: {steps: {{steps}}, batch_size: 4, save_every: 100, eval_batches: 0}
            out: {{_directory[place]}}
            """;

    private RunResult Run(
        string adapter,
        string loss,
        string place,
        int steps,
        bool resume = false,
        int? stopAt = null,
        string model = "model",
        string rate = "2e-3",
        string watch = "{prompts: 0}"
    )
    {
        File.WriteAllText(_directory[$"{place}.yaml"], Recipe(adapter, loss, place, steps, model, rate, watch));
        using CancellationTokenSource cancel = new();
        using Preferences run = new(
            PreferenceRecipe.Load(_directory[$"{place}.yaml"]),
            _device,
            new RunOptions(resume, false, null, _ => { })
        );
        return run.Run(new Stop(stopAt, cancel), cancel.Token);
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
