using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Formats.Tests;

/// <summary>Valid files with random damage either read as something or are refused as the user's fault; nothing else may happen.</summary>
public sealed class MutationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("gguf", 1_500)]
    [InlineData("safetensors", 1_500)]
    public void Damaged_files_are_read_or_refused(string kind, int count) => Damage(kind, count, seed: 1);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("gguf", 100_000)]
    [InlineData("safetensors", 100_000)]
    public void Many_damaged_files_are_read_or_refused(string kind, int count) => Damage(kind, count, seed: 2);

    private void Damage(string kind, int count, int seed)
    {
        byte[] valid = kind == "gguf" ? Gguf() : Safetensors();
        string path = _directory["x." + kind];
        Random random = new(seed);
        int refused = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = Mutate(valid, random);
            File.WriteAllBytes(path, bytes);
            try
            {
                if (kind == "gguf")
                {
                    ReadGguf(path);
                }
                else
                {
                    ReadSafetensors(path);
                }
            }
            catch (InvalidDataException)
            {
                refused++;
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException($"mutation {i} of seed {seed} gave {fault.GetType().Name}: {fault.Message}", fault);
            }
        }
        refused.ShouldBeGreaterThan(count / 4);
        refused.ShouldBeLessThan(count);
    }

    /// <summary>Changes, cuts, doubles or overwrites; most damage goes to the head, where the sizes are.</summary>
    private static byte[] Mutate(byte[] valid, Random random)
    {
        List<byte> bytes = [.. valid];
        for (int times = random.Next(1, 4); times > 0; times--)
        {
            int at = Math.Min(bytes.Count - 1, random.Next(random.Next(2) == 0 ? Math.Min(bytes.Count, 400) : bytes.Count));
            if (at < 0)
            {
                break;
            }
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 64), bytes.Count - at));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 64), bytes.Count - at)));
                    break;
                case 4:
                    ulong number = random.Next(4) switch
                    {
                        0 => ulong.MaxValue,
                        1 => 1UL << random.Next(64),
                        2 => (ulong)random.Next(300),
                        _ => long.MaxValue,
                    };
                    for (int j = 0; j < 8 && at + j < bytes.Count; j++)
                    {
                        bytes[at + j] = (byte)(number >> (8 * j));
                    }
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Some of Llama's tensors, permuted ones and stacked ones among them.</summary>
    private static readonly GgufArchitecture Tiny = new(
        "llama",
        "llama",
        [
            GgufTensorRule.Weight("attn_q", "self_attn.q_proj", GgufLayout.Interleaved(c => c.Int("num_attention_heads"))),
            GgufTensorRule.Weight("attn_k", "self_attn.k_proj", GgufLayout.Interleaved(c => c.Int("num_key_value_heads"))),
            GgufTensorRule.Weight("ffn_up", "mlp.up_proj"),
            GgufTensorRule.Weight("ffn_up_exps", "mlp.experts.*.up_proj"),
        ]
    );

    private static void ReadGguf(string path)
    {
        using GgufModel model = GgufModel.Open(path, [Tiny]);
        _ = GgufTokenizer.Read(model.File.Metadata);
        foreach (string name in model.Names)
        {
            if (model.Shape(name).Count is > 0 and <= 2 && model.Shape(name).All(size => size < 1000))
            {
                using Device device = new(threads: 1);
                using Tensor tensor = Tensor.Allocate(device, Shape.Create([.. model.Shape(name)]));
                model.ReadInto(name, tensor);
            }
        }
    }

    private static void ReadSafetensors(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (TensorEntry tensor in file.Tensors)
        {
            tensor.Count.ShouldBeLessThan(10_000_000);
            if (tensor.DType is "F32" or "BF16" or "F16" or "F64")
            {
                _ = file.ReadFloats(tensor.Name);
            }
        }
    }

    private byte[] Safetensors()
    {
        using Device device = new(threads: 1);
        string path = _directory["valid.safetensors"];
        SafetensorsWriter.Write(
            path,
            [
                new("a.weight", Tensor.Allocate(device, new Shape(4, 8))),
                new("b", Tensor.Allocate(device, new Shape(3)), "BF16"),
                new("c", Tensor.Allocate(device, new Shape(2, 2, 2)), "F16"),
            ]
        );
        return File.ReadAllBytes(path);
    }

    private byte[] Gguf()
    {
        using Device device = new(threads: 1);
        string path = _directory["valid.gguf"],
            tokenizer = _directory.Path;
        File.WriteAllText(
            Path.Combine(tokenizer, "tokenizer.json"),
            """
            {"added_tokens":[{"id":3,"content":"<s>","special":true}],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
             "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}
            """
        );
        File.WriteAllText(
            Path.Combine(tokenizer, "tokenizer_config.json"),
            """{"bos_token":"<s>","eos_token":"<s>","chat_template":"{{ messages }}"}"""
        );
        HfConfig config = HfConfig.Parse(
            """
            {"model_type":"llama","vocab_size":4,"hidden_size":32,"intermediate_size":32,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"rms_norm_eps":1e-5}
            """
        );
        NamedTensor Matrix(string name, int rows) => new(name, Tensor.Allocate(device, new Shape(rows, 32)));
        GgufExport.Write(
            path,
            config,
            Tiny,
            [
                Matrix("model.embed_tokens.weight", 4),
                Matrix("model.layers.0.self_attn.q_proj.weight", 32),
                Matrix("model.layers.0.self_attn.k_proj.weight", 16),
                Matrix("model.layers.0.mlp.up_proj.weight", 32),
                new("model.norm.weight", Tensor.Allocate(device, new Shape(32))),
            ],
            GgufFileType.Q8_0,
            tokenizer
        );
        return File.ReadAllBytes(path);
    }
}
