using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Inference.Tests;

public sealed class GeneratorTests : IDisposable
{
    private const string Config = """
        {"model_type":"llama","vocab_size":60,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,
         "num_key_value_heads":2,"max_position_embeddings":700,"tie_word_embeddings":true,"initializer_range":0.2,"eos_token_id":3}
        """;

    private readonly Device _device = new(threads: 2);
    private readonly CausalLm _model;

    public GeneratorTests() => _model = Pretrained.New(HfConfig.Parse(Config), _device, seed: 1);

    public void Dispose()
    {
        _model.Dispose();
        _device.Dispose();
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1.5f)]
    public void The_cache_does_not_change_the_text(float temperature)
    {
        SamplingParams p = new(Temperature: temperature, MaxTokens: 40, Seed: 9, IgnoreEos: true);
        Generator generator = new(_model);
        int[] cached = [.. generator.Generate([10, 11, 12], p)];
        cached.Length.ShouldBe(40);
        cached.ShouldBe(generator.Generate([10, 11, 12], p, useCache: false));
        generator.FinishReason.ShouldBe(FinishReason.Length);
    }

    [Fact]
    public void A_long_prompt_is_prefilled_in_parts_with_the_same_result()
    {
        int[] prompt = [.. Enumerable.Range(0, 600).Select(i => 4 + i * i % 50)];
        SamplingParams p = SamplingParams.Greedy(3, ignoreEos: true);
        new Generator(_model).Generate(prompt, p).ShouldBe(new Generator(_model).Generate(prompt, p, useCache: false));
    }

    [Fact]
    public void Text_ends_at_an_end_token_which_is_not_part_of_it()
    {
        Generator generator = new(_model);
        int[] free = [.. generator.Generate([10, 11, 12], new SamplingParams(Temperature: 2, MaxTokens: 400, Seed: 2, IgnoreEos: true))];
        int end = Array.IndexOf(free, 3);
        end.ShouldBeGreaterThan(0);
        generator.Generate([10, 11, 12], new SamplingParams(Temperature: 2, MaxTokens: 400, Seed: 2)).ShouldBe(free[..end]);
        generator.FinishReason.ShouldBe(FinishReason.Stop);
    }

    [Fact]
    public void The_context_is_a_limit_and_a_bad_prompt_is_refused()
    {
        Generator generator = new(_model);
        generator.Generate([.. Enumerable.Repeat(8, 695)], SamplingParams.Greedy(100, ignoreEos: true)).Count().ShouldBe(5);
        Should.Throw<ArgumentException>(() => generator.Generate([], SamplingParams.Greedy(1)).Count()).Message.ShouldContain("no tokens");
        Should
            .Throw<ArgumentException>(() => generator.Generate([60], SamplingParams.Greedy(1)).Count())
            .Message.ShouldContain("vocabulary of 60");
        Should
            .Throw<ArgumentException>(() => generator.Generate(new int[700], SamplingParams.Greedy(1)).Count())
            .Message.ShouldContain("700");
    }

    [Fact]
    public void A_decoded_token_allocates_nothing()
    {
        using IEnumerator<int> tokens = new Generator(_model)
            .Generate([10, 11, 12], new SamplingParams(Temperature: 1, TopK: 20, TopP: 0.9f, MaxTokens: 200, IgnoreEos: true))
            .GetEnumerator();
        for (int i = 0; i < 140; i++)
        {
            tokens.MoveNext().ShouldBeTrue();
            Thread.Sleep(i % 20 == 0 ? 50 : 0); // the runtime replaces its first, unoptimised code in the background; that code boxes
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 30; i++)
        {
            _ = tokens.MoveNext();
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }
}
