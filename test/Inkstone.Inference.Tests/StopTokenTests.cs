using Inkstone.Formats;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference.Tests;

/// <summary>What ends a text: stops that are special tokens, end tokens of generation_config.json, of config.json and of the
/// tokenizer.</summary>
public sealed class StopTokenTests : IDisposable
{
    private readonly Device _device = new(threads: 1);
    private readonly TemporaryDirectory _directory = new();
    private readonly Tokenizer _tokenizer = BpeTrainer.TrainText(
        ["a"],
        new BpeTrainerOptions(259, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|turn|>", "<|over|>"])
    );

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("<|over|>", "bc", 2)]
    [InlineData("c<|over|>d", "b", 4)]
    [InlineData("d", "bc", 4)]
    [InlineData("never", "bcde", 5)]
    public void A_stop_text_may_be_a_special_token_or_hold_one(string stop, string expected, int tokens)
    {
        using CausalLm model = ChainModel.Make(_device, 259, Abc());
        TextGenerator generator = new(model, _tokenizer);
        string text = string.Concat(generator.Generate(Ids("a"), SamplingParams.Greedy(5) with { Stop = [stop] }));
        text.ShouldBe(expected);
        generator.Text.ShouldBe(expected);
        generator.Ids.Count.ShouldBe(tokens);
        generator.FinishReason.ShouldBe(stop == "never" ? FinishReason.Length : FinishReason.Stop);
    }

    [Theory]
    [InlineData("""{"eos_token_id": [0, 2]}""", ",\"eos_token_id\":0", "bc")] // the file counts more
    [InlineData("""{"eos_token_id": 2}""", "", "bc")]
    [InlineData("""{"temperature": 1.0}""", ",\"eos_token_id\":2", "bc")] // what it leaves out config.json says
    [InlineData("""{"eos_token_id": null}""", ",\"eos_token_id\":2", "bc")]
    [InlineData(null, ",\"eos_token_id\":[7,2]", "bc")]
    [InlineData(null, "", "bcde")] // the tokenizer's end token, 0
    [InlineData("""{"eos_token_id": 1}""", "", "bcde" + "eeee")] // which does not count beside another
    public void End_tokens_come_from_generation_config_then_config_then_the_tokenizer(string? generation, string config, string expected)
    {
        int end = expected.Length == 8 ? Id("e") : 0;
        using (CausalLm made = ChainModel.Make(_device, 259, [.. Abc(), (Id("e"), end)], config))
        {
            Pretrained.Save(made, _directory["model"]);
        }
        if (generation is not null)
        {
            _directory.Write("model/generation_config.json", generation);
        }
        using CausalLm model = Pretrained.Open(_directory["model"], _device);
        string.Concat(new TextGenerator(model, _tokenizer).Generate(Ids("a"), SamplingParams.Greedy(9))).ShouldBe(expected);
    }

    /// <summary>A GGUF file has one id for each kind of end, and no generation_config.json.</summary>
    [Theory]
    [InlineData(GgufFileType.F32)]
    [InlineData(GgufFileType.Q8_0)]
    public void Ends_and_settings_survive_in_a_gguf_file(GgufFileType type)
    {
        using (CausalLm made = ChainModel.Make(_device, 288, Abc(), ",\"eos_token_id\":0"))
        {
            _tokenizer.Save(_directory[""]);
            _directory.Write(
                "generation_config.json",
                """{"eos_token_id": [0, 2], "do_sample": true, "temperature": 0.25, "top_k": 5, "repetition_penalty": 1.5}"""
            );
            Pretrained.SaveGguf(made, _directory["m.gguf"], type, _directory[""]);
        }
        using CausalLm model = Pretrained.Open(_directory["m.gguf"], _device, matrixType: null, trained: false);
        model.EosTokenIds.ShouldBe([0, 2]);
        SamplingParams p = GenerationSettings.Read(model.GenerationConfig).Sampling(true);
        (p.Temperature, p.TopK, p.TopP, p.RepetitionPenalty).ShouldBe((0.25f, 5, 1, 1.5f));
        string.Concat(new TextGenerator(model, ModelTokenizer.Load(_directory["m.gguf"])).Generate(Ids("a"), SamplingParams.Greedy(5)))
            .ShouldBe("bc");
    }

    [Fact]
    public void Ignoring_end_tokens_leaves_the_stops_that_are_asked_for()
    {
        using CausalLm model = ChainModel.Make(_device, 259, Abc(), ",\"eos_token_id\":2");
        TextGenerator generator = new(model, _tokenizer);
        SamplingParams p = SamplingParams.Greedy(4, ignoreEos: true);
        string.Concat(generator.Generate(Ids("a"), p)).ShouldBe("bcd");
        string.Concat(generator.Generate(Ids("a"), p with { Stop = ["<|over|>"] })).ShouldBe("bc");
    }

    /// <summary>a b c &lt;|over|&gt; d e.</summary>
    private IEnumerable<(int, int)> Abc() => ChainModel.Chain(Id("a"), Id("b"), Id("c"), 2, Id("d"), Id("e"));

    private int[] Ids(string text) => _tokenizer.Encode(text);

    private int Id(string token) => _tokenizer.TokenToId(token)!.Value;
}
