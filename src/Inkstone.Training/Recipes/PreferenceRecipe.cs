using System.Globalization;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Nn;

namespace Inkstone.Training;

/// <summary>Everything that one run of preference learning is made of; the YAML keys are these names in snake_case.</summary>
/// <param name="Model">Where it starts: a model, or an adapter to go on with.</param>
/// <param name="Adapter">A new low-rank adapter that is trained; null trains all weights, or the adapter that <paramref name="Model"/>
/// names.</param>
/// <param name="Tokenizer">Directory or tokenizer.json; null: the model's own.</param>
/// <param name="Template">A .jinja file, or chatml; null: the tokenizer's own.</param>
/// <param name="TemplateVariables">Further variables of the template; the recipe's chat_template_kwargs.</param>
/// <param name="Data">The preferences.</param>
/// <param name="Loss">What is minimised.</param>
/// <param name="Watch">When answers count as collapsed.</param>
/// <param name="Optimizer">How gradients become steps.</param>
/// <param name="Schedule">How the learning rate moves.</param>
/// <param name="Train">How long, how much at once, what to report.</param>
/// <param name="Device">What computes; the keys stand in the section train.</param>
/// <param name="Out">Directory of the run.</param>
/// <param name="Resolved">The recipe as read, defaults included, as YAML.</param>
public sealed record PreferenceRecipe(
    BaseModelSection Model,
    LoraConfig? Adapter,
    string? Tokenizer,
    string? Template,
    JsonObject? TemplateVariables,
    PreferenceSection Data,
    PreferenceLossSection Loss,
    WatchSection Watch,
    OptimizerOptions Optimizer,
    ScheduleOptions Schedule,
    TrainOptions Train,
    DeviceOptions Device,
    string Out,
    string Resolved
) : ITuningRecipe
{
    /// <inheritdoc/>
    public DistributedOptions Distributed { get; init; } = new();

    /// <summary>Reads a recipe file with overrides such as ("train.epochs", "2").</summary>
    /// <exception cref="InvalidDataException">A key is unknown or a value does not fit; the message names file, line and key.</exception>
    public static PreferenceRecipe Load(string path, params IReadOnlyList<KeyValuePair<string, string>> overrides) =>
        Read(RecipeFile.Load(path, overrides));

    internal static PreferenceRecipe Read(RecipeSection root)
    {
        PreferenceRecipe recipe = new(
            BaseModelSection.From(root.Section("model")),
            root.Has("adapter") ? AdapterSection.From(root.Section("adapter")) : null,
            root.Text("tokenizer"),
            root.Text("template"),
            root.FreeMapping("chat_template_kwargs"),
            PreferenceSection.From(root.Section("data")),
            PreferenceLossSection.From(root.Section("loss")),
            WatchSection.From(root.Section("watch")),
            OptimizerOptions.From(root.Section("optimizer")),
            ScheduleOptions.From(root.Section("schedule")),
            TrainOptions.From(root.Section("train", out RecipeSection train)),
            DeviceOptions.From(train),
            root.RequiredText("out"),
            ""
        )
        {
            Distributed = DistributedOptions.From(root.Section("distributed")),
        };
        root.Close();
        return recipe with { Resolved = RecipeFile.Resolved(root) };
    }
}

/// <summary>The preferences of a run.</summary>
/// <param name="Train">JSONL or parquet files, or directories of them.</param>
/// <param name="Valid">Held-out files; empty: a part of the training files is held out.</param>
/// <param name="ValidRatio">That part; 0: no validation.</param>
/// <param name="MaxLength">Most tokens of a prompt with an answer.</param>
/// <param name="Overlong">What happens to longer ones: answers are truncated at their end, or the record is skipped.</param>
/// <param name="Shuffle">A new order in each epoch, else the order of the files.</param>
/// <param name="SharePrompts">Whether the answers to a prompt share it, where the model's layers allow that.</param>
public sealed record PreferenceSection(
    IReadOnlyList<string> Train,
    IReadOnlyList<string> Valid,
    double ValidRatio,
    int MaxLength,
    string Overlong,
    bool Shuffle,
    bool SharePrompts = true
)
{
    internal static PreferenceSection From(RecipeSection s)
    {
        IReadOnlyList<string> train = s.Texts("train");
        s.Require(train.Count > 0, "train", "must name the files of preferences to learn from");
        return new(
            train,
            s.Texts("valid"),
            s.Number("valid_ratio", 0.05, 0, 0.9),
            s.Integer("max_length", 1024, 2, 1 << 20),
            s.Choice("overlong", "truncate", "truncate", "skip"),
            s.Choice("order", "shuffle", "shuffle", "sequential") == "shuffle",
            s.Flag("share_prompts", true)
        );
    }
}

/// <summary>The loss of a run: of pairs, or of single answers.</summary>
/// <param name="Pairs">of pairs, or null</param>
/// <param name="Singles">of single answers, or null</param>
/// <param name="Reference">where the reference's log-probabilities come from: stored, adapter_off, or auto</param>
public sealed record PreferenceLossSection(PairOptions? Pairs, UnpairedOptions? Singles, string Reference)
{
    private static readonly Dictionary<string, PairKind> Kinds = new()
    {
        ["sigmoid"] = PairKind.Sigmoid,
        ["ipo"] = PairKind.Ipo,
        ["ipo_sum"] = PairKind.IpoSum,
        ["hinge"] = PairKind.Hinge,
        ["dpop"] = PairKind.Dpop,
        ["robust"] = PairKind.Robust,
        ["sigmoid_norm"] = PairKind.SigmoidNorm,
        ["exo_pair"] = PairKind.ExoPair,
        ["nca_pair"] = PairKind.NcaPair,
        ["bco_pair"] = PairKind.BcoPair,
        ["sppo_hard"] = PairKind.SppoHard,
        ["aot"] = PairKind.Aot,
        ["aot_unpaired"] = PairKind.AotUnpaired,
        ["apo_zero"] = PairKind.ApoZero,
        ["apo_down"] = PairKind.ApoDown,
        ["discopop"] = PairKind.Discopop,
        ["sft"] = PairKind.Sft,
        ["cpo"] = PairKind.Cpo,
        ["cpo_hinge"] = PairKind.CpoHinge,
        ["cpo_ipo"] = PairKind.CpoIpo,
        ["simpo"] = PairKind.Simpo,
        ["orpo"] = PairKind.Orpo,
    };

    private static readonly Dictionary<string, UnpairedKind> SingleKinds = new()
    {
        ["kto"] = UnpairedKind.Kto,
        ["apo_zero_unpaired"] = UnpairedKind.ApoZero,
    };

    internal static PreferenceLossSection From(RecipeSection s)
    {
        IReadOnlyList<string> given = s.Texts("type"),
            weights = s.Texts("weights");
        string[] types = given.Count == 0 ? ["sigmoid"] : [.. given];
        string[] known = [.. Kinds.Keys, .. SingleKinds.Keys];
        string? unknown = types.FirstOrDefault(t => !known.Contains(t));
        s.Require(
            unknown is null,
            "type",
            $"must be of {string.Join(", ", known)}, got '{unknown}'{Spelling.Suggestion(unknown ?? "", known)}"
        );
        bool singles = types.Any(SingleKinds.ContainsKey);
        s.Require(!singles || types.Length == 1, "type", "of single answers (kto, apo_zero_unpaired) cannot be added to others");
        double[] numbers =
        [
            .. weights.Select(w => double.TryParse(w, CultureInfo.InvariantCulture, out double value) ? value : double.NaN),
        ];
        s.Require(
            numbers.Length == 0 || (numbers.Length == types.Length && !numbers.Any(double.IsNaN)),
            "weights",
            $"must be {types.Length} number{(types.Length == 1 ? "" : "s")}, one for each type"
        );
        double smoothing = s.Number("label_smoothing", 0, 0, 0.499),
            sft = s.Number("sft_weight", types.Any(t => t is "cpo" or "cpo_hinge" or "cpo_ipo") ? 1 : 0, 0, 1e6),
            beta = s.Number("beta", 0.1, 1e-6, 1e6);
        PairTerm[] terms =
        [
            .. types.Where(Kinds.ContainsKey).Select((t, i) => new PairTerm(Kinds[t], numbers.Length > i ? numbers[i] : 1, smoothing)),
            .. sft > 0 ? [new PairTerm(PairKind.Sft, sft)] : Array.Empty<PairTerm>(),
        ];
        PairOptions pairs = new(terms, beta)
        {
            Divergence = s.Choice("f_divergence", "reverse_kl", "reverse_kl", "forward_kl", "js_divergence", "alpha_divergence") switch
            {
                "forward_kl" => FDivergence.ForwardKl,
                "js_divergence" => FDivergence.JsDivergence,
                "alpha_divergence" => FDivergence.AlphaDivergence,
                _ => FDivergence.ReverseKl,
            },
            DivergenceAlpha = s.Number("f_alpha", 0.5, -100, 100),
            LengthAlpha = s.Number("ld_alpha", 1, 0, 1),
            Weighted = s.Flag("weighting", false),
            DpopLambda = s.Number("dpop_lambda", 50, 0, 1e6),
            Tau = s.Number("tau", 0.05, 1e-6, 1e6),
            Gamma = s.Number("gamma", 0.5, -1e6, 1e6),
            RewardAlpha = s.Number("reward_alpha", 0, -100, 100),
        };
        UnpairedOptions unpaired = new(
            singles && types[0] != "kto" ? UnpairedKind.ApoZero : UnpairedKind.Kto,
            beta,
            s.Number("desirable_weight", 1, 0, 1e6),
            s.Number("undesirable_weight", 1, 0, 1e6)
        );
        string reference = s.Choice("reference", "auto", "auto", "stored", "adapter_off");
        return new(singles || unknown is not null ? null : pairs.Validate(), singles ? unpaired : null, reference);
    }
}

/// <summary>When the answers of a model in training count as collapsed. 0 turns a measure off.</summary>
/// <param name="Drop">nats a token by which the likelihood of chosen answers may fall</param>
/// <param name="Repetition">share of runs of four characters in what the model answers that stand there already, above which it repeats
/// itself</param>
/// <param name="Length">times by which answers may grow or shrink</param>
/// <param name="Prompts">held-out prompts that are answered at each validation</param>
/// <param name="Tokens">most tokens of such an answer</param>
/// <param name="Stop">end the run, and do not only warn</param>
public sealed record WatchSection(double Drop, double Repetition, double Length, int Prompts, int Tokens, bool Stop)
{
    internal static WatchSection From(RecipeSection s) =>
        new(
            s.Number("drop", 1, 0, 100),
            s.Number("repetition", 0.6, 0, 1),
            s.Number("length", 3, 0, 1000),
            s.Integer("prompts", 4, 0, 1000),
            s.Integer("tokens", 64, 1, 1 << 16),
            s.Flag("stop", false)
        );
}
