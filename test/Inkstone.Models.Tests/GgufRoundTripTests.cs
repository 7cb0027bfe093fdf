using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>A model written as GGUF and read again computes what it did before.</summary>
public sealed class GgufRoundTripTests : IDisposable
{
    private readonly Device _device = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("ink-gguf-").FullName;

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [GoldenTheory]
    [InlineData("llama")]
    [InlineData("llama3_scaled_tied")]
    [InlineData("qwen2")]
    [InlineData("qwen2_yarn")]
    [InlineData("qwen3")]
    [InlineData("qwen3_moe")]
    public void Float32_changes_no_logit(string name)
    {
        using CausalLm model = Pretrained.Open(Goldens.Of("models/" + name), _device, trained: false);
        using CausalLm again = Through(model, GgufFileType.F32);
        float[] wanted = Logits(model), got = Logits(again);
        double largest = wanted.Max(Math.Abs);
        wanted.Zip(got, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan((float)(2e-6 * largest));
    }

    [GoldenTheory]
    [InlineData("llama", GgufFileType.F16, 2e-3)]
    [InlineData("llama", GgufFileType.BF16, 1e-2)]
    [InlineData("llama", GgufFileType.Q8_0, 2e-2)]
    [InlineData("qwen2", GgufFileType.Q8_0, 2e-2)]
    [InlineData("qwen3", GgufFileType.Q4_0, 6e-1)]
    public void Shorter_types_change_logits_little_and_kept_blocks_not_much_more(string name, GgufFileType type, double tolerance)
    {
        using CausalLm model = Pretrained.Open(Goldens.Of("models/" + name), _device, trained: false);
        using CausalLm widened = Through(model, type), kept = Pretrained.Open(File(type), _device, matrixType: null, trained: false);
        float[] wanted = Logits(model), got = Logits(widened), blocks = Logits(kept);
        double largest = wanted.Max(Math.Abs), changed = wanted.Zip(got, (a, b) => Math.Abs(a - b)).Max();
        changed.ShouldBeInRange(1e-6 * largest, tolerance * largest);
        // Quantised blocks are multiplied with activations of 8 bits.
        double rounding = type is GgufFileType.Q8_0 or GgufFileType.Q4_0 ? 2e-2 : 5e-6;
        got.Zip(blocks, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan((float)(rounding * largest));
    }

    [GoldenFact]
    public void A_gguf_file_becomes_a_directory_again()
    {
        string source = Goldens.Of("models/llama3_scaled_tied"), target = Path.Combine(_directory, "hf");
        using CausalLm model = Pretrained.Open(source, _device, trained: false);
        Pretrained.SaveGguf(model, File(GgufFileType.F32), GgufFileType.F32, source);
        using CausalLm again = Pretrained.Open(File(GgufFileType.F32), _device, trained: false);
        Pretrained.Save(again, target, dtype: "F32", companionsFrom: File(GgufFileType.F32));
        using HfWeights before = HfWeights.Open(source), after = HfWeights.Open(target);
        after.Names.Order().ShouldBe(before.Names.Order());
        using CausalLm third = Pretrained.Open(target, _device, trained: false);
        foreach (Nn.Parameter parameter in model.Parameters)
        {
            third.Parameters[parameter.Name].Span.SequenceEqual(parameter.Tensor.Span).ShouldBeTrue(parameter.Name);
        }
        System.IO.File.Exists(Path.Combine(target, HfDirectory.GenerationConfigFile)).ShouldBeTrue();
    }

    private string File(GgufFileType type) => Path.Combine(_directory, $"{type}.gguf");

    private CausalLm Through(CausalLm model, GgufFileType type)
    {
        Pretrained.SaveGguf(model, File(type), type);
        return Pretrained.Open(File(type), _device, trained: false);
    }

    private float[] Logits(CausalLm model)
    {
        int[] ids = [.. Enumerable.Range(0, 40).Select(i => 7 * i % 512)];
        using (_device.Step())
        {
            return model.Logits(model.Hidden(_device.Rent(new Shape(1, ids.Length), ids), ForwardContext.Rows(_device, 1, ids.Length))).Span.ToArray();
        }
    }
}
