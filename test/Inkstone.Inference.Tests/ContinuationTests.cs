using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference.Tests;

/// <summary>A text that a model goes on with is the middle of a text: tokenizers that write a space as part of a word lose it only where a
/// text begins.</summary>
public sealed class ContinuationTests : IDisposable
{
    private const int Bos = 1,
        Eos = 2,
        A = 260,
        B = 261,
        SpaceA = 262,
        SpaceB = 263;

    /// <summary>Llama 2's kind: a space before the first word is put in by the normalizer and taken off by the decoder; byte b is token 3 +
    /// b.</summary>
    private static readonly string Pieces = $$"""
        {"version": "1.0", "truncation": null, "padding": null,
         "added_tokens": [{"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
                          {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
         "pre_tokenizer": null, "post_processor": null,
         "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                     {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
         "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
                   "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, {{string.Join(
            ", ",
            Enumerable.Range(0, 256).Select(b => $"\"<0x{b:X2}>\": {3 + b}")
        )}}, "▁": 259, "a": 260, "b": 261, "▁a": 262, "▁b": 263},
                   "merges": ["▁ a", "▁ b"]} }
        """;

    private readonly Device _device = new(threads: 1);
    private readonly TemporaryDirectory _directory = new();
    private readonly Tokenizer _tokenizer;

    public ContinuationTests() => _tokenizer = Tokenizer.Load(_directory.Write("tokenizer.json", Pieces));

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(new[] { SpaceA, SpaceB, B, Eos }, 1, " bb")] // "a" goes on with " bb"
    [InlineData(new[] { SpaceA, A, SpaceB, Eos }, 1, "a b")]
    [InlineData(new[] { Bos, SpaceB, SpaceA, Eos }, 1, "b a")] // behind <s> a text begins, and begins without a space
    [InlineData(new[] { Bos, SpaceA, SpaceB, Eos }, 2, " b")]
    [InlineData(new[] { SpaceA, 0xE7, 0xC0, 0xA3, Eos }, 1, "你")]
    [InlineData(new[] { SpaceA, 0xE7, 0xC0, 0xA3, SpaceB, Eos }, 4, " b")] // whole characters of the prompt stay the prompt's
    [InlineData(new[] { SpaceA, 0xE7, 0xC0, 0xA3, SpaceB, Eos }, 3, "你 b")] // a half one is completed
    public void What_follows_a_prompt_keeps_its_space(int[] chain, int promptLength, string expected)
    {
        using CausalLm model = ChainModel.Make(_device, 264, ChainModel.Chain(chain), ",\"eos_token_id\":2");
        TextGenerator generator = new(model, _tokenizer);
        string.Concat(generator.Generate(chain[..promptLength], SamplingParams.Greedy(9))).ShouldBe(expected);
        generator.FinishReason.ShouldBe(FinishReason.Stop);
    }

    [Theory]
    [InlineData(" b", "")]
    [InlineData("b", " ")]
    [InlineData("b\n", " ")]
    public void Stops_see_the_space(string stop, string expected)
    {
        using CausalLm model = ChainModel.Make(_device, 264, ChainModel.Chain(SpaceA, SpaceB, 3 + 0x0A, A), ",\"eos_token_id\":2");
        string.Concat(new TextGenerator(model, _tokenizer).Generate([SpaceA], SamplingParams.Greedy(6) with { Stop = [stop] }))
            .ShouldBe(expected);
    }
}
