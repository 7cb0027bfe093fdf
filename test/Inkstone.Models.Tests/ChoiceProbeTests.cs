using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

public sealed class ChoiceProbeTests : IDisposable
{
    private readonly Device _device = new(threads: 1);

    public void Dispose() => _device.Dispose();

    /// <summary>Exponentials of the scores are 1, 2 and 4 for one head and 4, 2 and 1 for the other.</summary>
    [Fact]
    public void Shares_are_those_of_the_probabilities_summed_over_heads()
    {
        using StepScope step = _device.Step();
        Tensor q = Floats(new Shape(1, 3, 2), 2, -2, 2, -2, 2, -2),
            keys = Floats(new Shape(1, 3, 1), 0, MathF.Log(2), MathF.Log(4)),
            chosen = _device.Rent(new Shape(3, 1), [0, 0, 2]);
        ChoiceProbe probe = new();
        AttentionSpec two = new(2, 1, 1, 0.5f);
        probe.Look(5, q, keys, chosen, VisibleKeys.Causal(_device, 1, 3, null), two);
        ChoiceShare share = probe.Layers.ShouldHaveSingleItem();
        (share.Layer, share.Queries).ShouldBe((5, 2), "the first query sees no more than may be chosen");
        // Second query: (1 + 2) / 3 of 2; third: 4/7 + 1/7 of 2, and of the first key as much, of the second 4/7.
        share.Kept.ShouldBe((0.5 + 5.0 / 14) / 2, 1e-6);
        share.Best.ShouldBe((0.5 + 5.0 / 14) / 2, 1e-6);
        share.Even.ShouldBe((0.5 + 1.0 / 3) / 2, 1e-6);

        // An attention that sees as much again beside these keys: shares among them are the same.
        ChoiceProbe beside = new();
        float[] sums = [0, 0, MathF.Log(6), MathF.Log(3), MathF.Log(14), MathF.Log(3.5f)];
        beside.Look(5, q, keys, chosen, VisibleKeys.Causal(_device, 1, 3, null), two, Floats(new Shape(3, 2), sums));
        beside.Layers[0].Kept.ShouldBe(share.Kept, 1e-6);
    }

    /// <summary>While it is looked at a model computes what it would if its indexers chose everything.</summary>
    [Theory]
    [InlineData("deepseek_v32", "index_topk", "7")]
    [InlineData("deepseek_v4", "index_topk", "3")]
    [InlineData("qwen4_exp_text", "indexer_budget", "8")]
    public void Attention_sees_everything_while_choices_are_looked_at(string family, string key, string few)
    {
        string config = ConfigKeysTests.Small(family).ToJson();
        using CausalLm choosing = Pretrained.New(With(config, key, few), _device, seed: 3),
            whole = Pretrained.New(With(config, key, "400"), _device, seed: 3);
        ChoiceProbe probe = new();
        using StepScope step = _device.Step();
        Tensor ids = _device.Rent(new Shape(1, 60), [.. Enumerable.Range(0, 60).Select(i => i * 7 % 50)]);
        float[] seen = choosing.Hidden(ids, ForwardContext.Rows(_device, 1, 60) with { Choices = probe }).ToArray(),
            all = whole.Hidden(ids, ForwardContext.Rows(_device, 1, 60)).ToArray(),
            chosen = choosing.Hidden(ids, ForwardContext.Rows(_device, 1, 60)).ToArray();
        seen.Zip(all).Max(p => Math.Abs(p.First - p.Second)).ShouldBeLessThan(1e-5f);
        seen.Zip(chosen).Max(p => Math.Abs(p.First - p.Second)).ShouldBeGreaterThan(1e-3f, "a few keys are not all of them");
        probe.Layers.Count.ShouldBeGreaterThan(0);
        probe.Layers.ShouldAllBe(layer => layer.Kept > 0 && layer.Kept < 1 && layer.Even < 1 && layer.Kept <= layer.Best + 1e-9);
    }

    private static HfConfig With(string config, string key, string value)
    {
        System.Text.Json.Nodes.JsonObject json = System.Text.Json.Nodes.JsonNode.Parse(config)!.AsObject();
        json[key] = System.Text.Json.Nodes.JsonNode.Parse(value);
        return HfConfig.Parse(json.ToJsonString());
    }

    private Tensor Floats(Shape shape, params float[] values)
    {
        Tensor tensor = _device.Rent(shape);
        tensor.CopyFrom(values.AsSpan());
        return tensor;
    }
}
