using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Inkstone.Hub.Tests;

/// <summary>What a server does wrong, to the first <c>Times</c> requests whose "METHOD host path" fits.</summary>
internal sealed class Fault(string match, int times = 1)
{
    private int _left = times;

    /// <summary>Body bytes after which the connection ends, in good order or by a reset.</summary>
    public int? CutAfter { get; init; }

    public bool Reset { get; init; }

    /// <summary>Says nothing for so long after <see cref="CutAfter"/>.</summary>
    public TimeSpan Stall { get; init; }

    public int? Status { get; init; }

    public string? Header { get; init; }

    public string? WithoutHeader { get; init; }

    public bool Flip { get; init; }

    public bool NoRange { get; init; }

    public int Short { get; init; }

    public bool Fits(string line)
    {
        lock (this)
        {
            return _left > 0 && Regex.IsMatch(line, match) && _left-- > 0;
        }
    }
}

/// <summary>A request as it came, and the body bytes that went out.</summary>
internal sealed record Seen(string Method, string Host, string Path, Dictionary<string, string> Headers)
{
    public int Sent { get; set; }
}

/// <summary>
/// A hub of one repository on loopback, as the hub's protocol has it: revision, list in pages, HEAD with commit and etag, small files on
/// the hub itself,
/// large ones behind a signed address of another port. ModelScope's addresses too.
/// </summary>
internal sealed class FakeHub : IDisposable
{
    public const string Id = "yan/tiny-shi",
        Commit = "0123456789abcdef0123456789abcdef01234567",
        NpmTarball = "pen-1.2.3.tgz";
    private readonly TcpListener _hub = new(IPAddress.Loopback, 0),
        _cdn = new(IPAddress.Loopback, 0);
    private readonly List<Seen> _log = [];

    public FakeHub(params (string Path, byte[] Content)[] files)
    {
        Files = files.ToDictionary(f => f.Path, f => f.Content);
        _ = Serve(_hub, "hub");
        _ = Serve(_cdn, "cdn");
    }

    public Dictionary<string, byte[]> Files { get; }

    public List<Fault> Faults { get; } = [];

    public bool IsGated { get; init; }

    public int PageSize { get; init; } = 1000;

    public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)_hub.LocalEndpoint).Port}";

    public string OtherOrigin => $"http://127.0.0.1:{((IPEndPoint)_cdn.LocalEndpoint).Port}";

    public Seen[] Log
    {
        get
        {
            lock (_log)
            {
                return [.. _log];
            }
        }
    }

    /// <summary>Body bytes of large files that went out.</summary>
    public long CdnBytes => Log.Where(s => s.Host == "cdn").Sum(s => (long)s.Sent);

    public static bool IsLarge(byte[] content) => content.Length >= 1000;

    public static string Etag(byte[] content) => IsLarge(content) ? Hex(SHA256.HashData(content)) : GitBlob(content);

    public void Dispose()
    {
        _hub.Dispose();
        _cdn.Dispose();
    }

    private static string GitBlob(byte[] content) =>
        Hex(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));

    private static string Hex(byte[] hash) => Convert.ToHexStringLower(hash);

    private async Task Serve(TcpListener listener, string host)
    {
        listener.Start();
        try
        {
            while (true)
            {
                _ = Answer(await listener.AcceptTcpClientAsync(), host);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException) { }
    }

    private async Task Answer(TcpClient client, string host)
    {
        try
        {
            using TcpClient _ = client;
            NetworkStream stream = client.GetStream();
            while (await ReadHead(stream) is [var first, .. var lines])
            {
                string[] words = first.Split(' ');
                Seen seen = new(
                    words[0],
                    host,
                    words[1],
                    lines.Select(l => l.Split(": ", 2)).ToDictionary(p => p[0], p => p[1], StringComparer.OrdinalIgnoreCase)
                );
                lock (_log)
                {
                    _log.Add(seen);
                }
                Fault[] faults = [.. Faults.Where(f => f.Fits($"{seen.Method} {host} {seen.Path}"))];
                (int status, byte[] body, Dictionary<string, string> headers) = host == "hub" ? Hub(seen) : Cdn(seen);
                if (!await Write(client, stream, seen, faults, status, body, headers))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException) { }
    }

    private static async Task<string[]> ReadHead(NetworkStream stream)
    {
        List<byte> bytes = [];
        byte[] one = new byte[1];
        while (bytes.Count < 4 || !bytes[^4..].SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            if (await stream.ReadAsync(one) == 0)
            {
                return [];
            }
            bytes.Add(one[0]);
        }
        return Encoding.ASCII.GetString([.. bytes]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
    }

    private static async Task<bool> Write(
        TcpClient client,
        NetworkStream stream,
        Seen seen,
        Fault[] faults,
        int status,
        byte[] body,
        Dictionary<string, string> headers
    )
    {
        foreach (Fault fault in faults)
        {
            if (fault.Status is { } code)
            {
                (status, body, headers) = (code, "{}"u8.ToArray(), []);
            }
            if (fault.Header?.Split(": ", 2) is [var name, var value])
            {
                headers[name] = value;
            }
            if (fault.WithoutHeader is { } gone)
            {
                headers.Remove(gone);
            }
            if (fault.Flip && body.Length > 0)
            {
                body = [(byte)(body[0] ^ 1), .. body[1..]];
            }
            body = body[..Math.Max(0, body.Length - fault.Short)];
        }
        if (
            status == 200
            && headers.ContainsKey("Accept-Ranges")
            && seen.Headers.TryGetValue("Range", out string? range)
            && !faults.Any(f => f.NoRange)
        )
        {
            Match match = Regex.Match(range, @"bytes=(\d+)-(\d*)");
            int from = int.Parse(match.Groups[1].Value, null),
                to = match.Groups[2].Length > 0 ? Math.Min(int.Parse(match.Groups[2].Value, null), body.Length - 1) : body.Length - 1;
            headers["Content-Range"] = from < body.Length ? $"bytes {from}-{to}/{body.Length}" : $"bytes */{body.Length}";
            (status, body) = from < body.Length ? (206, body[from..(to + 1)]) : (416, []);
        }
        StringBuilder head = new($"HTTP/1.1 {status} said\r\nContent-Length: {body.Length}\r\n");
        foreach ((string name, string value) in headers)
        {
            head.Append($"{name}: {value}\r\n");
        }
        await stream.WriteAsync(Encoding.UTF8.GetBytes(head.Append("\r\n").ToString()));
        if (seen.Method == "HEAD")
        {
            return true;
        }
        Fault? cut = faults.FirstOrDefault(f => f.CutAfter is not null);
        int length = Math.Min(body.Length, cut?.CutAfter ?? int.MaxValue);
        await stream.WriteAsync(body.AsMemory(0, length));
        seen.Sent = length;
        if (cut is null)
        {
            return true;
        }
        await Task.Delay(cut.Stall);
        if (cut.Reset)
        {
            await Task.Delay(50); // what was sent arrives first
            client.LingerState = new LingerOption(true, 0);
        }
        return false;
    }

    private (int, byte[], Dictionary<string, string>) Hub(Seen seen)
    {
        string path = Uri.UnescapeDataString(seen.Path.Split('?')[0]);
        if (path.StartsWith("/mirror/", StringComparison.Ordinal))
        {
            path = path[7..];
        }
        if (path.StartsWith("/api/v1/", StringComparison.Ordinal))
        {
            return ModelScope(seen, path);
        }
        if (path == "/pen/1.2.3" || path == "/pen/latest")
        {
            byte[] tarball = Files[NpmTarball];
            return Json(
                new JsonObject
                {
                    ["version"] = "1.2.3",
                    ["dist"] = new JsonObject { ["tarball"] = $"{Endpoint}/{NpmTarball}", ["shasum"] = Hex(SHA1.HashData(tarball)) },
                }
            );
        }
        if (Regex.Match(path, $"^/api/(models|datasets)/{Id}/revision/(.+)$") is { Success: true } revision)
        {
            return revision.Groups[2].Value is "main" or "old/one"
                ? Json(new JsonObject { ["sha"] = Commit })
                : Error(404, "RevisionNotFound");
        }
        if (Regex.IsMatch(path, $"^/api/(models|datasets)/{Id}/tree/{Commit}$"))
        {
            int at = Regex.Match(seen.Path, @"cursor=(\d+)") is { Success: true } cursor ? int.Parse(cursor.Groups[1].Value, null) : 0;
            JsonArray list =
            [
                .. Files.OrderBy(f => f.Key, StringComparer.Ordinal).Skip(at).Take(PageSize).Select(f => Entry(f.Key, f.Value)),
            ];
            (int status, byte[] body, Dictionary<string, string> headers) = Json(list);
            if (at + PageSize < Files.Count)
            {
                headers["Link"] = $"<{Endpoint}{path}?cursor={at + PageSize}>; rel=\"next\"";
            }
            return (status, body, headers);
        }
        if (Regex.Match(path, $"^/(datasets/)?{Id}/resolve/{Commit}/(.+)$") is { Success: true } file)
        {
            if (IsGated && !seen.Headers.ContainsKey("Authorization"))
            {
                return Error(401, "GatedRepo");
            }
            byte[]? content = Files.GetValueOrDefault(file.Groups[2].Value);
            return content is null ? Error(404, "EntryNotFound")
                : IsLarge(content)
                    ? (
                        302,
                        [],
                        new()
                        {
                            ["X-Repo-Commit"] = Commit,
                            ["X-Linked-Etag"] = $"\"{Etag(content)}\"",
                            ["Location"] = $"{OtherOrigin}/lfs/{Etag(content)}?signature=a%2Fb",
                        }
                    )
                : (
                    307,
                    [],
                    new()
                    {
                        ["X-Repo-Commit"] = Commit,
                        ["Location"] =
                            $"/api/resolve-cache/{file.Groups[2].Value.Replace("%", "%25", StringComparison.Ordinal).Replace(" ", "%20", StringComparison.Ordinal).Replace("#", "%23", StringComparison.Ordinal).Replace("诗", "%E8%AF%97", StringComparison.Ordinal)}",
                    }
                );
        }
        if (
            path.StartsWith("/api/resolve-cache/", StringComparison.Ordinal)
            && Files.TryGetValue(path["/api/resolve-cache/".Length..], out byte[]? small)
        )
        {
            return Content(small);
        }
        return Files.TryGetValue(path[1..], out byte[]? plain) ? Content(plain) : Error(404, "RepoNotFound");
    }

    private (int, byte[], Dictionary<string, string>) Cdn(Seen seen) =>
        Files.Values.FirstOrDefault(c => seen.Path.Contains(Etag(c), StringComparison.Ordinal)) is { } content
        && seen.Path.EndsWith("signature=a%2Fb", StringComparison.Ordinal)
            ? Content(content)
            : (404, [], []);

    private (int, byte[], Dictionary<string, string>) ModelScope(Seen seen, string path)
    {
        if (Regex.IsMatch(path, $"^/api/v1/(models/{Id}/repo/files|datasets/{Id}/repo/tree)$"))
        {
            return Json(
                new JsonObject
                {
                    ["Data"] = new JsonObject
                    {
                        [nameof(Files)] = new JsonArray([
                            .. Files.Select(f => new JsonObject
                            {
                                ["Path"] = f.Key,
                                ["Type"] = "blob",
                                ["Size"] = f.Value.Length,
                                ["Sha256"] = Hex(SHA256.HashData(f.Value)),
                            }),
                        ]),
                    },
                }
            );
        }
        string name = Uri.UnescapeDataString(Regex.Match(seen.Path, "FilePath=([^&]+)").Groups[1].Value.Replace('+', ' '));
        return Files.TryGetValue(name, out byte[]? content) ? Content(content) : (404, "{}"u8.ToArray(), []);
    }

    private static JsonObject Entry(string path, byte[] content)
    {
        JsonObject entry = new()
        {
            ["type"] = "file",
            ["path"] = path,
            ["size"] = content.Length,
            ["oid"] = GitBlob(content),
        };
        if (IsLarge(content))
        {
            entry["lfs"] = new JsonObject
            {
                ["oid"] = Etag(content),
                ["size"] = content.Length,
                ["pointerSize"] = 130,
            };
        }
        return entry;
    }

    private static (int, byte[], Dictionary<string, string>) Content(byte[] content) =>
        (200, content, new() { ["Accept-Ranges"] = "bytes", ["ETag"] = $"\"{Hex(MD5.HashData(content))}\"" });

    private static (int, byte[], Dictionary<string, string>) Json(JsonNode json) =>
        (200, Encoding.UTF8.GetBytes(json.ToJsonString()), new() { ["Content-Type"] = "application/json" });

    private static (int, byte[], Dictionary<string, string>) Error(int status, string code) =>
        (status, "{}"u8.ToArray(), new() { ["X-Error-Code"] = code });
}
