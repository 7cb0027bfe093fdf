using System.Text.Json;

namespace Inkstone.Text.Tests;

public sealed class RealTokenizerGoldenTests
{
    [GoldenTheory("goldens/tokenizers", "tokenizers")]
    [InlineData("qwen2.5")]
    [InlineData("minimind")]
    [InlineData("mini-llm")]
    [InlineData("llama2")]
    public void Ids_and_texts_equal_those_of_Hugging_Face(string name)
    {
        string folder = Goldens.Of("tokenizers"),
            path = Goldens.Shared($"tokenizers/{name}");
        Tokenizer tokenizer = Tokenizer.Load(path);
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "real", $"{name}.ids.json")));
        int[][] ids = golden.RootElement.GetProperty("ids").Deserialize<int[][]>()!;
        int[][] withSpecial = golden.RootElement.GetProperty("with_special").Deserialize<int[][]>()!;
        string[] decoded = golden.RootElement.GetProperty("decoded").Deserialize<string[]>()!;
        string[] texts = Goldens.Texts(folder);
        for (int i = 0; i < texts.Length; i++)
        {
            tokenizer.Encode(texts[i], addSpecialTokens: false).ShouldBe(ids[i], $"{name}: text {i}");
            tokenizer.Decode(ids[i]).ShouldBe(decoded[i], $"{name}: decoding of text {i}");
            StreamDecoder stream = new(tokenizer, skipSpecialTokens: false);
            string streamed = string.Concat(ids[i].Select(stream.Add)) + stream.Flush();
            streamed.ShouldBe(decoded[i], $"{name}: streaming of text {i}");
        }
        for (int i = 0; i < withSpecial.Length; i++)
        {
            tokenizer.Encode(texts[i]).ShouldBe(withSpecial[i], $"{name}: text {i} with special tokens");
        }
    }
}
