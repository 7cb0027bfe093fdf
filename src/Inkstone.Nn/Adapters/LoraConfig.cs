using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Nn;

/// <summary>Which layers wear a low-rank adapter, and what kind; the terms are those of PEFT's LoraConfig.</summary>
/// <param name="Rank">r</param>
/// <param name="Alpha">the adapter's output is scaled by α / r, or α / √r when rank-stabilised</param>
/// <param name="Targets">names (<c>q_proj</c>) or paths of layers; <c>all-linear</c>: every linear layer but the head</param>
/// <param name="Dropout">probability with which the adapter's inputs are dropped in training</param>
/// <param name="RankStabilised">rsLoRA (arXiv:2312.03732)</param>
/// <param name="Dora">weight-decomposed (arXiv:2402.09353)</param>
public sealed record LoraConfig(int Rank, double Alpha, IReadOnlyList<string> Targets, double Dropout = 0, bool RankStabilised = false, bool Dora = false)
{
    /// <summary>The word for every linear layer but the head.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>The path of the output head.</summary>
    public const string Head = "lm_head";

    /// <summary>A regular expression over whole paths instead of <see cref="Targets"/>, or null.</summary>
    public string? TargetPattern { get; init; }

    /// <summary>Names or paths of layers that wear none although a target names them.</summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];

    /// <summary>Numbers of the layers that wear one; empty: all.</summary>
    public IReadOnlyList<int> Layers { get; init; } = [];

    /// <summary>Other ranks for the layers whose path ends with a pattern.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Other alphas for the layers whose path ends with a pattern.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Whether the layer at <paramref name="path"/> wears an adapter.</summary>
    public bool Matches(string path)
        => !Named(Excluded, path) && InLayers(path) && (TargetPattern is not null ? Whole(TargetPattern, path) : Targets.Contains(AllLinear) ? path != Head : Named(Targets, path));

    /// <summary>r of the layer at <paramref name="path"/>.</summary>
    public int RankOf(string path) => Find(RankPattern, path, out int rank) ? rank : Rank;

    /// <summary>The factor on the adapter's output at <paramref name="path"/>.</summary>
    public float ScaleOf(string path)
    {
        double alpha = Find(AlphaPattern, path, out double own) ? own : Alpha, rank = RankOf(path);
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
        return TargetPattern is not null || Targets.Count > 0 ? this
            : throw new InvalidDataException($"{source}: the adapter must name its target layers, such as q_proj and v_proj, or {AllLinear}.");
    }

    private bool InLayers(string path)
        => Layers.Count == 0 || (Regex.Match(path, @"\.layers\.(\d+)\.") is { Success: true } match && Layers.Contains(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)));

    private static bool Named(IReadOnlyList<string> names, string path) => names.Any(name => path == name || path.EndsWith("." + name, StringComparison.Ordinal));

    private static bool Whole(string pattern, string path) => Regex.IsMatch(path, $@"\A(?:{pattern})\z", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));

    private static bool Find<T>(IReadOnlyDictionary<string, T> patterns, string path, out T found)
    {
        foreach ((string pattern, T value) in patterns)
        {
            if (Whole($@"(?:.*\.)?(?:{pattern})", path))
            {
                found = value;
                return true;
            }
        }
        found = default!;
        return false;
    }
}
