using System.Text.Json;
using Inkstone.Text;
using Json.Schema;

namespace Inkstone.Grammar.Tests;

/// <summary>Whatever a model prefers, what it writes is valid: tokens drawn at random, judged by JsonSchema.Net.</summary>
public sealed class GenerationTests(ITestOutputHelper output)
{
    private static string[] Schemas { get; } =
    [
        .. JsonDocument
            .Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "schemas.json")))
            .RootElement.EnumerateArray()
            .Select(s => s.GetRawText()),
    ];

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

    /// <summary>Each token of a large vocabulary, at places within random texts: long bounds, names seen before, free objects,
    /// patterns.</summary>
    [GoldenFact("tokenizers/qwen2.5")]
    [Trait("Category", "Slow")]
    public void Masks_of_Qwens_tokens_allow_exactly_what_is_accepted()
    {
        Tokenizer tokenizer = Tokenizer.Load(Goldens.Shared("tokenizers/qwen2.5"));
        TokenVocabulary vocabulary = new(tokenizer);
        ulong[] mask = new ulong[vocabulary.MaskLength];
        int places = 0;
        foreach (
            string schema in new[]
            {
                """{"type":"object"}""",
                """{"type":"string","minLength":3,"maxLength":500}""",
                """{"type":"string","maxLength":20}""",
                """{"type":"array","items":{"type":"string","pattern":"^[a-z]+: .{0,9}$"}}""",
                """{"type":"object","properties":{"name":{"type":"string"},"id":{"type":"integer"}},"required":["id"],"additionalProperties":{"type":"string"}}""",
            }
        )
        {
            CompiledGrammar grammar = new(TextGrammar.JsonSchema(schema), vocabulary);
            for (int seed = 0; seed < 2; seed++)
            {
                int[] text = new RandomTexts(grammar, tokenizer.EosId!.Value, new Random(seed), schema).Write(12);
                TokenMask sequence = grammar.NewMask(tokenizer.EosId!.Value);
                foreach (int next in text)
                {
                    sequence.Fill(mask);
                    for (int id = 0; places % 3 == 0 && id < vocabulary.Size; id++)
                    {
                        bool ok = sequence.Accept(id);
                        if ((mask[id >> 6] >> id & 1) != 0 != ok)
                        {
                            Assert.Fail($"{schema}: {(ok ? "accepted" : "allowed")} only: {tokenizer.IdToToken(id)}");
                        }
                        sequence.Rollback(ok ? 1 : 0);
                    }
                    places++;
                    sequence.Accept(next).ShouldBeTrue();
                }
            }
        }
        output.WriteLine($"{places} places");
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
                catch (Exception fault)
                    when (fault is JsonException or ArgumentException or InvalidOperationException or OverflowException or FormatException)
                {
                    wrong.Add($"{Schemas[i]}: {text}: {fault.Message}");
                }
            }
        }
        output.WriteLine($"{count} texts over {Schemas.Length} schemas, {wrong.Count} not valid");
        wrong.ShouldBeEmpty();
    }
}
