using Inkstone.Formats;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference.Tests;

public sealed class TextGeneratorTests
{
    [GoldenFact]
    public void Streamed_text_is_the_decoded_tokens_cut_at_the_stop_text()
    {
        Tokenizer tokenizer = Tokenizer.Load(
            Directory.GetFiles(Goldens.Of("tokenizers"), "*1000_min0.json").Order(StringComparer.Ordinal).First()
        );
        string config = $$"""
            {"model_type":"llama","vocab_size":{{tokenizer.VocabularySize}},"hidden_size":32,"intermediate_size":48,"num_hidden_layers":1,
             "num_attention_heads":4,"max_position_embeddings":256,"initializer_range":0.2}
            """;
        using Device device = new(threads: 1);
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), device, seed: 1);
        TextGenerator generator = new(model, tokenizer);
        int[] prompt = tokenizer.Encode("Once upon a time");
        SamplingParams p = new(MaxTokens: 60, Seed: 4);

        string whole = string.Concat(generator.Generate(prompt, p));
        whole.ShouldBe(tokenizer.Decode([.. generator.Ids], skipSpecialTokens: true));
        generator.FinishReason.ShouldBe(FinishReason.Length);

        string stop = whole.Substring(whole.Length / 2, 3);
        string.Concat(generator.Generate(prompt, p with { Stop = [stop] }))
            .ShouldBe(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]);
        generator.FinishReason.ShouldBe(FinishReason.Stop);
    }
}
