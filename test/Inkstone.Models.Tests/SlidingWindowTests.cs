using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Layers that see a window of keys: their cache forgets the rest and nobody notices.</summary>
public sealed class SlidingWindowTests
{
    private const string Config = """
        {"model_type":"qwen2","vocab_size":97,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,
         "max_position_embeddings":2048,"tie_word_embeddings":true,"use_sliding_window":true,"sliding_window":7,
        """;

    [Theory]
    [InlineData("\"max_window_layers\":1}")]
    [InlineData("\"layer_types\":[\"full_attention\",\"sliding_attention\",\"sliding_attention\"]}")]
    public void Cached_logits_are_those_of_the_whole(string layers)
    {
        using Device device = new(threads: 2);
        using CausalLm model = Pretrained.New(HfConfig.Parse(Config + layers), device, seed: 3);
        Random random = new(1);
        int[] ids = [.. Enumerable.Range(0, 700).Select(_ => random.Next(97))];
        float[] whole = Logits(device, model, ids, () => ForwardContext.Rows(device, 1, ids.Length));

        using PagedCache cache = model.NewCache(ids.Length, step: 200);
        CachedSequence text = cache.TryNew()!;
        using (
            CausalLm everywhere = Pretrained.New(
                HfConfig.Parse(
                    Config.Replace("\"use_sliding_window\":true", "\"use_sliding_window\":false", StringComparison.Ordinal) + layers
                ),
                device,
                seed: 3
            )
        )
        {
            Logits(device, everywhere, ids, () => ForwardContext.Rows(device, 1, ids.Length))[^97..]
                .ShouldNotBe(whole[^97..], "the window hides something");
        }
        List<float> parts = [];
        for (int at = 0, i = 0; at < ids.Length; i++)
        {
            int length = Math.Min(ids.Length - at, i % 3 == 0 ? 200 : i % 3);
            parts.AddRange(Logits(device, model, ids[at..(at + length)], () => ForwardContext.Next(text, length)));
            at += length;
        }
        cache.Bytes.ShouldBeLessThan(3L * ids.Length * 2 * 16 * sizeof(float) * 2 / 3, "two layers keep two windows and a chunk");
        float largest = whole.Max(Math.Abs);
        for (int i = 0; i < whole.Length; i++)
        {
            Math.Abs(parts[i] - whole[i]).ShouldBeLessThan(5e-6f * largest, $"element {i}");
        }

        text.TryTruncate(ids.Length - 1).ShouldBeTrue();
        Logits(device, model, ids[^1..], () => ForwardContext.Next(text, 1))
            .Zip(whole[^97..])
            .ShouldAllBe(p => Math.Abs(p.First - p.Second) < 5e-6f * largest);
        text.TryTruncate(3).ShouldBeFalse("what lay before the window is gone");
    }

    [Fact]
    public void A_prompt_in_parts_longer_than_the_window_is_taken_in()
    {
        using Device device = new(threads: 2);
        using CausalLm model = Pretrained.New(HfConfig.Parse(Config + "\"max_window_layers\":1}"), device, seed: 3);
        int[] prompt = [.. Enumerable.Range(0, 1300).Select(i => i * i % 97)];
        SamplingParams p = SamplingParams.Greedy(4, ignoreEos: true);
        new Generator(model).Generate(prompt, p).ShouldBe(new Generator(model).Generate(prompt, p, useCache: false));
    }

    private static float[] Logits(Device device, CausalLm model, int[] ids, Func<ForwardContext> ctx)
    {
        using StepScope step = device.Step();
        return model.Logits(model.Hidden(device.Rent(new Shape(1, ids.Length), ids), ctx())).Span.ToArray();
    }
}
