using System.Text.Json;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Families without a reference folder, beside <c>Numbers/families.json</c>: the families' formulas, written a second time in
/// float64 with automatic differentiation. Parameters and ids follow from a formula, so a few numbers are enough.</summary>
public sealed class FamilyNumbersTests
{
    private const int Tokens = 14;

    [Theory]
    [InlineData("exaone4")]
    [InlineData("exaone4 without windows")]
    [InlineData("starcoder2")]
    [InlineData("starcoder2 without biases")]
    public void Logits_loss_and_gradients_are_those_of_a_twin_in_float64(string name)
    {
        using JsonDocument numbers = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Numbers", "families.json"))
        );
        JsonElement twin = numbers.RootElement.GetProperty(name);
        using Device device = new(threads: 2);
        using CausalLm model = Pretrained.New(HfConfig.Parse(twin.GetProperty("config").GetRawText()), device, seed: 1);
        foreach (Parameter parameter in model.Parameters)
        {
            Fill(parameter);
        }
        int vocabulary = twin.GetProperty("config").GetProperty("vocab_size").GetInt32();
        int[] ids = [.. Enumerable.Range(0, Tokens).Select(i => (i * 7 + i * i) % vocabulary)];
        Shape shape = new(1, Tokens);

        using (device.Step())
        {
            float[] logits = model.Logits(model.Hidden(device.Rent(shape, ids), ForwardContext.Rows(device, 1, Tokens))).ToArray()[
                ^vocabulary..
            ];
            double[] wanted = [.. twin.GetProperty("last_logits").EnumerateArray().Select(value => value.GetDouble())];
            double largest = wanted.Max(Math.Abs);
            logits.Zip(wanted).ShouldAllBe(pair => Math.Abs(pair.First - pair.Second) < 1e-5 * largest);
        }

        using (device.Step(record: true))
        {
            Tensor loss = model.Loss(
                device.Rent(shape, ids),
                device.Rent(shape, (int[])[.. ids[1..], -100]),
                normalizer: Tokens - 1,
                ForwardContext.Rows(device, 1, Tokens)
            );
            device.Tape.Backward(loss);
            loss.Item().ShouldBe((float)twin.GetProperty("loss").GetDouble(), 1e-5f);
        }
        JsonElement gradients = twin.GetProperty("gradients");
        gradients.EnumerateObject().Select(g => g.Name).ShouldBe(model.Parameters.Select(p => p.Name), ignoreOrder: true);
        foreach (Parameter parameter in model.Parameters)
        {
            double[] expected = [.. gradients.GetProperty(parameter.Name).EnumerateArray().Select(value => value.GetDouble())];
            float[] gradient = parameter.Tensor.Grad!.Span.ToArray();
            Math.Sqrt(gradient.Sum(g => (double)g * g)).ShouldBe(expected[0], 2e-5 * expected[0], parameter.Name);
            gradient.Select((g, i) => g * Math.Cos(i)).Sum().ShouldBe(expected[1], 2e-5 * expected[0], parameter.Name);
        }
    }

    /// <summary>0.4 · sin(sum of the name's letters + 0.618 · i²), and 1 more in the weights of norms.</summary>
    private static void Fill(Parameter parameter)
    {
        int letters = parameter.Name.Sum(letter => letter);
        double middle =
            parameter.Name.Contains("norm", StringComparison.Ordinal) && parameter.Name.EndsWith("weight", StringComparison.Ordinal)
                ? 1
                : 0;
        Span<float> values = parameter.Tensor.Span;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(0.4 * Math.Sin(letters + 0.618 * i * i) + middle);
        }
    }

    [Theory]
    [InlineData("\"sliding_window\": null, \"layer_types\": [\"sliding_attention\", \"full_attention\"]", "sliding_window")]
    [InlineData("\"sliding_window_pattern\": \"LLLG\"", "layer_types")]
    [InlineData("\"sliding_window_pattern\": 0", "sliding_window_pattern")]
    [InlineData("\"attention_bias\": true", "attention_bias")]
    public void What_exaone4_does_not_mean_is_refused_by_key(string keys, string said)
    {
        using Device device = new(1);
        string config =
            "{\"model_type\": \"exaone4\", \"vocab_size\": 23, \"hidden_size\": 16, \"intermediate_size\": 24, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "
            + keys
            + "}";
        Should.Throw<InvalidDataException>(() => Pretrained.Describe(HfConfig.Parse(config), device)).Message.ShouldContain(said);
    }
}
