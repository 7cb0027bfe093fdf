using System.Text.Json.Nodes;

namespace Inkstone.Cli;

/// <summary>A family with what its runs gave.</summary>
internal sealed record Contestant(
    string Name,
    string ModelType,
    long Parameters,
    long Active,
    long ShortCacheBytes,
    long LongCacheBytes,
    IReadOnlyList<JsonObject> Runs,
    IReadOnlyList<RunMetrics> Metrics
)
{
    /// <summary>Tokens at which caches are compared.</summary>
    public const int ShortCache = 1024,
        LongCache = 32768;

    public long ShortCacheBytesPerToken => ShortCacheBytes / ShortCache;

    public long LongCacheBytesPerToken => LongCacheBytes / LongCache;

    public Spread BitsPerByte => Spread.Measure(Values("valid_bits_per_byte"));

    public double TrainRate => Median("tokens_per_second");

    public double DecodeRate => Median("decode_tokens_per_second");

    public double FractionOfRoof => Median("fraction_of_roof");

    /// <summary>The least bits per byte first; behind them those that have none.</summary>
    public static Contestant[] Ranked(IEnumerable<Contestant> all) =>
        [.. all.OrderBy(c => double.IsNaN(c.BitsPerByte.Mean) ? double.MaxValue : c.BitsPerByte.Mean)];

    /// <summary>Cells of a table behind those of sizes: bits per byte, rate and share of roof in training, rate of decoding, caches.</summary>
    public string[] Figures() =>
        [
            BitsPerByte.ToString(),
            Format.Text($"{TrainRate:#,0}"),
            Format.Text($"{100 * FractionOfRoof:0}"),
            Format.Text($"{DecodeRate:#,0}"),
            Format.Text($"{ShortCacheBytesPerToken:#,0}"),
            Format.Text($"{LongCacheBytesPerToken:#,0}"),
        ];

    public JsonObject Json() =>
        new()
        {
            ["name"] = Name,
            ["model_type"] = ModelType,
            ["parameters"] = Parameters,
            ["active_parameters"] = Active,
            ["bits_per_byte"] = new JsonObject
            {
                ["mean"] = Number(BitsPerByte.Mean),
                ["low"] = Number(BitsPerByte.Low),
                ["high"] = Number(BitsPerByte.High),
                ["of"] = new JsonArray([.. Values("valid_bits_per_byte").Select(v => (JsonNode?)Number(v))]),
            },
            ["train_tokens_per_second"] = Number(TrainRate),
            ["fraction_of_roof"] = Number(FractionOfRoof),
            ["decode_tokens_per_second"] = Number(DecodeRate),
            ["cache_bytes_per_token"] = new JsonObject { ["1024"] = ShortCacheBytesPerToken, ["32768"] = LongCacheBytesPerToken },
        };

    private static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;

    private IEnumerable<double> Values(string key) =>
        Runs.Select(r => r[key] is JsonValue v && v.TryGetValue(out double d) ? d : double.NaN);

    private double Median(string key) =>
        Values(key).Where(double.IsFinite).Order().ToArray() is { Length: > 0 } known ? known[known.Length / 2] : double.NaN;
}

/// <summary>A mean over runs, and the lowest and highest of them.</summary>
internal readonly record struct Spread(double Mean, double Low, double High)
{
    public static Spread Measure(IEnumerable<double> values) =>
        values.Where(double.IsFinite).ToArray() is { Length: > 0 } known
            ? new(known.Average(), known.Min(), known.Max())
            : new(double.NaN, double.NaN, double.NaN);

    public override string ToString() =>
        double.IsNaN(Mean) ? "–"
        : Low == High ? Format.Text($"{Mean:0.0000}")
        : Format.Text($"{Mean:0.0000} ({Low:0.0000} to {High:0.0000})");
}
