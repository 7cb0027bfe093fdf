using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>The objective of pretraining: −log p(next token).</summary>
public static class NextToken
{
    /// <summary>The objective for a model; with <paramref name="documentAware"/> attention and positions begin anew with each
    /// document.</summary>
    public static Objective<Batch> Create(CausalLm model, bool documentAware = true) =>
        (batch, normalizer) =>
        {
            ForwardContext context = Context(model.Device, batch, documentAware);
            return model.Loss(Ids(model.Device, batch), Labels(model.Device, batch), normalizer, context);
        };

    /// <summary>Where the tokens of a batch stand, for a forward pass over it in the running step.</summary>
    public static ForwardContext Context(Device device, Batch batch, bool documentAware = true)
    {
        Shape shape = new(batch.Rows, batch.Length); // [B, T]
        Tensor positions = device.Rent(shape, batch.Positions);
        return new ForwardContext(positions, documentAware ? device.Rent(shape, batch.DocumentStarts) : null)
        {
            AttentionMask = batch.HasPadding ? device.Rent(shape, batch.AttentionMask) : null,
        };
    }

    /// <summary>The tokens of a batch as a tensor of the running step, int32 [B, T].</summary>
    public static Tensor Ids(Device device, Batch batch) => device.Rent(new Shape(batch.Rows, batch.Length), batch.Inputs);

    /// <summary>Its labels, int32 [B, T]; −100 where nothing is learned.</summary>
    public static Tensor Labels(Device device, Batch batch) => device.Rent(new Shape(batch.Rows, batch.Length), batch.Labels);
}
