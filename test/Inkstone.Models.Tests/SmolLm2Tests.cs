using System.Text;
using System.Text.Json;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Models.Tests;

/// <summary>A real chat model in a GGUF file against what transformers computes from the same file, dequantised to float32.</summary>
public sealed class SmolLm2Tests : IDisposable
{
    private readonly Device _device = new();

    private static string Path => Goldens.Of("../models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");

    public void Dispose() => _device.Dispose();

    [GoldenFact("models/smollm2-135m-instruct", "goldens/smollm2")]
    public void The_tokenizer_inside_the_file_gives_the_same_ids_and_template()
    {
        using GgufFile file = GgufFile.Open(Path);
        GgufTokenizer found = GgufTokenizer.Read(file.Metadata)!;
        Tokenizer tokenizer = Tokenizer.FromJson(Encoding.UTF8.GetBytes(found.Json), Encoding.UTF8.GetBytes(found.ConfigJson), Path);
        using JsonDocument chat = Json("chat.json");
        foreach (JsonElement item in chat.RootElement.GetProperty("cases").EnumerateArray())
        {
            tokenizer.Encode(item.GetProperty("rendered").GetString()!).ShouldBe(Ids(item, "ids"));
            tokenizer.Decode(Ids(item, "greedy_ids")).ShouldBe(item.GetProperty("greedy_text").GetString());
        }
        using JsonDocument texts = Json("perplexity.json");
        foreach (JsonElement item in texts.RootElement.GetProperty("documents").EnumerateArray())
        {
            tokenizer.Encode(item.GetProperty("text").GetString()!).ShouldBe(Ids(item, "ids"));
        }
        tokenizer.ChatTemplate.ShouldBe(chat.RootElement.GetProperty("chat_template").GetString());
        tokenizer.IdToToken(tokenizer.EosId!.Value).ShouldBe("<|im_end|>");
    }

    [GoldenFact("models/smollm2-135m-instruct", "goldens/smollm2")]
    public void Logits_and_greedy_text_are_those_of_transformers()
    {
        using CausalLm model = Pretrained.Open(Path, _device, trained: false);
        Logits_are_near(model, 1e-4);
        using JsonDocument chat = Json("chat.json");
        foreach (JsonElement item in chat.RootElement.GetProperty("cases").EnumerateArray())
        {
            int[] wanted = Ids(item, "greedy_ids");
            Greedy(model, Ids(item, "ids"), wanted.Length).ShouldBe(wanted);
        }
    }

    [GoldenFact("models/smollm2-135m-instruct", "goldens/smollm2")]
    public void The_likelihood_of_texts_is_that_of_transformers()
    {
        using CausalLm model = Pretrained.Open(Path, _device, trained: false);
        using JsonDocument texts = Json("perplexity.json");
        foreach (JsonElement item in texts.RootElement.GetProperty("documents").EnumerateArray().Take(6))
        {
            double wanted = item.GetProperty("nll_sum").GetDouble();
            Likelihood(model, Ids(item, "ids")).ShouldBe(wanted, 1e-4 * wanted);
        }
    }

    [GoldenFact("models/smollm2-135m-instruct", "goldens/smollm2")]
    public void Blocks_that_stay_quantised_change_perplexity_by_less_than_two_percent()
    {
        using CausalLm model = Pretrained.Open(Path, _device, matrixType: null, trained: false);
        model.Parameters["model.layers.3.mlp.up_proj.weight"].DType.ShouldBe(DType.Q4_1);
        model.OutputWeight.DType.ShouldBe(DType.Q8_0);
        // Activations are rounded to 8 bits, as llama.cpp rounds them: the worst of 49,152 logits at any place moves far more than the
        // likelihood.
        Logits_are_near(model, 0.1);
        using JsonDocument texts = Json("perplexity.json");
        double found = 0,
            wanted = 0;
        int tokens = 0;
        foreach (JsonElement item in texts.RootElement.GetProperty("documents").EnumerateArray().Take(6))
        {
            int[] ids = Ids(item, "ids");
            (found, wanted, tokens) = (
                found + Likelihood(model, ids),
                wanted + item.GetProperty("nll_sum").GetDouble(),
                tokens + ids.Length - 1
            );
        }
        Math.Exp((found - wanted) / tokens).ShouldBeInRange(0.98, 1.02);
    }

    private void Logits_are_near(CausalLm model, double tolerance)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(Goldens.Of("smollm2/logits.safetensors"));
        int[] ids = golden.ReadInts("input_ids");
        float[] wanted = golden.ReadFloats("logits");
        using (_device.Step())
        {
            Tensor logits = model.Logits(
                model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length))
            );
            double worst = 0,
                largest = 0;
            for (int i = 0; i < wanted.Length; i++)
            {
                (worst, largest) = (Math.Max(worst, Math.Abs(logits.Span[i] - wanted[i])), Math.Max(largest, Math.Abs(wanted[i])));
            }
            (worst / largest).ShouldBeLessThan(tolerance);
        }
    }

    private static int[] Greedy(CausalLm model, int[] prompt, int count) =>
        [.. new Generator(model).Generate(prompt, SamplingParams.Greedy(count, ignoreEos: true))];

    private double Likelihood(CausalLm model, int[] ids)
    {
        using (_device.Step())
        {
            Shape row = new(1, ids.Length - 1);
            Tensor hidden = model.Hidden(_device.Rent(row, ids.AsSpan(0, ids.Length - 1)), ForwardContext.Rows(_device, 1, ids.Length - 1));
            Tensor logs = Ops.LogProbs(hidden, model.OutputWeight, _device.Rent(row, ids.AsSpan(1)));
            double sum = 0;
            foreach (float log in logs.Span)
            {
                sum -= log;
            }
            return sum;
        }
    }

    private static JsonDocument Json(string name) => JsonDocument.Parse(File.ReadAllBytes(Goldens.Of("smollm2/" + name)));

    private static int[] Ids(JsonElement item, string key) => [.. item.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
}
