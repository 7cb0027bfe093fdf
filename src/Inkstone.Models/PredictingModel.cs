using System.Buffers;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A model with modules that predict tokens beyond the next (arXiv:2412.19437, section 2.2); pretraining adds the mean of their
/// losses.</summary>
public interface IPredictsAhead
{
    /// <summary>Number of modules that predict further tokens.</summary>
    int PredictionDepth { get; }

    /// <summary>Weight of the mean loss of the modules in pretraining; the configuration's until changed.</summary>
    double PredictionWeight { get; set; }

    /// <summary>
    /// What the prediction module of a depth (from 1) makes of the tokens: normed hidden states [B, T − depth, C], whose logits at i are
    /// for token i + depth + 1.
    /// <paramref name="hidden"/> comes from the depth before, depth 0 being <see cref="CausalLm.Hidden"/>.
    /// </summary>
    Tensor Ahead(int depth, Tensor hidden, Tensor ids, ForwardContext ctx);

    /// <summary>What the first module keeps of the tokens before, where it makes guesses.</summary>
    ICacheSpec PredictionCache { get; }

    /// <summary>What modules read of the tokens that <see cref="CausalLm.Hidden"/> has just taken in, [B, T, W]: what it gave, or the
    /// residual streams behind the last block. Until the step ends.</summary>
    Tensor Carried(Tensor hidden);

    /// <summary>
    /// What the first module makes of new tokens of sequences in a cache of <see cref="PredictionCache"/>: normed hidden states
    /// [1, ΣT, C], whose logits guess the token behind <paramref name="next"/>. The module may be asked again with what it carried.
    /// </summary>
    /// <param name="carried">[1, ΣT, W] of tokens, from <see cref="Carried"/>; then what this carries to a further guess</param>
    /// <param name="next">int32 [1, ΣT]: the token behind each of them</param>
    /// <param name="ctx">of a batch of that cache</param>
    Tensor Guess(ref Tensor carried, Tensor next, ForwardContext ctx);
}

/// <summary>A decoder with such modules.</summary>
/// <typeparam name="TBlock">the family's block</typeparam>
public abstract class PredictingModel<TBlock>(
    HfConfig config,
    Scope root,
    DecoderShape shape,
    Func<int, Scope, TBlock> block,
    Func<Scope, Func<Tensor, Tensor>> norm
) : DecoderModel<TBlock>(config, root, shape, block, norm), IPredictsAhead
    where TBlock : class, IDecoderBlock
{
    private Tensor? _streams; // behind the last block, or the last prediction module; until their step ends

    /// <inheritdoc/>
    public abstract int PredictionDepth { get; }

    /// <inheritdoc/>
    public abstract double PredictionWeight { get; set; }

    /// <inheritdoc/>
    public Tensor Ahead(int depth, Tensor hidden, Tensor ids, ForwardContext ctx)
    {
        int length = ids.Shape.Last - depth;
        Tensor next = Window(ids, depth, length);
        _streams = Predict(
            depth,
            Ops.RowWindow(Carried(hidden), 0, length),
            Embedding.Forward(next),
            Shortened(ctx, length) with
            {
                Ids = next,
            }
        );
        return ReadAhead(depth, _streams);
    }

    /// <inheritdoc/>
    public ICacheSpec PredictionCache =>
        PredictionDepth > 0 ? TrainingBlocks[0].Cache : throw new InvalidOperationException("the model has no module that predicts ahead");

    /// <inheritdoc/>
    public Tensor Carried(Tensor hidden) => Streams == 1 ? hidden : _streams!;

    /// <inheritdoc/>
    public Tensor Guess(ref Tensor carried, Tensor next, ForwardContext ctx)
    {
        carried = Predict(1, carried, Embedding.Forward(next), ctx with { Ids = next });
        ctx.Batch?.Advance();
        return ReadAhead(1, carried);
    }

    /// <summary>What is behind the block of a module, [B, T, W].</summary>
    /// <param name="depth">of the module, from 1</param>
    /// <param name="carried">[B, T, W] of the depth before</param>
    /// <param name="embedded">[B, T, C] of the tokens <paramref name="depth"/> further on</param>
    /// <param name="ctx">of the tokens</param>
    protected abstract Tensor Predict(int depth, Tensor carried, Tensor embedded, ForwardContext ctx);

    /// <summary>Normed hidden states, [B, T, C], of what is behind a module's block, [B, T, W].</summary>
    protected virtual Tensor ReadAhead(int depth, Tensor carried) => carried;

    /// <inheritdoc/>
    protected override Tensor Ended(Tensor x) => base.Ended(_streams = x);

    /// <summary>The modules' mean loss.</summary>
    protected Metric PredictionLoss { get; } = new("mtp_loss");

    /// <summary><paramref name="loss"/> and in pretraining that of the modules; how many of them took part.</summary>
    protected (Tensor Loss, int Modules) PlusAhead(
        Tensor loss,
        Tensor hidden,
        Tensor ids,
        Tensor labels,
        float normalizer,
        ForwardContext ctx
    )
    {
        double share = LabelCount(labels) / normalizer;
        int depth = 1,
            length = ids.Shape.Last;
        for (; depth <= PredictionDepth && depth < length && Pretraining && PredictionWeight != 0; depth++)
        {
            hidden = Ahead(depth, hidden, ids, ctx);
            Tensor further = LabelsAhead(depth, labels, ctx.DocumentStarts);
            if (LabelCount(further) is > 0 and int count)
            {
                loss = Plus(loss, LabelLoss(hidden, further, (float)count * PredictionDepth), PredictionWeight, share, PredictionLoss);
            }
        }
        return (loss, depth - 1);
    }

    /// <inheritdoc/>
    public override Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx)
    {
        Tensor hidden = Hidden(ids, ctx),
            loss = LabelLoss(hidden, labels, normalizer);
        if (!Device.Tape.Recording)
        {
            return loss;
        }
        (loss, int modules) = PlusAhead(loss, hidden, ids, labels, normalizer, ctx);
        return PlusOwn(PlusBalance(loss, labels, normalizer, modules == PredictionDepth), modules, LabelCount(labels) / normalizer);
    }

    /// <summary><paramref name="loss"/> and what a family aims at beside, with <paramref name="share"/>, where so many modules took
    /// part.</summary>
    protected virtual Tensor PlusOwn(Tensor loss, int modules, double share) => loss;

    /// <summary>The context of the first tokens of each row.</summary>
    protected static ForwardContext Shortened(ForwardContext ctx, int length) =>
        new(Window(ctx.Positions, 0, length), ctx.DocumentStarts is { } starts ? Window(starts, 0, length) : null)
        {
            AttentionMask = ctx.AttentionMask is { } mask ? Window(mask, 0, length) : null,
        };

    /// <summary>Labels of the tokens <paramref name="depth"/> further on, [B, T − depth]; none across the border of a document.</summary>
    private static Tensor LabelsAhead(int depth, Tensor labels, Tensor? documentStarts)
    {
        int length = labels.Shape.Last;
        Tensor further = Window(labels, depth, length - depth);
        if (documentStarts is null)
        {
            return further;
        }
        (int count, int all) = ((int)further.Count, (int)documentStarts.Count);
        int[] host = ArrayPool<int>.Shared.Rent(count + all);
        Span<int> to = host.AsSpan(0, count),
            starts = host.AsSpan(count, all);
        further.CopyTo(to);
        documentStarts.CopyTo(starts);
        for (int i = 0; i < count; i++)
        {
            (int row, int t) = Math.DivRem(i, length - depth);
            if (starts[row * length + t + depth] != starts[row * length + t])
            {
                to[i] = Ops.IgnoreLabel;
            }
        }
        further.CopyFrom(to);
        ArrayPool<int>.Shared.Return(host);
        return further;
    }

    /// <summary>Tokens [from, from + count) of each row of whole numbers.</summary>
    protected static Tensor Window(Tensor rows, int from, int count)
    {
        int length = rows.Shape.Last;
        Tensor window = rows.Device.Rent(new Shape(rows.Shape[0], count), DType.Int32);
        int[] host = ArrayPool<int>.Shared.Rent(count);
        for (int row = 0; row < rows.Shape[0]; row++)
        {
            Span<int> part = host.AsSpan(0, count);
            rows.CopyTo(part, (long)row * length + from);
            window.CopyFrom(part, (long)row * count);
        }
        ArrayPool<int>.Shared.Return(host);
        return window;
    }
}
