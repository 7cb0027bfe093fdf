using Inkstone.Data;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What a run minimises: the loss of one micro-batch, Σ over its labels / <paramref name="normalizer"/>, recorded on the tape when that records.</summary>
/// <param name="batch">rows of tokens and their labels</param>
/// <param name="normalizer">number of labels of the whole step, so that 8 × 1 and 1 × 8 micro-batches give the same gradient</param>
public delegate Tensor Objective(Batch batch, float normalizer);
