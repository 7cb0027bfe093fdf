using Inkstone.Formats;
using Inkstone.Models.Qwen3Next;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen35;

/// <summary>Qwen3.5's text model, and where the checkpoint has it the module that predicts the token after the next.</summary>
internal sealed class Qwen35Model : PredictingModel<Qwen3NextBlock>
{
    private readonly Qwen35Prediction? _ahead;

    /// <summary>Builds the model.</summary>
    /// <param name="config">config.json</param>
    /// <param name="text">its part about the text model</param>
    /// <param name="root">the state dict</param>
    /// <param name="c"><paramref name="text"/>, read</param>
    /// <param name="path">where embedding, layers and norm lie</param>
    public Qwen35Model(HfConfig config, HfConfig text, Scope root, Qwen3NextConfig c, string path)
        : this(config, text, root, c, path, Rotary.From(text, c.RotaryDim)) { }

    private Qwen35Model(HfConfig config, HfConfig text, Scope root, Qwen3NextConfig c, string path, RotaryTable rotary)
        : base(
            config,
            root,
            new DecoderShape(c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.TieWordEmbeddings)
            {
                Path = path,
                RouterAuxLoss = c.RouterAuxLoss,
            },
            (layer, s) => Block(c, layer, s, rotary),
            s => new RmsNorm(s, c.HiddenSize, c.RmsNormEps, zeroCentred: true).Forward
        )
    {
        int modules = text.Int("mtp_num_hidden_layers", 0);
        if (modules is < 0 or > 1 || text.Bool("mtp_use_dedicated_embeddings", false))
        {
            throw new InvalidDataException(
                $"{text.Source}: one prediction module over the model's own embedding is what is built here; \"mtp_num_hidden_layers\" must be 0 or 1, \"mtp_use_dedicated_embeddings\" false."
            );
        }
        // Text models that transformers wrote have lost the module, or the experts of it, though the configuration names it.
        Scope mlp = root["mtp"]["layers"][0]["mlp"];
        bool whole = root["mtp"]["fc"].Has("weight") && (mlp["gate_proj"].Has("weight") || mlp["gate"].Has("weight"));
        _ahead = modules == 1 && whole ? new Qwen35Prediction(c, root["mtp"], rotary) : null;
        PredictionWeight = text.Number("mtp_loss_weight", 0.3);
    }

    /// <summary>Qwen3-Next's block with Qwen3.5's projections; gate and up of experts are one tensor.</summary>
    public static Qwen3NextBlock Block(Qwen3NextConfig c, int layer, Scope s, RotaryTable rotary) =>
        new(c, layer, s, rotary, linear => new Qwen35DeltaNet(c, layer, linear), expertWidths: 5);

    /// <inheritdoc/>
    public override int PredictionDepth => _ahead is null ? 0 : 1;

    /// <inheritdoc/>
    public override double PredictionWeight { get; set; }

    /// <inheritdoc/>
    protected override IReadOnlyList<Qwen3NextBlock> TrainingBlocks => _ahead is null ? [] : [_ahead.Block];

    /// <inheritdoc/>
    protected override IEnumerable<Metric> LossMetrics => _ahead is null ? base.LossMetrics : [PredictionLoss, .. base.LossMetrics];

    /// <inheritdoc/>
    protected override Tensor Predict(int depth, Tensor carried, Tensor embedded, ForwardContext ctx) =>
        _ahead!.Norm.Forward(Through(_ahead.Block, _ahead.Join(carried, embedded), ctx));
}

/// <summary>What predicts the token after the next: the final hidden state of a token and the embedding of the next one are the input of a
/// block with full attention.</summary>
internal sealed class Qwen35Prediction
{
    private readonly RmsNorm _embeddingNorm,
        _hiddenNorm;
    private readonly Linear _join;
    private readonly int _hiddenSize;

    /// <summary>Builds the module at <paramref name="s"/>.</summary>
    public Qwen35Prediction(Qwen3NextConfig c, Scope s, RotaryTable rotary)
    {
        _hiddenSize = c.HiddenSize;
        _join = new Linear(s["fc"], 2 * c.HiddenSize, c.HiddenSize);
        _embeddingNorm = new RmsNorm(s["pre_fc_norm_embedding"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        _hiddenNorm = new RmsNorm(s["pre_fc_norm_hidden"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
        Block = Qwen35Model.Block(c with { Linear = [false], Sparse = [c.Sparse[^1]] }, 0, s["layers"][0], rotary);
        Norm = new RmsNorm(s["norm"], c.HiddenSize, c.RmsNormEps, zeroCentred: true);
    }

    /// <summary>Its block.</summary>
    public Qwen3NextBlock Block { get; }

    /// <summary>What stands behind the block.</summary>
    public RmsNorm Norm { get; }

    /// <summary>The block's input, [B, T, C]. hidden: [B, T, C] of the model; embedded: [B, T, C] of the tokens one further on.</summary>
    public Tensor Join(Tensor hidden, Tensor embedded) =>
        _join.Forward(Ops.JoinHeads(_embeddingNorm.Forward(embedded), 1, _hiddenSize, _hiddenNorm.Forward(hidden))); // [B, T, 2C] → [B, T, C]
}
