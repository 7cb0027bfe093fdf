using System.Globalization;

namespace Inkstone.Hub;

/// <summary>Where a hub is, where what it gives is kept, and who asks.</summary>
/// <param name="Endpoint">address of the hub, with a path where it has one</param>
/// <param name="CacheDirectory">directory with one folder per repository</param>
/// <param name="Token">token of the user, sent to the hub's own address only; null where there is none</param>
/// <param name="Offline">nothing is asked for: what the cache holds is the answer</param>
public sealed record HubSettings(string Endpoint, string CacheDirectory, string? Token = null, bool Offline = false)
{
    /// <summary>How long to wait for the next byte before the connection is given up and made anew.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Files that are loaded at once.</summary>
    public int Files { get; init; } = 8;

    /// <summary>Whether snapshots hold links to their blobs; without, the files themselves.</summary>
    public bool Links { get; init; } = true;

    /// <summary>
    /// What Hugging Face's own programs would take: HF_ENDPOINT, HF_HUB_CACHE or HF_HOME, HF_TOKEN or the file of a login, HF_HUB_OFFLINE,
    /// HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_DISABLE_SYMLINKS.
    /// </summary>
    public static HubSettings HuggingFace()
    {
        string home = Variable("HF_HOME") ?? Path.Combine(Variable("XDG_CACHE_HOME") ?? Path.Combine(UserHome, ".cache"), "huggingface");
        string tokenFile = Variable("HF_TOKEN_PATH") ?? Path.Combine(home, "token");
        string? token =
            Variable("HF_TOKEN") ?? Variable("HUGGING_FACE_HUB_TOKEN") ?? (File.Exists(tokenFile) ? File.ReadAllText(tokenFile) : null);
        return new HubSettings(
            Variable("HF_ENDPOINT") ?? "https://huggingface.co",
            Expand(Variable("HF_HUB_CACHE") ?? Variable("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub")),
            string.IsNullOrWhiteSpace(token) ? null : token.Trim(),
            IsTrue("HF_HUB_OFFLINE")
        )
        {
            Silence = Seconds("HF_HUB_DOWNLOAD_TIMEOUT", 10),
            Links = !IsTrue("HF_HUB_DISABLE_SYMLINKS"),
        };
    }

    /// <summary>What ModelScope's own program would take: MODELSCOPE_ENDPOINT, MODELSCOPE_CACHE, MODELSCOPE_API_TOKEN; HF_HUB_OFFLINE
    /// counts here too.</summary>
    public static HubSettings ModelScope() =>
        new(
            Variable("MODELSCOPE_ENDPOINT") ?? "https://www.modelscope.cn",
            Expand(
                Variable("MODELSCOPE_CACHE") ?? Path.Combine(Variable("XDG_CACHE_HOME") ?? Path.Combine(UserHome, ".cache"), "modelscope")
            ),
            Variable("MODELSCOPE_API_TOKEN"),
            IsTrue("HF_HUB_OFFLINE")
        );

    /// <summary>The address as requests begin, without a slash at its end.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    internal string Base =>
        Uri.TryCreate(Endpoint, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
            ? Endpoint.TrimEnd('/')
            : throw new ArgumentException(
                $"the hub's address must begin with http:// or https://, got '{Endpoint}': mend HF_ENDPOINT or --mirror"
            );

    private static string UserHome => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static bool IsTrue(string name) => Variable(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

    private static TimeSpan Seconds(string name, double fallback) =>
        TimeSpan.FromSeconds(
            double.TryParse(Variable(name), NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) && seconds > 0
                ? seconds
                : fallback
        );

    private static string Expand(string path) =>
        path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? UserHome + path[1..] : path;
}
