using Inkstone.Formats;
using Inkstone.Models.Qwen3Next;

namespace Inkstone.Models.Qwen4Exp;

/// <summary>config.json of <c>model_type: qwen4_exp</c>, text part, with the defaults that transformers has.</summary>
/// <param name="Core">what it shares with Qwen3.5</param>
/// <param name="Streams">n, residual streams</param>
/// <param name="LowRank">rank of the gates by which streams are read</param>
/// <param name="SigmoidGate">whether outputs of linear attention are gated by a sigmoid and not by SiLU</param>
/// <param name="Index">who chooses what attention sees; null: no layer has attention</param>
/// <param name="Ngrams">hashed n-grams; null: no layer has them</param>
internal sealed record Qwen4ExpConfig(
    Qwen3NextConfig Core,
    int Streams,
    int LowRank,
    bool SigmoidGate,
    BlockIndexSpec? Index,
    NgramSpec? Ngrams
)
{
    private static readonly string[] IndexerKeys = ["indexer_n_heads", "indexer_head_dim", "indexer_budget", "indexer_compress_ratio"];

    /// <summary>Columns of all streams.</summary>
    public int Width => Streams * Core.HiddenSize;

    /// <summary>Reads and checks.</summary>
    /// <param name="c">the text model's part</param>
    /// <param name="root">config.json</param>
    public static Qwen4ExpConfig From(HfConfig c, HfConfig root)
    {
        Qwen3NextConfig core = Qwen3NextConfig.From(c, sparse: true, indexed: true) with { NormTopkProb = c.Bool("norm_topk_prob", true) };
        string gate = c.Text("output_gate_type", c.Text("hidden_act", "silu"));
        if (gate is not ("silu" or "swish" or "sigmoid"))
        {
            throw new InvalidDataException(
                $"{c.Source}: output_gate_type \"{gate}\" is not known here; known are silu, swish and sigmoid."
            );
        }
        int streams = c.Int("hc_count", 4),
            rank = c.Int("hc_lowrank", 320);
        ConfigCheck.Positive(c, ("hc_count", streams), ("hc_lowrank", rank));
        return new Qwen4ExpConfig(core, streams, rank, gate == "sigmoid", Indexer(c, core), NgramsOf(c, root, core));
    }

    private static BlockIndexSpec? Indexer(HfConfig c, Qwen3NextConfig core)
    {
        string[] missing = [.. IndexerKeys.Where(key => !c.Has(key))];
        bool needed = core.Linear.Contains(false) || c.Int("mtp_num_hidden_layers", 0) > 0;
        if (missing.Length == IndexerKeys.Length && !needed)
        {
            return null;
        }
        if (missing.Length > 0)
        {
            throw new InvalidDataException(
                $"{c.Source} has no \"{missing[0]}\"; layers of full attention need all of {string.Join(", ", IndexerKeys)}."
            );
        }
        BlockIndexSpec spec = new(
            c.Int("indexer_n_heads"),
            c.Int("indexer_head_dim"),
            c.Int("indexer_budget"),
            c.Int("indexer_compress_ratio")
        );
        ConfigCheck.Positive(
            c,
            ("indexer_n_heads", spec.Heads),
            ("indexer_head_dim", spec.HeadDim),
            ("indexer_budget", spec.Budget),
            ("indexer_compress_ratio", spec.Block)
        );
        ConfigCheck.AtMost(c, "indexer_compress_ratio", spec.Block, "indexer_budget", spec.Budget);
        ConfigCheck.AtMost(c, "the rotated part of a head,", core.RotaryDim, "indexer_head_dim", spec.HeadDim);
        return c.Int("indexer_kv_heads", 1) is 1
            ? spec
            : throw new InvalidDataException(
                $"{c.Source}: indexer_kv_heads {c.Int("indexer_kv_heads")} is not built here; an indexer has one key for all its heads."
            );
    }

    private static NgramSpec? NgramsOf(HfConfig c, HfConfig root, Qwen3NextConfig core)
    {
        int[] layers = c.Ints("ple_layer_ids");
        if (layers.Length == 0)
        {
            return null;
        }
        if (
            layers.Distinct().Count() != layers.Length
            || layers.Any(layer => layer < 1 || layer > core.NumHiddenLayers || !core.Linear[layer - 1])
        )
        {
            throw new InvalidDataException(
                $"{c.Source}: ple_layer_ids must name layers of linear attention, each once, counted from 1; these are {string.Join(", ", layers)}."
            );
        }
        int[] ends = c.Ints("eos_token_id") is { Length: > 0 } own ? own : root.Ints("eos_token_id");
        if (ends.Length != 1)
        {
            throw new InvalidDataException(
                $"{c.Source}: eos_token_id must be one id, it is {(ends.Length == 0 ? "missing" : $"{ends.Length} ids")}: n-grams begin anew behind that token, so the model depends on it. Further tokens that end a text belong into generation_config.json."
            );
        }
        NgramSpec spec = new(
            [.. layers.Select(layer => layer - 1)],
            c.Int("ngram_size", 3),
            c.Int("heads_per_ngram", 8),
            c.Int("ple_embed_dim", core.HiddenSize),
            c.Int("ple_conv_kernel_size", 4),
            c.Int("ngram_vocab_size_base", 20_000_000),
            c.Int("make_ngram_vocab_size_divisible_by", 128),
            c.Int("split_ngram_parts", 512),
            c.Int("seed", 1234),
            core.VocabSize,
            ends[0]
        );
        ConfigCheck.Positive(
            c,
            ("ngram_size", spec.Size - 1),
            ("heads_per_ngram", spec.HeadsEach),
            ("ple_embed_dim", spec.Width),
            ("ple_conv_kernel_size", spec.Kernel),
            ("ngram_vocab_size_base", spec.VocabularyBase),
            ("make_ngram_vocab_size_divisible_by", spec.Divisor),
            ("split_ngram_parts", spec.Parts)
        );
        ConfigCheck.RequireMultiple(c, "ple_embed_dim", spec.Width, "(ngram_size - 1) · heads_per_ngram", spec.Heads);
        return spec;
    }
}
