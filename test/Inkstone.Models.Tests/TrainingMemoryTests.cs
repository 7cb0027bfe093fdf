using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What saves memory in a training step and what it may change: recomputation nothing, bfloat16 activations only what products round anyway.</summary>
public sealed class TrainingMemoryTests
{
    private const int B = 2, T = 64;

    private const string Sizes = """
        "vocab_size":97,"hidden_size":64,"intermediate_size":96,"num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":128,
        "tie_word_embeddings":true,"model_type":
        """;

    [Theory]
    [InlineData("llama", DType.Float32)]
    [InlineData("llama", DType.BFloat16)]
    [InlineData("qwen2", DType.Float32)]
    [InlineData("qwen2", DType.BFloat16)]
    [InlineData("qwen3", DType.BFloat16)]
    public void Recomputed_blocks_give_the_same_bits_in_less_memory(string family, DType precision)
    {
        (float loss, float[][] gradients, long bytes) = Step(family, precision, recompute: false);
        (float again, float[][] same, long fewer) = Step(family, precision, recompute: true);
        again.ShouldBe(loss);
        fewer.ShouldBeLessThan(bytes * 2 / 3);
        gradients.Length.ShouldBe(same.Length);
        gradients.Zip(same).ShouldAllBe(pair => pair.First.SequenceEqual(pair.Second));
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen2")]   // biases want the gradient in float32
    public void Activations_in_bfloat16_change_gradients_no_more_than_products_in_bfloat16_do(string family)
    {
        (float exact, float[][] truth, _) = Step(family, DType.Float32, recompute: false);
        (float rounded, float[][] gradients, _) = Step(family, DType.BFloat16, recompute: false);
        rounded.ShouldBe(exact, 2e-3 * exact);
        double off = 0, whole = 0;
        for (int i = 0; i < truth.Length; i++)
        {
            off += truth[i].Zip(gradients[i]).Sum(pair => Math.Pow(pair.First - pair.Second, 2));
            whole += truth[i].Sum(value => (double)value * value);
        }
        Math.Sqrt(off / whole).ShouldBeLessThan(2e-2);
    }

    [Fact]
    public void Sparse_blocks_are_not_recomputed_and_say_so()
    {
        using Device device = new(threads: 1);
        using CausalLm model = Pretrained.New(HfConfig.Parse("{" + Sizes + "\"qwen3_moe\",\"head_dim\":16,\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":32}"), device, seed: 3);
        Should.Throw<InvalidDataException>(() => model.Recompute = true).Message.ShouldContain("qwen3_moe");
    }

    private static (float Loss, float[][] Gradients, long Bytes) Step(string family, DType precision, bool recompute)
    {
        using Device device = new(threads: 2, matMulType: precision);
        using CausalLm model = Pretrained.New(HfConfig.Parse("{" + Sizes + $"\"{family}\"}}"), device, seed: 3);
        model.Recompute = recompute;
        int[] ids = [.. Enumerable.Range(0, B * T).Select(i => i * 37 % 97)], labels = [.. ids.Select(id => (id * 5 + 3) % 97)], starts = [.. Enumerable.Range(0, B * T).Select(i => i % T < 20 ? 0 : 20)];
        Shape shape = new(B, T);
        float loss;
        using (device.Step(record: true))
        {
            Tensor root = model.Loss(device.Rent(shape, ids), device.Rent(shape, labels), ids.Length, ForwardContext.Packed(device.Rent(shape, starts)));
            device.Tape.Backward(root);
            loss = root.Item();
        }
        return (loss, [.. model.Parameters.Select((Parameter p) => p.Tensor.Grad!.Span.ToArray())], device.Arena.PeakBytes);
    }
}
