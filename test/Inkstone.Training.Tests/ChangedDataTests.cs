using System.Text;
using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training.Tests;

/// <summary>A run that goes on knows what it was learning from and measured on.</summary>
public sealed class ChangedDataTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Device _device = new(threads: 1);
    private readonly Tokenizer _tokenizer;
    private readonly List<string> _warnings = [];

    public ChangedDataTests()
    {
        _tokenizer = BpeTrainer
            .TrainText(
                [string.Concat(Enumerable.Range(0, 50).Select(i => $"what is {i} and {i * 7 % 50}? it is {i * 3}.\n"))],
                new BpeTrainerOptions(290, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
            )
            .WithChatTemplate(ChatTemplate.ChatMl);
        _tokenizer.Save(_directory["tok"]);
    }

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("train")]
    [InlineData("valid")]
    public void Shards_of_another_content_under_the_same_name(string changed)
    {
        Shard("train", 0);
        Shard("valid", 500);
        Pretrain(4);
        Shard("train", 0); // written anew, the same
        Pretrain(5, resume: true);
        Shard(changed, 100);
        Should
            .Throw<InvalidDataException>(() => Pretrain(6, resume: true))
            .Message.ShouldContain($"data.{changed} holds something else than when the run was begun");
        _warnings.RemoveAll(w => w.StartsWith("resuming with", StringComparison.Ordinal));
        _warnings.ShouldBeEmpty();
        RunResult result = Pretrain(6, resume: true, allow: true);
        _warnings.ShouldContain(w => w.Contains($"data.{changed} holds something else", StringComparison.Ordinal));
        JsonNode state = State("run", 6);
        state["epoch"]!.GetValue<long>().ShouldBe(changed == "train" ? 1 : 0, "other data begin with a pass of their own");
        state["position"]!.GetValue<long>().ShouldBe(changed == "train" ? 2 : 12);
        (result.Progress.BestStep == 6).ShouldBe(
            changed == "valid" || result.Last!.Value.Loss < Best("run", 5),
            "a loss on other text is no best one"
        );
    }

    [Fact]
    public void Conversations_of_another_content_under_the_same_name()
    {
        using (CausalLm model = Pretrained.New(HfConfig.Parse(Config), _device, 7))
        {
            Pretrained.Save(model, _directory["base"]);
        }
        _tokenizer.Save(_directory["base"]);
        Conversations(30);
        Sft(3);
        Conversations(42);
        Should.Throw<InvalidDataException>(() => Sft(4, resume: true)).Message.ShouldContain("--allow-changed-data");
        Sft(4, resume: true, allow: true).Progress.BestStep.ShouldBe(4);
        _warnings.ShouldContain(w => w.Contains("held-out losses before and after cannot be compared", StringComparison.Ordinal));
    }

    [Fact]
    public void A_checkpoint_of_before_there_were_fingerprints_goes_on()
    {
        Shard("train", 0);
        Shard("valid", 500);
        Pretrain(4);
        string path = _directory["run/checkpoints/step-000004/state.json"];
        JsonObject state = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        state.Remove("train_data").ShouldBeTrue();
        state.Remove("valid_data").ShouldBeTrue();
        File.WriteAllText(path, state.ToJsonString());
        Shard("train", 100);
        Pretrain(5, resume: true).Progress.Step.ShouldBe(5);
    }

    [Fact]
    public void What_is_missing_is_told_before_the_machine_is_measured()
    {
        Shard("train", 0);
        bool measured = false;
        RunOptions options = new(false, false, () => throw new InvalidOperationException($"measured: {measured = true}"), _warnings.Add);
        Should.Throw<FileNotFoundException>(() => new Pretrain(Recipe(4), _device, options)).Message.ShouldContain("data.valid");
        measured.ShouldBeFalse();
    }

    private const string Config = """
        {"model_type": "llama", "vocab_size": 290, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1,
         "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "initializer_range": 0.05}
        """;

    private RunResult Pretrain(int steps, bool resume = false, bool allow = false)
    {
        using Pretrain run = new(Recipe(steps), _device, new RunOptions(resume, false, null, _warnings.Add, allow));
        return run.Run(null, default);
    }

    private Recipe Recipe(int steps) =>
        Training.Recipe.Load(
            _directory.Write(
                "r.yaml",
                $$"""
                model: {model_type: llama, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1, head_dim: 16,
                        max_position_embeddings: 64, rms_norm_eps: 1e-5, tie_word_embeddings: true}
                tokenizer: {{_directory["tok"]}}
                data: {train: {{_directory["train.bin"]}}, valid: {{_directory["valid.bin"]}}, sequence_length: 16}
                schedule: {name: constant, warmup_steps: 0}
                train: {steps: {{steps}}, batch_size: 2, eval_every: 1, save_every: 1, sample_every: 0, threads: 1}
                out: {{_directory["run"]}}
                """
            )
        );

    private RunResult Sft(int steps, bool resume = false, bool allow = false)
    {
        SftRecipe recipe = SftRecipe.Load(
            _directory.Write(
                "s.yaml",
                $$"""
                model: {path: {{_directory["base"]}}, weights: fp32}
                data: {train: {{_directory["chat.jsonl"]}}, valid_ratio: 0.3, max_length: 48}
                schedule: {name: constant, warmup_steps: 0}
                train: {steps: {{steps}}, batch_size: 2, eval_every: 1, save_every: 1, sample_every: 0, threads: 1}
                out: {{_directory["tuned"]}}
                """
            )
        );
        using Sft run = new(recipe, _device, new RunOptions(resume, false, null, _warnings.Add, allow));
        return run.Run(null, default);
    }

    private void Shard(string split, int from)
    {
        using TokenShardWriter writer = new(
            _directory[$"{split}.bin"],
            TokenShardFormat.Inkstone,
            new ShardVocabulary(_tokenizer.VocabularySize, _tokenizer.VocabularyHash, _tokenizer.EosId!.Value)
        );
        for (int i = from; i < from + 40; i++)
        {
            string text = $"what is {i} and {i * 7 % 50}? it is {i * 3}.";
            writer.Append(_tokenizer.Encode(text), Encoding.UTF8.GetByteCount(text));
        }
        writer.Complete();
    }

    private void Conversations(int count) =>
        File.WriteAllLines(
            _directory["chat.jsonl"],
            Enumerable
                .Range(0, count)
                .Select(i =>
                    $$"""{"messages":[{"role":"user","content":"what is {{i}}?"},{"role":"assistant","content":"it is {{i * 3}}."}]}"""
                )
        );

    private JsonNode State(string run, int step) =>
        JsonNode.Parse(File.ReadAllText(_directory[$"{run}/checkpoints/step-{step:D6}/state.json"]))!;

    private double Best(string run, int step) => State(run, step)["best_loss"]!.GetValue<double>();
}
