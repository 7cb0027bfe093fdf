using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>A language model that reads from left to right.</summary>
public abstract class CausalLm(HfConfig config, Scope root) : IDisposable
{
    private HfConfig? _generationConfig;
    private Parameters? _parameters;

    /// <summary>config.json as it was read; written back unchanged.</summary>
    public HfConfig Config { get; } = config;

    /// <summary>Where it computes.</summary>
    public Device Device { get; } = root.Device;

    /// <summary>The low-rank adapter that its linear layers wear, or null.</summary>
    public Adapter? Adapter { get; } = root.Adapter;

    /// <summary>Its linear layers, on which an <see cref="AdapterSet"/> can be put.</summary>
    public IReadOnlyList<Linear> LinearLayers => root.Layers;

    /// <summary>The randomness of training steps: dropout and noise on embeddings.</summary>
    public TrainingRng TrainingRng { get; } = root.TrainingRng;

    /// <summary>The state dict, once all layers have asked for theirs; an error that names what was missing, unexpected or of another
    /// shape.</summary>
    public Parameters Parameters => _parameters ??= root.Complete();

    /// <summary>[V, C]: hidden states times its transpose are logits. The embedding itself where the two are tied.</summary>
    public abstract Tensor OutputWeight { get; }

    /// <summary>Whether <see cref="OutputWeight"/> is the embedding.</summary>
    public abstract bool IsTied { get; }

    /// <summary>Number of token ids.</summary>
    public int VocabSize => OutputWeight.Shape[0];

    /// <summary>Longest sequence the positions were made for.</summary>
    public int MaxPositionEmbeddings { get; protected init; } = Rotary.Longest(config);

    /// <summary>generation_config.json beside the weights, or null.</summary>
    public HfConfig? GenerationConfig
    {
        get => _generationConfig;
        internal set =>
            (_generationConfig, EosTokenIds) = (
                value,
                value?.Ints("eos_token_id") is { Length: > 0 } ends ? ends : Config.Ints("eos_token_id")
            );
    }

    /// <summary>Tokens that end a text; may be several, or none. Those of generation_config.json count more than those of
    /// config.json.</summary>
    public IReadOnlyList<int> EosTokenIds { get; private set; } = config.Ints("eos_token_id");

    /// <summary>Whether training keeps only the inputs of blocks and computes what is inside once more in the backward pass.</summary>
    public bool Recompute { get; set; }

    /// <summary>Is told, while a step is recorded, which block is about to be gone through: what gathers its weights. Null: nobody.</summary>
    public Action<int>? Entering { get; set; }

    /// <summary>A block, by its number, is about to read its weights: the backward pass will tell when it has passed it.</summary>
    protected void Enter(int block)
    {
        if (Device.Tape.Recording)
        {
            Entering?.Invoke(block);
        }
        Device.Tape.Mark(block);
    }

    /// <summary>A block's result, to be computed again where <see cref="Recompute"/> asks for it.</summary>
    /// <remarks>Not within <see cref="Nn.Adapter.Disabled"/>: the backward pass may come behind that scope, and would then compute another
    /// block.</remarks>
    protected Tensor Through(IBlock<ForwardContext> block, Tensor x, ForwardContext ctx) =>
        Recompute && Adapter is not { IsDisabled: true } ? Ops.Recompute(block, x, ctx) : block.Forward(x, ctx);

    /// <summary>Final hidden states, normed. ids: int32 [B, T]; the result is [B, T, C].</summary>
    public abstract Tensor Hidden(Tensor ids, ForwardContext ctx);

    /// <summary>
    /// What <see cref="Hidden"/> would be if the model ended behind its embedding, behind its first layer, and so on: [B, T, C] each, the
    /// last as the model is (the logit lens).
    /// Null where the layers of a family do not stand in one line.
    /// </summary>
    public virtual IReadOnlyList<Tensor>? HiddenByLayer(Tensor ids, ForwardContext ctx) => null;

    /// <summary>What each layer keeps of the tokens before.</summary>
    public abstract IReadOnlyList<ICacheSpec> CacheSpecs { get; }

    /// <summary>Memory for <paramref name="sequences"/> texts of up to <paramref name="longest"/> tokens each.</summary>
    /// <param name="longest">tokens of the longest text</param>
    /// <param name="sequences">texts at once</param>
    /// <param name="step">most new tokens of a text in one forward pass; null: all</param>
    public PagedCache NewCache(int longest, int sequences = 1, int? step = null) =>
        new(Device, CacheSpecs, (long)longest * sequences, sequences, longest, step ?? longest);

    /// <summary>Whether what a cache holds of a text counts for any other that begins alike: not where positions depend on the length of
    /// the whole.</summary>
    public virtual bool SharesPrefixes => true;

    /// <summary>Whether what a cache holds of a text of <paramref name="length"/> tokens counts when the text has
    /// <paramref name="longer"/>.</summary>
    public virtual bool CacheSurvives(int length, int longer) => true;

    /// <summary>Bytes of <see cref="NewCache"/> for one text.</summary>
    /// <param name="longest">its tokens</param>
    /// <param name="step">most of them in one forward pass; null: all</param>
    public long CacheBytes(int longest, int? step = null) => PagedCache.BytesFor(CacheSpecs, longest, 1, longest, step ?? longest);

    /// <summary>Logits of hidden states: [..., C] → [..., V].</summary>
    public Tensor Logits(Tensor hidden)
    {
        Tensor logits = Ops.Linear(hidden, OutputWeight);
        return LogitSoftCap > 0 ? Ops.SoftCap(logits, LogitSoftCap) : logits;
    }

    /// <summary>Log-probability of each label after its hidden state [..., C]; 0 where the label is −100. No logits are kept.</summary>
    public Tensor TokenLogProbs(Tensor hidden, Tensor labels) => Ops.LogProbs(hidden, OutputWeight, labels, LogitSoftCap);

    /// <summary>A loss of the labels' log-probabilities and entropies after hidden states [N, C], one label each: see
    /// <see cref="Ops.LabelLoss"/>.</summary>
    public Tensor LabelLoss(
        Tensor hidden,
        Tensor labels,
        LabelStatistics statistics,
        Func<LabelStatistics, double> loss,
        float temperature = 1
    ) => Ops.LabelLoss(hidden, OutputWeight, labels, statistics, loss, LogitSoftCap, temperature);

    /// <summary>How far this model's distributions after hidden states [N, C] are from a teacher's after its own [N, C']: see
    /// <see cref="Ops.LogitDivergence"/>.</summary>
    public Tensor Divergence(
        Tensor hidden,
        CausalLm teacher,
        Tensor teacherHidden,
        double beta,
        double temperature,
        double normalizer,
        out double entropy
    ) =>
        Ops.LogitDivergence(
            hidden,
            OutputWeight,
            teacherHidden,
            teacher.OutputWeight,
            (float)beta,
            (float)temperature,
            (float)normalizer,
            out entropy,
            LogitSoftCap,
            teacher.LogitSoftCap
        );

    /// <summary>Whether answers may stand behind a prompt that is computed once (<see cref="ForwardContext.Shared"/>): every layer looks at
    /// other tokens through <see cref="ForwardContext.Attend"/> alone.</summary>
    public virtual bool SharesPrompts => false;

    /// <summary>Σ −log p(label) / <paramref name="normalizer"/> of hidden states [..., C].</summary>
    public Tensor LabelLoss(Tensor hidden, Tensor labels, float normalizer) =>
        Ops.LinearCrossEntropy(hidden, OutputWeight, labels, normalizer, LogitSoftCap);

    /// <summary>Logits are cap · tanh(logit / cap); 0: as they are.</summary>
    protected virtual float LogitSoftCap => 0;

    /// <summary>
    /// Σ −log p(label) / <paramref name="normalizer"/>; labels [B, T] are those of the next token, −100 where nothing is to be learned.
    /// While the tape records, families with further aims add them, in the share that this batch's labels have in the normalizer.
    /// </summary>
    public virtual Tensor Loss(Tensor ids, Tensor labels, float normalizer, ForwardContext ctx) =>
        LabelLoss(Hidden(ids, ctx), labels, normalizer);

    /// <summary>Whether training aims at what a family adds in pretraining only (tokens further ahead, balance by a moving bias);
    /// fine-tuning turns it off.</summary>
    public bool Pretraining { get; set; } = root.Adapter is null;

    /// <summary>How much of the losses since <see cref="AfterStep"/> is not the likelihood of labels.</summary>
    public double AddedLoss { get; private set; }

    /// <summary>What <see cref="AddedLoss"/> has grown by since the last call; it begins anew.</summary>
    public double TakeAddedLoss()
    {
        double added = AddedLoss;
        AddedLoss = 0;
        return added;
    }

    /// <summary>Its routers to experts, whose counts are of one process and are added up over all of them before
    /// <see cref="AfterStep"/>.</summary>
    public virtual IReadOnlyList<ExpertRouter> ExpertRouters => [];

    /// <summary>What the model reports of an optimizer step.</summary>
    public virtual IReadOnlyList<Metric> Metrics => [];

    /// <summary>To be called once after each optimizer step: state that follows from the whole step (all its micro-batches) moves
    /// on.</summary>
    public virtual void AfterStep()
    {
        AddedLoss = 0;
        for (int i = 0; i < Metrics.Count; i++)
        {
            Metrics[i].Close();
        }
    }

    /// <summary>Share of tokens for which a parameter works: below 1 for experts.</summary>
    public virtual double ActiveShare(Parameter parameter) => 1;

    /// <summary>Number of weights that work for a token.</summary>
    public long ActiveElementCount =>
        (long)Math.Round(Parameters.Where(p => p.Tensor.DType != DType.Int32).Sum(p => ActiveShare(p) * p.Tensor.Count));

    /// <summary>
    /// Operations of a training step per token: each matrix that works for it costs 2 forward, 2 for the gradient of its input, 2 more
    /// where it is trained.
    /// An untied input embedding only looks rows up.
    /// </summary>
    public double FlopsPerToken
    {
        get
        {
            double below =
                Parameters.Where(p => p.Tensor.Shape.Rank >= 2 && p.Tensor.DType != DType.Int32).Sum(p => ActiveShare(p) * p.Tensor.Count)
                - (IsTied ? 0 : OutputWeight.Count);
            return Adapter is null ? 6 * below : 4 * below + 6.0 * Adapter.Parameters.ElementCount;
        }
    }

    /// <summary>Floats that training keeps of each token for the backward pass, about.</summary>
    public long ActivationsPerToken
    {
        get
        {
            IReadOnlyList<long> blocks = BlockActivations;
            long hidden = OutputWeight.Shape.Last;
            return 4 * hidden + (Recompute ? blocks.Count * ResidualWidth + blocks.Max() : blocks.Sum());
        }
    }

    /// <summary>Numbers of a token that go from block to block.</summary>
    protected virtual int ResidualWidth => OutputWeight.Shape.Last;

    /// <summary>The same of each block alone.</summary>
    protected abstract IReadOnlyList<long> BlockActivations { get; }

    /// <summary><paramref name="loss"/> + weight · part, weighed with the batch's share of the step's labels; reported in
    /// <paramref name="figure"/> without the weight.</summary>
    protected Tensor Plus(Tensor loss, Tensor part, double weight, double share, Metric figure)
    {
        figure.Add(share * part.Item());
        AddedLoss += weight * share * part.Item();
        return Ops.Add(loss, Ops.Scale(part, (float)(weight * share)));
    }

    /// <summary>Labels that are learned from.</summary>
    protected static int LabelCount(Tensor labels) => (int)(labels.Count - labels.CountOf(Ops.IgnoreLabel));

    /// <summary>Frees the parameters.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in Parameters)
        {
            parameter.Tensor.Dispose();
        }
        Adapter?.Dispose();
        GC.SuppressFinalize(this);
    }
}
