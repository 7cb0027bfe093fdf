using System.Text.Json;
using Inkstone.Formats;
using Inkstone.Grammar;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference.Tests;

/// <summary>Texts that are held to a form are those that each gives alone, and have the form, whatever the engine does to fit them
/// in.</summary>
public sealed class GrammarInEngineTests : IDisposable
{
    private const string Person =
        """{"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"enum":["a","bc","def"]},"maxItems":4}},"required":["name","age"],"additionalProperties":false}""";

    private readonly Device _device = new(threads: 2);

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData(0, 0)] // room for all of them
    [InlineData(600, 0)] // some give up their memory and are computed anew
    [InlineData(600, 4)] // and guesses are taken back
    public void Preempted_and_guessed_texts_keep_their_form(int cacheTokens, int guesses)
    {
        using CausalLm model = Pretrained.New(
            HfConfig.Parse(
                """{"model_type":"llama","vocab_size":288,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":512,"initializer_range":0.3}"""
            ),
            _device,
            seed: 4
        );
        Tokenizer tokenizer = BpeTrainer.TrainText(
            ["{\"name\": \"abc\", \"age\": 12}"],
            new BpeTrainerOptions(270, SplitPattern.Gpt2, SpecialTokens: ["<|end|>"])
        );
        int end = tokenizer.TokenToId("<|end|>")!.Value;
        TokenVocabulary vocabulary = new(tokenizer);
        CompiledGrammar[] grammars =
        [
            new(TextGrammar.JsonSchema(Person), vocabulary),
            new(TextGrammar.Regex("([a-f]{3}-){20}[0-9]{40}"), vocabulary),
            new(TextGrammar.Choice("yes, it does and will", "no, it does not and will not"), vocabulary),
        ];
        GenerationRequest[] requests =
        [
            .. Enumerable
                .Range(0, 18)
                .Select(i => new GenerationRequest(
                    tokenizer.Encode(new string((char)('a' + i), 20 + (13 * i % 90))),
                    (i % 2 == 0 ? SamplingParams.Greedy(300) : new SamplingParams(Temperature: 1.2f, MaxTokens: 300, Seed: (ulong)i)) with
                    {
                        StopTokenIds = [end],
                        Grammar = grammars[i % 3],
                    }
                )),
        ];
        int[][] alone = [.. requests.Select(r => Together(model, tokenizer, [r], new EngineOptions { PrefixSharing = false }, out _)[0])];
        int[][] together = Together(
            model,
            tokenizer,
            requests,
            new EngineOptions
            {
                MaxSequences = 18,
                MaxBatchTokens = 64,
                CacheTokens = cacheTokens,
                MaxLength = 450,
                Guesses = guesses,
            },
            out EngineStatistics statistics
        );
        together.ShouldBe(alone);
        (statistics.Preemptions > 0).ShouldBe(cacheTokens > 0);
        (statistics.Guessed > 0).ShouldBe(guesses > 0);
        for (int i = 0; i < requests.Length; i += 3)
        {
            JsonElement person = JsonDocument.Parse(tokenizer.Decode(together[i])).RootElement;
            person.GetProperty("name").GetString()!.EnumerateRunes().Count().ShouldBeLessThanOrEqualTo(12);
            person.GetProperty("age").GetInt32().ShouldBeInRange(0, 150);
        }
        for (int i = 1; i < requests.Length; i += 3)
        {
            tokenizer.Decode(together[i]).ShouldMatch(@"\A([a-f]{3}-){20}[0-9]{40}\z");
        }
    }

    private static int[][] Together(
        CausalLm model,
        Tokenizer tokenizer,
        GenerationRequest[] requests,
        EngineOptions options,
        out EngineStatistics statistics
    )
    {
        using Engine engine = new(model, tokenizer, options);
        Generation[] texts = [.. requests.Select(engine.Add)];
        while (engine.Step()) { }
        statistics = engine.Statistics;
        texts.ShouldAllBe(t => t.FinishReason == FinishReason.Stop);
        return [.. texts.Select(t => t.Ids.ToArray())];
    }
}
