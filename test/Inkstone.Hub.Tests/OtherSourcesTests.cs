using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Hub.Tests;

public sealed class OtherSourcesTests : IDisposable
{
    private readonly TemporaryDirectory _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task ModelScope_files_lie_flat_and_are_checked()
    {
        using FakeHub hub = new(("config.json", "{}"u8.ToArray()), ("sub/a b.bin", RandomNumberGenerator.GetBytes(200_000)));
        hub.Faults.Add(new Fault("GET hub .*FilePath=sub") { CutAfter = 90_000 });
        hub.Faults.Add(new Fault("GET hub .*FilePath=config") { Flip = true });
        HubSettings settings = new(hub.Endpoint, _home.Path, "ms_x");
        ModelScopeFetch fetch = new(settings, new RepositoryId(RepositoryKind.Dataset, FakeHub.Id), new FetchRequest());
        FetchResult result = await fetch.Run();
        result.Directory.ShouldBe(Path.Combine(_home.Path, "datasets", "yan--tiny-shi", "snapshots", "master"));
        foreach ((string path, byte[] content) in hub.Files)
        {
            File.ReadAllBytes(Path.Combine(result.Directory, path)).ShouldBe(content);
        }
        hub.Log.ShouldAllBe(s => s.Headers["Authorization"] == "Bearer ms_x" && s.Headers["Cookie"] == "m_session_id=ms_x");
        hub.Log.Count(s => s.Headers.ContainsKey("Range")).ShouldBe(1);
        int asked = hub.Log.Length;
        (await fetch.Run()).Loaded.ShouldBe(0);
        hub.Log.Length.ShouldBe(asked + 1);
        (
            await new ModelScopeFetch(
                settings with
                {
                    Offline = true,
                },
                new RepositoryId(RepositoryKind.Dataset, FakeHub.Id),
                new FetchRequest()
            ).Run()
        ).Files.ShouldBe(2);
    }

    [Fact]
    public async Task A_plain_file_is_checked_by_a_list_and_resumed_while_it_is_the_same()
    {
        byte[] content = RandomNumberGenerator.GetBytes(500_000);
        using FakeHub hub = new(
            ("w-latest.xml", content),
            ("sums.txt", Encoding.ASCII.GetBytes($"{Convert.ToHexStringLower(SHA1.HashData(content))}  w-20260101.xml\n"))
        );
        hub.Faults.Add(new Fault("GET hub /w-latest") { CutAfter = 200_000 });
        PlainFetch fetch = new(hub.Endpoint + "/w-latest.xml", _home.Path) { HashList = hub.Endpoint + "/sums.txt" };
        (await fetch.Run()).Loaded.ShouldBe(500_000);
        File.ReadAllBytes(Path.Combine(_home.Path, "w-latest.xml")).ShouldBe(content);
        (await fetch.Run()).Loaded.ShouldBe(0);
        hub.Files["w-latest.xml"] = RandomNumberGenerator.GetBytes(500_000);
        File.Delete(Path.Combine(_home.Path, "w-latest.xml"));
        (await Should.ThrowAsync<InvalidDataException>(fetch.Run(TestContext.Current.CancellationToken))).Message.ShouldContain("SHA-1");
        (
            await Should.ThrowAsync<RefusedException>(
                new PlainFetch(hub.Endpoint + "/nothing", _home.Path).Run(TestContext.Current.CancellationToken)
            )
        ).Message.ShouldContain("404");
        Directory.GetFiles(_home.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_package_is_unpacked_beside_its_version()
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (TarWriter tar = new(gzip))
        {
            foreach (
                (string name, string text) in new[]
                {
                    ("package/package.json", "{\"version\":\"1.2.3\",\"license\":\"Apache-2.0\"}"),
                    ("package/data/t.txt", "汉\t漢\n"),
                }
            )
            {
                tar.WriteEntry(
                    new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)) }
                );
            }
        }
        using FakeHub hub = new((FakeHub.NpmTarball, packed.ToArray()));
        Environment.SetEnvironmentVariable("npm_config_registry", hub.Endpoint);
        try
        {
            NpmFetch fetch = new("pen@1.2.3", Path.Combine(_home.Path, "pen"));
            FetchResult result = await fetch.Run();
            (result.Commit, result.Licence, result.Files).ShouldBe(("1.2.3", "Apache-2.0", 2));
            File.ReadAllText(Path.Combine(result.Directory, "data", "t.txt")).ShouldBe("汉\t漢\n");
            int asked = hub.Log.Length;
            (await fetch.Run()).Loaded.ShouldBe(0);
            hub.Log.Length.ShouldBe(asked);
            Environment.SetEnvironmentVariable("npm_config_registry", "somewhere");
            (await Should.ThrowAsync<IOException>(Elsewhere("npm").Run())).Message.ShouldContain("'somewhere' is no address");
        }
        finally
        {
            Environment.SetEnvironmentVariable("npm_config_registry", null);
        }
        (await Should.ThrowAsync<IOException>(Elsewhere(Path.Combine(_home.Path, "absent")).Run())).Message.ShouldContain(
            "set the environment variable npm_config_registry"
        );
        if (!OperatingSystem.IsWindows())
        {
            string npm = Path.Combine(_home.Path, "npm");
            File.WriteAllText(npm, $"#!/bin/sh\n[ \"$*\" = 'config get registry' ] && echo {hub.Endpoint}/\n");
            File.SetUnixFileMode(npm, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            (await Elsewhere(npm).Run()).Files.ShouldBe(2);
        }

        NpmFetch Elsewhere(string npm) => new("pen@1.2.3", Path.Combine(_home.Path, "elsewhere")) { Npm = npm };
    }

    [Fact]
    public void The_hashes_are_those_of_the_standard()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(1000);
        for (int length = 0; length < bytes.Length; length += 7)
        {
            Sha256 sha256 = new();
            Sha1 sha1 = new();
            for (int at = 0; at < length; at += 13)
            {
                sha256.Append(bytes.AsSpan(at, Math.Min(13, length - at)));
            }
            sha1.Append(bytes.AsSpan(0, length));
            sha256.Finish().ShouldBe(SHA256.HashData(bytes.AsSpan(0, length)));
            sha1.Finish().ShouldBe(SHA1.HashData(bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void A_catalogue_says_what_it_does_not_know()
    {
        Catalogue catalogue = new();
        catalogue.Add(
            JsonNode
                .Parse(
                    """{"a": {"about": "x", "sources": [{"hf": "o/n", "include": ["*.json"]}, {"file": "sub/x.txt"}]}, "b": {"sources": [{"browser": "https://p", "how": "code 1"}]}}"""
                )!
                .AsObject(),
            "/sets/c.yaml"
        );
        catalogue.Find("2")!.Name.ShouldBe("b");
        catalogue.Find("a")!.Sources[1].At.ShouldBe("/sets/sub/x.txt");
        Should
            .Throw<InvalidDataException>(() => catalogue.Add(JsonNode.Parse("""{"a": {"sorces": []}}""")!.AsObject(), "c.yaml"))
            .Message.ShouldContain("'sorces'");
        Should
            .Throw<InvalidDataException>(() =>
                catalogue.Add(JsonNode.Parse("""{"a": {"sources": [{"hf": "a", "url": "b"}]}}""")!.AsObject(), "c.yaml")
            )
            .Message.ShouldContain("names one of");
    }

    /// <summary>A cache that the hub's own client wrote, read as its own client would read it offline.</summary>
    [GoldenFact("goldens/data/hub")]
    public async Task A_cache_of_the_hubs_own_client_is_read_right()
    {
        using (FileStream packed = File.OpenRead(Goldens.Of("data/hub/hf-cache.tar.gz")))
        using (GZipStream plain = new(packed, CompressionMode.Decompress))
        {
            await TarFile.ExtractToDirectoryAsync(plain, _home.Path, overwriteFiles: true);
        }
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Goldens.Of("data/hub/expect.json")));
        HubSettings settings = new("http://127.0.0.1:1", Path.Combine(_home.Path, "hub"), Offline: true);
        foreach (JsonProperty repository in expected.RootElement.EnumerateObject())
        {
            string[] parts = repository.Name.Split("--");
            RepositoryId id = new(parts[0] == "models" ? RepositoryKind.Model : RepositoryKind.Dataset, $"{parts[1]}/{parts[2]}");
            HubCache cache = new(settings, id);
            cache.Branches.ShouldBe(
                repository.Value.GetProperty("refs").EnumerateObject().Select(r => KeyValuePair.Create(r.Name, r.Value.GetString()!)),
                ignoreOrder: true
            );
            cache.Commits.ShouldBe(
                repository.Value.GetProperty("snapshots").EnumerateObject().Select(s => s.Name).Order(StringComparer.Ordinal)
            );
            foreach (JsonProperty tree in repository.Value.GetProperty("trees").EnumerateObject())
            {
                cache
                    .Files(tree.Name)!
                    .Select(f => f.Path)
                    .ShouldBe(tree.Value.EnumerateArray().Select(f => f.GetString()!), ignoreOrder: true);
            }
            foreach (JsonProperty snapshot in repository.Value.GetProperty("snapshots").EnumerateObject())
            {
                foreach (JsonProperty file in snapshot.Value.EnumerateObject())
                {
                    Sha256 hash = new();
                    hash.AppendFile(Path.Combine(cache.Snapshot(snapshot.Name), file.Name));
                    hash.FinishHex().ShouldBe(file.Value.GetString());
                }
            }
            foreach (JsonProperty complete in repository.Value.GetProperty("complete_offline").EnumerateObject())
            {
                Task<FetchResult> fetch = new HubFetch(settings, id, new FetchRequest(complete.Name)).Run();
                if (complete.Value.GetBoolean())
                {
                    (await fetch).Directory.ShouldBe(cache.Snapshot(complete.Name));
                }
                else
                {
                    (await Should.ThrowAsync<FileNotFoundException>(() => fetch)).Message.ShouldContain("missing");
                }
            }
        }
    }
}
