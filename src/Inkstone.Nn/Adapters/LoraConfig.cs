using System.Globalization;

namespace Inkstone.Nn;

/// <summary>Which layers wear a low-rank adapter, and what kind; the terms are those of PEFT's LoraConfig.</summary>
/// <param name="Rank">r</param>
/// <param name="Alpha">the adapter's output is scaled by α / r, or α / √r when rank-stabilised</param>
/// <param name="Targets">names (<c>q_proj</c>) or paths of layers; <c>all-linear</c>: every linear layer but the head</param>
/// <param name="Dropout">probability with which the adapter's inputs are dropped in training</param>
/// <param name="RankStabilised">rsLoRA (arXiv:2312.03732)</param>
/// <param name="Dora">weight-decomposed (arXiv:2402.09353)</param>
public sealed record LoraConfig(
    int Rank,
    double Alpha,
    IReadOnlyList<string> Targets,
    double Dropout = 0,
    bool RankStabilised = false,
    bool Dora = false
)
{
    /// <summary>The word for every linear layer but the head.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>The path of the output head.</summary>
    public const string Head = "lm_head";

    private const string AnyName = @"[^.]*";

    /// <summary>A regular expression over whole paths instead of <see cref="Targets"/>, or null.</summary>
    public string? TargetPattern { get; init; }

    /// <summary>Names or paths of layers that wear none although a target names them.</summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];

    /// <summary>A regular expression over whole paths, of layers that wear none; or null.</summary>
    public string? ExcludedPattern { get; init; }

    /// <summary>Numbers of the layers that wear one; empty: all. A target that is a whole path asks for no number.</summary>
    public IReadOnlyList<int> Layers { get; init; } = [];

    /// <summary>Regular expressions of what stands before the number; empty: the first number after a name.</summary>
    public IReadOnlyList<string> LayerPatterns { get; init; } = [];

    /// <summary>What the adapter's start took out of the weights below.</summary>
    public LoraStart Start { get; init; }

    /// <summary>Biases that the adapter holds in place of the model's: <c>none</c>, those of its layers (<c>lora_only</c>), or
    /// <c>all</c>.</summary>
    public string Bias { get; init; } = "none";

    /// <summary>Whether B has a bias, which is scaled with it.</summary>
    public bool BiasOfB { get; init; }

    /// <summary>Modules whose weights the adapter holds whole, in place of the model's.</summary>
    public IReadOnlyList<string> SavedModules { get; init; } = [];

    /// <summary>Other ranks for the layers whose path ends with a pattern; the first that matches counts.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Other alphas, in the same way.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Whether the layer at <paramref name="path"/> wears an adapter.</summary>
    public bool Matches(string path) =>
        !Excluded.Any(name => Names(name, path))
        && !(ExcludedPattern is not null && PythonPattern.IsWhole(ExcludedPattern, path))
        && (
            TargetPattern is not null
                ? PythonPattern.IsWhole(TargetPattern, path)
                : Targets.Contains(path)
                    || (InLayers(path) && (Targets.Contains(AllLinear) ? path != Head : Targets.Any(name => Names(name, path))))
        );

    /// <summary>Whether <paramref name="name"/> is the path or its end after a dot.</summary>
    internal static bool Names(string name, string path) => path == name || path.EndsWith("." + name, StringComparison.Ordinal);

    /// <summary>r of the layer at <paramref name="path"/>.</summary>
    public int RankOf(string path) => Find(RankPattern, path, out int rank) ? rank : Rank;

    /// <summary>The factor on the adapter's output at <paramref name="path"/>.</summary>
    public float ScaleOf(string path)
    {
        double alpha = Find(AlphaPattern, path, out double own) ? own : Alpha,
            rank = RankOf(path);
        return (float)(alpha / (RankStabilised ? Math.Sqrt(rank) : rank));
    }

    /// <summary>Refuses sizes that mean nothing.</summary>
    public LoraConfig Validate(string source)
    {
        if (Rank < 1 || RankPattern.Values.Any(r => r < 1))
        {
            throw new InvalidDataException($"{source}: the adapter's rank must be at least 1, it is {Rank}.");
        }
        if (!(Dropout >= 0 && Dropout < 1))
        {
            throw new InvalidDataException($"{source}: the adapter's dropout must be at least 0 and below 1, it is {Dropout}.");
        }
        if (Bias is not ("none" or "lora_only" or "all"))
        {
            throw new InvalidDataException($"{source}: \"bias\" must be none, lora_only or all, it is {Bias}.");
        }
        if (BiasOfB && Dora)
        {
            throw new InvalidDataException($"{source}: \"lora_bias\" and \"use_dora\" do not go together.");
        }
        try
        {
            foreach (
                string pattern in (IEnumerable<string>)
                    [.. RankPattern.Keys, .. AlphaPattern.Keys, .. LayerPatterns, TargetPattern ?? "", ExcludedPattern ?? ""]
            )
            {
                PythonPattern.Check(pattern);
            }
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{source}: {e.Message}", e);
        }
        return TargetPattern is not null || Targets.Count > 0
            ? this
            : throw new InvalidDataException(
                $"{source}: the adapter must name its target layers, such as q_proj and v_proj, or {AllLinear}."
            );
    }

    private bool InLayers(string path) =>
        Layers.Count == 0
        || (LayerPatterns.Count == 0 ? [AnyName] : LayerPatterns).Any(pattern =>
            PythonPattern.LayerAfter(pattern, path) is { } number
            && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            && Layers.Contains(layer)
        );

    private static bool Find<T>(IReadOnlyDictionary<string, T> patterns, string path, out T found)
    {
        foreach ((string pattern, T value) in patterns)
        {
            if (PythonPattern.IsEnd(pattern, path))
            {
                found = value;
                return true;
            }
        }
        found = default!;
        return false;
    }
}
