using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>One layer of a decoder: [B, T, C] → [B, T, C].</summary>
public interface IDecoderBlock : IBlock<ForwardContext>
{
    /// <summary>What it keeps of the tokens before.</summary>
    ICacheSpec Cache { get; }

    /// <summary>Floats that training keeps of each token for the backward pass, about.</summary>
    long ActivationsPerToken { get; }

    /// <summary>The router of its sparse layer, or null where all of it works for every token.</summary>
    ExpertRouter? Router => null;
}
