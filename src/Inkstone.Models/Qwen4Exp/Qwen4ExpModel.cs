using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>Qwen4's text model, and where the checkpoint has it the module that predicts the token after the next.</summary>
internal sealed class Qwen4ExpModel : PredictingModel<Qwen4ExpBlock>, IIndexedModel
{
    private readonly Qwen4ExpPrediction? _ahead;
    private readonly BlockIndexer[] _indexers; // of the blocks, then of the module's
    private readonly double _tableShare;
    private readonly Metric _indexerLoss = new("indexer_loss");
    private IndexerTraining _indexerTraining;

    /// <summary>Builds the model.</summary>
    /// <param name="config">config.json</param>
    /// <param name="text">its part about the text model</param>
    /// <param name="root">the state dict</param>
    /// <param name="c"><paramref name="text"/>, read</param>
    /// <param name="path">where embedding, layers and the last reader lie</param>
    public Qwen4ExpModel(HfConfig config, HfConfig text, Scope root, Qwen4ExpConfig c, string path)
        : this(config, text, root, c, path, Rotary.From(text, c.Core.RotaryDim)) { }

    private Qwen4ExpModel(HfConfig config, HfConfig text, Scope root, Qwen4ExpConfig c, string path, RotaryTable rotary)
        : base(
            config,
            root,
            new DecoderShape(c.Core.VocabSize, c.Core.HiddenSize, c.Core.NumHiddenLayers, c.Core.TieWordEmbeddings)
            {
                Path = path,
                NormName = "hyper_connection_mixer",
                Streams = c.Streams,
                RouterAuxLoss = c.Core.RouterAuxLoss,
            },
            (layer, s) => new Qwen4ExpBlock(c, layer, s, rotary),
            s => new StreamReader(c, s, injects: false).Read
        )
    {
        int modules = text.Int("mtp_num_hidden_layers", 0);
        if (modules is < 0 or > 1 || text.Bool("mtp_use_dedicated_embeddings", false))
        {
            throw new InvalidDataException(
                $"{text.Source}: one prediction module over the model's own embedding is what is built here; \"mtp_num_hidden_layers\" must be 0 or 1, \"mtp_use_dedicated_embeddings\" false."
            );
        }
        // Text models that transformers wrote have lost the module though the configuration names it.
        Scope mtp = root["mtp"];
        _ahead =
            modules == 1 && mtp["fc_hidden"].Has("weight") && mtp["layers"][0]["mlp"]["gate"].Has("weight")
                ? new Qwen4ExpPrediction(c, mtp, rotary)
                : null;
        PredictionWeight = text.Number("mtp_loss_weight", 0.3);
        _tableShare = Blocks.Select(block => block.TableShare).FirstOrDefault(share => share < 1, 1);
        _indexers = [.. Blocks.Concat(TrainingBlocks).Select(block => block.Indexer).OfType<BlockIndexer>()];
        IndexerTraining = IndexedModel.TrainingOf(text);
    }

    /// <inheritdoc/>
    public override int PredictionDepth => _ahead is null ? 0 : 1;

    /// <inheritdoc/>
    public override double PredictionWeight { get; set; }

    /// <inheritdoc/>
    public IndexerTraining IndexerTraining
    {
        get => _indexerTraining;
        set
        {
            _indexerTraining = value;
            Array.ForEach(_indexers, indexer => indexer.Training = value);
        }
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<Qwen4ExpBlock> TrainingBlocks => _ahead is null ? [] : [_ahead.Block];

    /// <inheritdoc/>
    protected override IEnumerable<Metric> LossMetrics =>
        [.. _ahead is null ? [] : new[] { PredictionLoss }, .. base.LossMetrics, .. _indexers.Length > 0 ? new[] { _indexerLoss } : []];

    /// <inheritdoc/>
    public override double ActiveShare(Parameter parameter) =>
        parameter.Name.Contains(".ngram_embedding.", StringComparison.Ordinal) ? _tableShare : base.ActiveShare(parameter);

    /// <inheritdoc/>
    protected override Tensor Predict(int depth, Tensor carried, Tensor embedded, ForwardContext ctx) =>
        Through(_ahead!.Block, _ahead.Join(carried, embedded), ctx);

    /// <inheritdoc/>
    protected override Tensor ReadAhead(int depth, Tensor carried) => _ahead!.Reader.Read(carried);

    /// <inheritdoc/>
    protected override Tensor PlusOwn(Tensor loss, int predicted, double share)
    {
        int blocks = _indexers.Length - (_ahead is null ? 0 : 1 - predicted);
        for (int i = 0; i < blocks && IndexerTraining != IndexerTraining.None; i++)
        {
            if (_indexers[i].Loss is { } part)
            {
                loss = Plus(loss, part, 1, share, _indexerLoss);
            }
        }
        return loss;
    }
}

/// <summary>What predicts the token after the next: each of a token's streams behind the last layer, and the embedding of the next token,
/// are the input of a block with attention and a reader of its own.</summary>
/// <remarks><code>X'_i = fc_hidden·rms(X_i) + fc_embedding·rms(embed(next))</code></remarks>
internal sealed class Qwen4ExpPrediction
{
    private readonly RmsNorm _embeddingNorm,
        _hiddenNorm;
    private readonly Linear _embedding,
        _hidden;
    private readonly int _streams;

    /// <summary>Builds the module at <paramref name="s"/>.</summary>
    public Qwen4ExpPrediction(Qwen4ExpConfig c, Scope s, RotaryTable rotary)
    {
        int size = c.Core.HiddenSize;
        _streams = c.Streams;
        _embedding = new Linear(s["fc_embedding"], size, size);
        _hidden = new Linear(s["fc_hidden"], size, size);
        _embeddingNorm = new RmsNorm(s["pre_fc_norm_embedding"], size, c.Core.RmsNormEps, zeroCentred: true);
        _hiddenNorm = new RmsNorm(s["pre_fc_norm_hidden"], c.Width, c.Core.RmsNormEps, zeroCentred: true, c.Streams);
        Block = new Qwen4ExpBlock(
            c with
            {
                Core = c.Core with { Linear = [false], Sparse = [true] },
                Ngrams = null,
            },
            0,
            s["layers"][0],
            rotary
        );
        Reader = new StreamReader(c, s["hyper_connection_mixer"], injects: false);
    }

    /// <summary>Its block.</summary>
    public Qwen4ExpBlock Block { get; }

    /// <summary>What reads the streams behind the block.</summary>
    public StreamReader Reader { get; }

    /// <summary>The block's input, [B, T, n·C]. streams: [B, T, n·C] of the model; embedded: [B, T, C] of the tokens one further
    /// on.</summary>
    public Tensor Join(Tensor streams, Tensor embedded)
    {
        Shape each = new(streams.Shape.Rows * _streams, embedded.Shape.Last);
        Tensor hidden = _hidden.Forward(_hiddenNorm.Forward(streams).View(each)).View(streams.Shape);
        return Ops.Add(hidden, Ops.SpreadStreams(_embedding.Forward(_embeddingNorm.Forward(embedded)), _streams));
    }
}
