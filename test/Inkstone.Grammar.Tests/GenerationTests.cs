using System.Text.Json;
using Inkstone.Text;
using Json.Schema;

namespace Inkstone.Grammar.Tests;

/// <summary>Whatever a model prefers, what it writes is valid: tokens drawn at random, judged by JsonSchema.Net.</summary>
public sealed class GenerationTests(ITestOutputHelper output)
{
    private static string[] Schemas { get; } = [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "schemas.json"))).RootElement.EnumerateArray().Select(s => s.GetRawText())];

    [Fact]
    public void Random_texts_of_bytes_are_valid() => Judge(ByteTokens.Vocabulary, ByteTokens.End, 3, 200);

    [GoldenFact("tokenizers/qwen2.5")]
    [Trait("Category", "Slow")]
    public void Two_thousand_random_texts_of_Qwens_tokens_are_valid()
    {
        Tokenizer tokenizer = Tokenizer.Load(Goldens.Shared("tokenizers/qwen2.5"));
        Judge(new TokenVocabulary(tokenizer), tokenizer.EosId!.Value, 20, 60);
    }

    [GoldenFact("tokenizers/llama2")]
    [Trait("Category", "Slow")]
    public void Random_texts_of_SentencePiece_tokens_are_valid()
    {
        Tokenizer tokenizer = Tokenizer.Load(Goldens.Shared("tokenizers/llama2"));
        Judge(new TokenVocabulary(tokenizer), tokenizer.EosId!.Value, 5, 60);
    }

    private void Judge(TokenVocabulary vocabulary, int end, int each, int soft)
    {
        Schemas.Length.ShouldBe(100);
        List<string> wrong = [];
        int count = 0;
        for (int i = 0; i < Schemas.Length; i++)
        {
            CompiledGrammar grammar = new(TextGrammar.JsonSchema(Schemas[i]), vocabulary);
            JsonSchema judge = JsonSchema.FromText(Schemas[i]);
            RandomTexts texts = new(grammar, end, new Random(i), Schemas[i]);
            for (int k = 0; k < each; k++)
            {
                string text = "";
                count++;
                try
                {
                    text = vocabulary.Tokenizer.Decode(texts.Write(soft));
                    if (!judge.Evaluate(JsonDocument.Parse(text).RootElement).IsValid)
                    {
                        wrong.Add($"{Schemas[i]}: {text}");
                    }
                }
                catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException or OverflowException or FormatException)
                {
                    wrong.Add($"{Schemas[i]}: {text}: {fault.Message}");
                }
            }
        }
        output.WriteLine($"{count} texts over {Schemas.Length} schemas, {wrong.Count} not valid");
        wrong.ShouldBeEmpty();
    }
}
