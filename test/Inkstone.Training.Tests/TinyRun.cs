using Inkstone.Data;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Training.Tests;

/// <summary>A model of a few thousand parameters and a shard of repeating ids to train it on.</summary>
internal sealed class TinyRun : IDisposable
{
    public const int Vocabulary = 24,
        Length = 16,
        Eos = 0;

    private readonly TemporaryDirectory _directory = new();

    public TinyRun(int threads = 2, int tokens = 4000, bool document = true)
    {
        Device = new Device(threads);
        Model = Pretrained.New(
            HfConfig.Parse(
                $$"""
                {"model_type": "llama", "vocab_size": {{Vocabulary}}, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                 "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
                 "tie_word_embeddings": false, "initializer_range": 0.05}
                """
            ),
            Device,
            7
        );
        using (TokenShardWriter writer = new(_directory["train.bin"], TokenShardFormat.Inkstone, new ShardVocabulary(Vocabulary, 1, Eos)))
        {
            List<int> ids = [];
            for (int i = 0; i < tokens; i++)
            {
                ids.Add(document && i % 11 == 10 ? Eos : 1 + i * i % (Vocabulary - 1));
            }
            writer.Append(ids.ToArray(), 3 * tokens);
            writer.Complete();
        }
        Shards = [TokenShard.Open(_directory["train.bin"])];
        Objective = NextToken.Create(Model, documentAware: true);
    }

    public Device Device { get; }

    public CausalLm Model { get; }

    public IReadOnlyList<TokenShard> Shards { get; }

    public Objective<Batch> Objective { get; }

    public string Directory => _directory.Path;

    public TrainStep<Batch> Step(int rows, int accumulation, double rate = 1e-2, int length = Length) =>
        new(
            Device,
            Model.Parameters,
            Objective,
            new PackedLoader(Shards, new PackedLoaderOptions(length, DocumentAware: true)),
            [new AdamW(Model.Parameters, new AdamWSettings(rate))],
            rows,
            accumulation,
            clip: 1
        );

    public float[] Weights() => [.. Model.Parameters.SelectMany(p => p.Tensor.Span.ToArray())];

    public void Dispose()
    {
        Model.Dispose();
        Shards[0].Dispose();
        Device.Dispose();
        _directory.Dispose();
    }
}
