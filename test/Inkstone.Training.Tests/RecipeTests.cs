namespace Inkstone.Training.Tests;

public sealed class RecipeTests
{
    private const string Minimal = """
        # a comment
        model: {preset: microlm-31m}
        tokenizer: tok
        data:
          train: shards
        train:
          steps: 10
        out: runs/x

        """;

    [Fact]
    public void Defaults_AreFilledIn()
    {
        Recipe recipe = Load(Minimal);
        recipe.Optimizer.LearningRate.ShouldBe(3e-4);
        recipe.Data.SequenceLength.ShouldBe(512);
        recipe.Data.DocumentAware.ShouldBeTrue();
        recipe.Train.Steps.ShouldBe(10);
        recipe.Train.Seed.ShouldBe(42);
    }

    [Fact]
    public void Overrides_ReplaceValuesAndAddSections()
    {
        Recipe recipe = Load(
            Minimal,
            ("train.steps", "1_000"),
            ("optimizer.lr", "1e-3"),
            ("data.train", "[a.bin, b.bin]"),
            ("model.hidden_size", "64"),
            ("optimizer.muon.lr", "0.5")
        );
        recipe.Train.Steps.ShouldBe(1000);
        recipe.Optimizer.LearningRate.ShouldBe(1e-3);
        recipe.Optimizer.MuonLearningRate.ShouldBe(0.5);
        recipe.Data.Train.ShouldBe(["a.bin", "b.bin"]);
        recipe.Model.Keys["hidden_size"]!.GetValue<long>().ShouldBe(64);
    }

    /// <summary>A length on the command line is the one that counts, whatever the file's is measured in.</summary>
    [Theory]
    [InlineData("train.minutes", "5", null, 5.0, null)]
    [InlineData("train.epochs", "0.5", null, null, 0.5)]
    [InlineData("train.steps", "7", 7, null, null)]
    [InlineData("train.tokens", "null", 10, null, null)]
    public void ALengthOnTheCommandLine_ReplacesTheFiles(string key, string value, int? steps, double? minutes, double? epochs)
    {
        TrainOptions train = Load(Minimal, (key, value)).Train;
        (train.Steps, train.Minutes, train.Epochs).ShouldBe((steps, minutes, epochs));
    }

    [Fact]
    public void TwoLengthsOnTheCommandLine_AreRefused() =>
        Should
            .Throw<InvalidDataException>(() => Load(Minimal, ("train.minutes", "5"), ("train.steps", "7")))
            .Message.ShouldContain("exactly one of the four, got 2");

    [Fact]
    public void ANumberOfTheModelOnTheCommandLine_IsReadAsConfigsAre() =>
        Load(Minimal, ("model.preset", "null"), ("model.vocab_size", "7000")).Model.Config(6400, null)["vocab_size"]!
            .ToJsonString()
            .ShouldBe("7000");

    /// <summary>vLLM picks the model by <c>architectures</c>, not by <c>model_type</c>: a preset's class must not stay behind when a recipe
    /// changes the family.</summary>
    [Theory]
    [InlineData("qwen2", "Qwen2ForCausalLM")]
    [InlineData("qwen3_moe", "Qwen3MoeForCausalLM")]
    [InlineData("deepseek_v3", "DeepseekV3ForCausalLM")]
    public void AnotherFamilyThanThePresets_NamesItsOwnClass(string modelType, string name)
    {
        using TemporaryDirectory directory = new();
        string preset = directory.Write(
            "preset.json",
            """{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 100}"""
        );
        Load(Minimal, ("model.preset", preset), ("model.model_type", modelType)).Model.Config(100, null)["architectures"]!
            .ToJsonString()
            .ShouldBe($"[\"{name}\"]");
    }

    /// <summary>A preset's ids are those of the tokenizer it was made with, which is another one.</summary>
    [Fact]
    public void SpecialIds_AreTheTokenizers_UnlessTheRecipeNamesThem()
    {
        using TemporaryDirectory directory = new();
        string preset = directory.Write(
            "preset.json",
            """{"model_type": "llama", "vocab_size": 100, "bos_token_id": 151643, "eos_token_id": 151643, "pad_token_id": 3}"""
        );
        Config(new TokenIds(1, 2, 0)).ShouldBe((1, 2, 0));
        Config(new TokenIds(null, 2, null)).ShouldBe((null, 2, null));
        Config(new TokenIds(1, 2, 0), ("model.eos_token_id", "7")).ShouldBe((1, 7, 0));
        Config(new TokenIds(1, 2, 0), ("model.vocab_size", "60")).ShouldBe((1, 2, 0));
        Should
            .Throw<InvalidDataException>(() => Config(new TokenIds(1, 2, 0), ("model.vocab_size", "40")))
            .Message.ShouldContain("has vocab_size 40, but the tokenizer has 50 ids");
        Should
            .Throw<InvalidDataException>(() => Config(new TokenIds(1, 2, 0), ("model.vocab_size", "many")))
            .Message.ShouldContain("\"vocab_size\" must be a whole number");
        Should
            .Throw<InvalidDataException>(() => Config(null))
            .Message.ShouldContain("bos_token_id 151643 is outside the vocabulary of 100");
        Should
            .Throw<InvalidDataException>(() => Config(new TokenIds(1, 2, 0), ("model.eos_token_id", "[2, 100]")))
            .Message.ShouldContain("eos_token_id 100 is outside");

        (int?, int?, int?) Config(TokenIds? ids, params (string, string)[] keys)
        {
            System.Text.Json.Nodes.JsonObject config = Load(Minimal, [("model.preset", preset), .. keys]).Model.Config(50, ids);
            int? Id(string key) =>
                config[key] is { } id ? int.Parse(id.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture) : null;
            return (Id("bos_token_id"), Id("eos_token_id"), Id("pad_token_id"));
        }
    }

    [Fact]
    public void ResolvedForm_LoadsToItself()
    {
        Recipe recipe = Load(
            Minimal,
            ("model.rope_scaling", "[]"),
            ("train.sample_prompts", "[\"春: 眠\", null]"),
            ("model.rms_norm_eps", "1e-6")
        );
        using TemporaryDirectory directory = new();
        Recipe.Load(directory.Write("r.yaml", recipe.Resolved)).Resolved.ShouldBe(recipe.Resolved);
    }

    [Fact]
    public void TemplateVariables_KeepTheirKinds()
    {
        using TemporaryDirectory directory = new();
        string file = directory.Write(
            "sft.yaml",
            """
            model: {path: base}
            chat_template_kwargs:
              enable_thinking: false
              level: 3
              temperature: 0.5
              name: "3"
              tone: dry
              tags: [a, 1]
              nothing: null
            data: {train: chat.jsonl, split_turns: never}
            train: {steps: 1}
            out: x
            """
        );
        SftRecipe recipe = SftRecipe.Load(
            file,
            [new("chat_template_kwargs.enable_thinking", "true"), new("chat_template_kwargs.extra", "1e2")]
        );
        recipe
            .TemplateVariables!.ToJsonString()
            .ShouldBe(
                """{"level":3,"temperature":0.5,"name":"3","tone":"dry","tags":["a",1],"nothing":null,"enable_thinking":true,"extra":100}"""
            );
        recipe.Data.SplitTurns.ShouldBe(Text.TurnSplitting.Never);
        SftRecipe.Load(directory.Write("resolved.yaml", recipe.Resolved)).Resolved.ShouldBe(recipe.Resolved);
        Should
            .Throw<InvalidDataException>(() => SftRecipe.Load(file, [new("chat_template_kwargs", "5")]))
            .Message.ShouldContain("chat_template_kwargs must be a section");
        Should
            .Throw<InvalidDataException>(() => SftRecipe.Load(file, [new("data.split_turns", "sometimes")]))
            .Message.ShouldContain("auto, always, never");
        SftRecipe
            .Load(directory.Write("plain.yaml", "model: {path: base}\ndata: {train: chat.jsonl}\ntrain: {steps: 1}\nout: x\n"))
            .TemplateVariables.ShouldBeNull();
    }

    [Theory]
    [InlineData("  steps: 10", "  stpes: 10", "r.yaml:7: there is no recipe key 'train.stpes' (did you mean 'train.steps'?)")]
    [InlineData("tokenizer: tok", "tokeniser: tok", "r.yaml:3: there is no recipe key 'tokeniser' (did you mean 'tokenizer'?)")]
    [InlineData("tokenizer: tok", "", "r.yaml: tokenizer is missing; add it")]
    [InlineData("  steps: 10", "  steps: ten", "r.yaml:7: train.steps must be a number, got 'ten'")]
    [InlineData("  steps: 10", "  steps: 1.5", "r.yaml:7: train.steps must be a whole number, got 1.5")]
    [InlineData("  steps: 10", "  steps: 0", "r.yaml:7: train.steps must be at least 1, got 0")]
    [InlineData("  steps: 10", "  steps: 5000000000", "train.steps must be between 1 and 2147483647, got 5000000000")]
    [InlineData("  steps: 10", "  epochs: 1e300", "train.epochs must be between 0.0001 and 1000000, got 1e300")]
    [InlineData("  steps: 10", "  minutes: nan", "train.minutes must be a number, got 'nan'")]
    [InlineData("out: runs/x", "optimizer: {lr: -1}\nout: runs/x", "optimizer.lr must be between 0 and 1000000, got -1")]
    [InlineData("out: runs/x", "optimizer: {beta2: 1}\nout: runs/x", "optimizer.beta2 must be between 0 and 0.9999999, got 1")]
    [InlineData("out: runs/x", "optimizer: {clip: 1e400}\nout: runs/x", "optimizer.clip must be a number, got '1e400'")]
    [InlineData("  steps: 10", "  steps: 10\n  minutes: 5", "exactly one of the four, got 2")]
    [InlineData(
        "  train: shards",
        "  train: shards\n  order: shufle",
        "must be one of shuffle, sequential, got 'shufle' (did you mean 'shuffle'?)"
    )]
    [InlineData(
        "{preset: microlm-31m}",
        "{preset: microlm-31m, hiden_size: 5}",
        "there is no recipe key 'model.hiden_size' (did you mean 'model.hidden_size'?)"
    )]
    [InlineData("out: runs/x", "out: [runs/x]", "out must be a single value")]
    [InlineData("out: runs/x", "out: 'runs", "this is not valid YAML")]
    public void Mistakes_AreNamedWithLineAndMend(string right, string wrong, string sentence) =>
        Should
            .Throw<InvalidDataException>(() => Load(Minimal.Replace(right, wrong, StringComparison.Ordinal)))
            .Message.ShouldContain(sentence);

    [Fact]
    public void MistakeInAnOverride_IsSaidToBeOnTheCommandLine() =>
        Should
            .Throw<InvalidDataException>(() => Load(Minimal, ("optimizer.weight_dacay", "0")))
            .Message.ShouldBe(
                "on the command line: there is no recipe key 'optimizer.weight_dacay' (did you mean 'optimizer.weight_decay'?)"
            );

    private static Recipe Load(string yaml, params (string Key, string Value)[] overrides)
    {
        using TemporaryDirectory directory = new();
        return Recipe.Load(directory.Write("r.yaml", yaml), [.. overrides.Select(o => new KeyValuePair<string, string>(o.Key, o.Value))]);
    }
}
