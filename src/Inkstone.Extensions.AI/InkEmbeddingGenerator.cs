using Inkstone.Inference;
using Microsoft.Extensions.AI;

namespace Inkstone.Extensions.AI;

/// <summary>A model of this process as an <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>: its hidden states as one vector of length
/// 1 for each text.</summary>
/// <param name="engine">computes; it stays the caller's</param>
/// <param name="pooling">how a text becomes one vector</param>
/// <param name="name">what the model is called</param>
public sealed class InkEmbeddingGenerator(AsyncEngine engine, Pooling pooling = Pooling.Mean, string name = "inkstone")
    : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly EmbeddingGeneratorMetadata _metadata = new("inkstone", null, name, engine.Model.OutputWeight.Shape.Last);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A text is longer than the model's context.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values,
        EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        GeneratedEmbeddings<Embedding<float>> embeddings = [];
        int tokens = 0;
        foreach (string value in values)
        {
            int[] ids = engine.Tokenizer.Encode(value);
            ids = ids.Length > 0 ? ids : [engine.Tokenizer.BosId ?? engine.Tokenizer.EosId ?? 0];
            tokens += ids.Length;
            embeddings.Add(
                new Embedding<float>(await engine.EmbedAsync(ids, pooling, cancellationToken).ConfigureAwait(false))
                {
                    ModelId = name,
                    CreatedAt = DateTimeOffset.UtcNow,
                }
            );
        }
        embeddings.Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens };
        return embeddings;
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
        : serviceType.IsInstanceOfType(this) ? this
        : null;

    /// <summary>Nothing is held: the engine is the caller's.</summary>
    public void Dispose() { }
}
