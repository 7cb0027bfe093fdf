using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inkstone.Hub;

/// <summary>What the hub of Hugging Face answers about a repository.</summary>
internal sealed partial class HubApi(Web web, HubSettings settings, RepositoryId id)
{
    private const int MostPages = 10_000;
    private readonly string _api = $"{settings.Base}/api/{id.Plural}/{id.Id}";

    /// <summary>Where the repository's page is, for messages.</summary>
    private string Page => settings.Base + (id.Kind == RepositoryKind.Dataset ? "/datasets/" : "/") + id.Id;

    public static bool IsCommit(string revision) => Commit().IsMatch(revision);

    /// <summary>The commit of a branch or tag.</summary>
    public async Task<string> Resolve(string revision, CancellationToken cancelled)
    {
        (JsonDocument json, HttpResponseMessage answer) = await web.Json(
                $"{_api}/revision/{Uri.EscapeDataString(revision)}",
                a => Refused(a, null, revision),
                cancelled
            )
            .ConfigureAwait(false);
        using (json)
        using (answer)
        {
            return
                json.RootElement is { ValueKind: JsonValueKind.Object } o
                && o.TryGetProperty("sha", out JsonElement sha)
                && sha.GetString() is { } commit
                && IsCommit(commit)
                ? commit
                : throw new InvalidDataException($"{settings.Base} names no commit of {id}: is that the address of a hub?");
        }
    }

    /// <summary>Every file of a commit.</summary>
    public async Task<IReadOnlyList<RepositoryFile>> List(string commit, CancellationToken cancelled)
    {
        List<RepositoryFile> files = [];
        string? page = $"{_api}/tree/{commit}?recursive=true&expand=false";
        for (int number = 0; page is not null; number++)
        {
            string address = number < MostPages ? page : throw new InvalidDataException($"the list of {id} has no end");
            (JsonDocument json, HttpResponseMessage answer) = await web.Json(address, a => Refused(a, null, commit), cancelled)
                .ConfigureAwait(false);
            using (json)
            using (answer)
            {
                if (json.RootElement.ValueKind != JsonValueKind.Array)
                {
                    throw new InvalidDataException(
                        $"{settings.Base} answers with no list of the files of {id}: is that the address of a hub?"
                    );
                }
                files.AddRange(json.RootElement.EnumerateArray().Where(e => Text(e, "type") == "file").Select(Read));
                page = Web.Header(answer, "Link") is { } link && Next().Match(link) is { Success: true } next ? next.Groups[1].Value : null;
            }
        }
        return files;
    }

    /// <summary>Where a file's bytes lie: the hub itself, or another host for which it signs.</summary>
    /// <exception cref="RefusedException">The user may not have it.</exception>
    /// <exception cref="InvalidDataException">No hub answers there.</exception>
    public async Task<string> Locate(string commit, string path, CancellationToken cancelled)
    {
        string address =
            $"{settings.Base}/{(id.Kind == RepositoryKind.Dataset ? "datasets/" : "")}{id.Id}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}";
        // Its first answer says it all, wherever that leads: HEAD follows nothing but a repository's new name, which has no commit yet.
        using HttpResponseMessage answer = await web.Ask(
                HttpMethod.Head,
                address,
                a => Web.Header(a, "X-Repo-Commit") is null && Web.OriginOf(Web.Redirect(a)!) == Web.OriginOf(address),
                cancelled
            )
            .ConfigureAwait(false);
        if ((int)answer.StatusCode >= 400)
        {
            throw Refused(answer, path, commit);
        }
        string? has = Web.Header(answer, "X-Repo-Commit");
        if (has is null)
        {
            throw new InvalidDataException(
                $"{settings.Base} does not say of which commit {path} is (no X-Repo-Commit), so it is no hub, or something between changes its answers; nothing was loaded"
            );
        }
        return has == commit
            ? Web.Redirect(answer) ?? answer.RequestMessage!.RequestUri!.OriginalString
            : throw new InvalidDataException($"{settings.Base} gives {path} of commit {has}, where {commit} was asked for");
    }

    private IOException Refused(HttpResponseMessage answer, string? path, string revision)
    {
        string? code = Web.Header(answer, "X-Error-Code");
        string kind = id.Kind == RepositoryKind.Model ? "model" : "data set";
        return (code, (int)answer.StatusCode) switch
        {
            ("GatedRepo", _) => new RefusedException(
                web.HasToken
                    ? $"the {kind} {id} is gated and the token may not read it: accept its conditions at {Page} with the account of the token"
                    : $"the {kind} {id} is gated: accept its conditions at {Page}, then set HF_TOKEN to a token of that account"
            ),
            ("RevisionNotFound", _) => new RefusedException($"the {kind} {id} has no revision '{revision}': see {Page}"),
            ("EntryNotFound", _) => new RefusedException($"the {kind} {id} lists {path} and does not have it"),
            ("DisabledRepo", _) => new RefusedException($"the {kind} {id} was disabled by the hub: see {Page}"),
            ("RepoNotFound", _) or (_, 401 or 403 or 404) => new RefusedException(
                $"there is no {kind} {id} at {settings.Base}, or it is private: check the name"
                    + (web.HasToken ? ", and whether the token may read it" : ", or set HF_TOKEN")
            ),
            _ => new IOException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{settings.Base} answers {(int)answer.StatusCode} ({answer.ReasonPhrase}) for {id}: try later, or name a mirror with --mirror"
                )
            ),
        };
    }

    private RepositoryFile Read(JsonElement entry)
    {
        string path = RepositoryFile.Safe(Text(entry, "path") ?? throw Odd("a path"));
        string? sha256 = null;
        long length = Number(entry, "size") ?? throw Odd("a size");
        if (entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object)
        {
            sha256 = Text(lfs, "oid") is { Length: 64 } oid && oid.All(char.IsAsciiHexDigit) ? oid : throw Odd("a SHA-256");
            length = Number(lfs, "size") ?? length;
        }
        return new RepositoryFile(
            path,
            length,
            Text(entry, "oid") is { } blob && IsCommit(blob) ? blob : throw Odd("an oid"),
            sha256,
            Text(entry, "xetHash")
        );

        InvalidDataException Odd(string what) => new($"{settings.Base} lists a file of {id} without {what}: is that the address of a hub?");
    }

    internal static string? Text(JsonElement o, string key) =>
        o.ValueKind == JsonValueKind.Object && o.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    internal static long? Number(JsonElement o, string key) =>
        o.ValueKind == JsonValueKind.Object
        && o.TryGetProperty(key, out JsonElement value)
        && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out long number)
        && number >= 0
            ? number
            : null;

    [GeneratedRegex("^[0-9a-f]{40}$")]
    private static partial Regex Commit();

    [GeneratedRegex("<([^>]+)>\\s*;\\s*rel=\"?next\"?")]
    private static partial Regex Next();
}
