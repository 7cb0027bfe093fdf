using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>The objective of pretraining: −log p(next token).</summary>
public static class NextToken
{
    /// <summary>The objective for a model; with <paramref name="documentAware"/> attention and positions begin anew with each document.</summary>
    public static Objective Of(CausalLm model, bool documentAware) => (batch, normalizer) =>
    {
        Device device = model.Device;
        Shape shape = new(batch.Rows, batch.Length);                       // [B, T]
        Tensor positions = device.Rent(shape, batch.Positions);
        ForwardContext context = new(positions, documentAware ? device.Rent(shape, batch.DocumentStarts) : null)
        {
            AttentionMask = batch.HasPadding ? device.Rent(shape, batch.AttentionMask) : null,
        };
        return model.Loss(device.Rent(shape, batch.Inputs), device.Rent(shape, batch.Labels), normalizer, context);
    };
}
