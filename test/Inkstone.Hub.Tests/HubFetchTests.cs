using System.Text;
using System.Text.Json;

namespace Inkstone.Hub.Tests;

/// <summary>Fetching from a hub that misbehaves: every file arrives whole and checked, or is refused with a reason.</summary>
public sealed class HubFetchTests : IDisposable
{
    private static readonly RepositoryId Model = new(RepositoryKind.Model, FakeHub.Id);
    private static readonly byte[] Weights = Bytes(3_000_000);

    /// <summary>Requests for the bytes of the weights.</summary>
    private static readonly string Body = "GET cdn /lfs/" + FakeHub.Etag(Weights);

    private readonly TemporaryDirectory _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_repository_lies_in_the_cache_as_the_hubs_own_client_would_have_it()
    {
        using FakeHub hub = Tiny();
        FetchResult result = await Fetch(hub);

        string folder = Path.Combine(_home.Path, "models--yan--tiny-shi");
        File.ReadAllText(Path.Combine(folder, "refs", "main")).ShouldBe(FakeHub.Commit);
        result.Directory.ShouldBe(Path.Combine(folder, "snapshots", FakeHub.Commit));
        result.Licence.ShouldBe("apache-2.0");
        foreach ((string path, byte[] content) in hub.Files)
        {
            FileInfo link = new(Path.Combine(result.Directory, path));
            File.ReadAllBytes(link.FullName).ShouldBe(content);
            link.LinkTarget.ShouldBe(
                string.Concat(Enumerable.Repeat("../", 2 + path.Count(c => c == '/'))) + "blobs/" + FakeHub.Etag(content)
            );
        }
        using JsonDocument tree = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "trees", FakeHub.Commit + ".json")));
        JsonElement weights = tree.RootElement.GetProperty("files").GetProperty("model.safetensors");
        weights.GetProperty("lfs_sha256").GetString().ShouldBe(FakeHub.Etag(Weights));
        weights.GetProperty("lfs_size").GetInt64().ShouldBe(Weights.Length);
        Directory.GetFiles(Path.Combine(folder, "blobs")).Length.ShouldBe(hub.Files.Values.DistinctBy(FakeHub.Etag).Count());
    }

    [Fact]
    public async Task A_second_run_asks_for_the_commit_alone_and_one_of_a_commit_for_nothing()
    {
        using FakeHub hub = Tiny();
        await Fetch(hub);
        int asked = hub.Log.Length;
        (await Fetch(hub)).Loaded.ShouldBe(0);
        hub.Log[asked..].Select(s => s.Path).ShouldBe([$"/api/models/{FakeHub.Id}/revision/main"]);
        await Fetch(hub, new FetchRequest(FakeHub.Commit));
        hub.Log.Length.ShouldBe(asked + 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_broken_connection_goes_on_where_it_was(bool reset)
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(Body, 3) { CutAfter = 800_000, Reset = reset });
        await Fetch(hub);
        BodyBytes(hub).ShouldBeLessThan(Weights.Length + (reset ? 600_000 : 1));
        hub.Log.Count(s => s.Host == "cdn" && s.Headers.ContainsKey("Range")).ShouldBeGreaterThanOrEqualTo(3);
    }

    [Fact]
    public async Task A_silent_connection_is_given_up()
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(Body) { CutAfter = 1_000_000, Stall = TimeSpan.FromSeconds(20) });
        await Fetch(hub, silence: TimeSpan.FromMilliseconds(300));
        BodyBytes(hub).ShouldBe(1_000_000 + 2_000_000);
    }

    [Fact]
    public async Task What_an_interrupted_run_has_is_not_loaded_again()
    {
        using FakeHub hub = Tiny();
        for (int i = 0; i < 5; i++)
        {
            using CancellationTokenSource stop = new();
            hub.Faults.Clear();
            hub.Faults.Add(new Fault(Body) { CutAfter = 500_000, Stall = TimeSpan.FromSeconds(20) });
            Task<FetchResult> run = Fetch(hub, cancelled: stop.Token);
            int wanted = (i + 1) * 500_000;
            string partial = Path.Combine(_home.Path, "models--yan--tiny-shi", "blobs", FakeHub.Etag(Weights) + ".ink.incomplete");
            await Until(() => File.Exists(partial) && new FileInfo(partial).Length == wanted);
            await stop.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(() => run);
        }
        hub.Faults.Clear();
        await Fetch(hub);
        BodyBytes(hub).ShouldBe(Weights.Length);
        Directory.GetFiles(Path.Combine(_home.Path, "models--yan--tiny-shi", "blobs"), "*.ink*").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_large_file_comes_in_parts_which_a_later_run_goes_on_with()
    {
        byte[] large = Bytes((int)FileDownload.PartsFrom + 12_345);
        using FakeHub hub = new(("model.safetensors", large));
        hub.Faults.Add(new Fault("GET cdn", 4) { CutAfter = 5_000_000, Stall = TimeSpan.FromSeconds(20) });
        using CancellationTokenSource stop = new();
        Task<FetchResult> run = Fetch(hub, cancelled: stop.Token);
        await Until(() => hub.CdnBytes == 20_000_000);
        await Task.Delay(300);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => run);
        FetchResult result = await Fetch(hub);
        hub.Log.Count(s => s.Host == "cdn").ShouldBe(8);
        hub.CdnBytes.ShouldBe(large.Length);
        File.ReadAllBytes(Path.Combine(result.Directory, "model.safetensors")).AsSpan().SequenceEqual(large).ShouldBeTrue();
    }

    [Fact]
    public async Task A_server_without_ranges_gives_a_large_file_whole()
    {
        byte[] large = Bytes((int)FileDownload.PartsFrom + 1);
        using FakeHub hub = new(("model.safetensors", large));
        hub.Faults.Add(new Fault("GET cdn", 99) { NoRange = true });
        FetchResult result = await Fetch(hub);
        File.ReadAllBytes(Path.Combine(result.Directory, "model.safetensors")).AsSpan().SequenceEqual(large).ShouldBeTrue();
    }

    [Fact]
    public async Task An_ignored_range_begins_the_file_anew()
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(Body) { CutAfter = 1_000_000 });
        hub.Faults.Add(new Fault(Body, 9) { NoRange = true });
        FetchResult result = await Fetch(hub);
        File.ReadAllBytes(Path.Combine(result.Directory, "model.safetensors")).ShouldBe(Weights);
    }

    [Theory]
    [InlineData("body", 2)]
    [InlineData("GET hub /api/resolve-cache/config.json", 1)]
    public async Task A_wrong_bit_is_loaded_anew(string match, int times)
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(match == "body" ? Body : match, times) { Flip = true });
        FetchResult result = await Fetch(hub);
        foreach ((string path, byte[] content) in hub.Files)
        {
            File.ReadAllBytes(Path.Combine(result.Directory, path)).ShouldBe(content);
        }
    }

    [Fact]
    public async Task Wrong_bits_for_good_are_refused_and_nothing_is_kept()
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(Body, 99) { Flip = true });
        (await Should.ThrowAsync<InvalidDataException>(() => Fetch(hub))).Message.ShouldContain("SHA-256");
        Directory.GetFiles(Path.Combine(_home.Path, "models--yan--tiny-shi", "blobs"), FakeHub.Etag(Weights) + "*").ShouldBeEmpty();
        File.Exists(Path.Combine(_home.Path, "models--yan--tiny-shi", "refs", "main")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_short_file_is_refused_with_both_lengths()
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(Body, 99) { Short = 10 });
        string message = (await Should.ThrowAsync<IOException>(() => Fetch(hub))).Message;
        message.ShouldContain("2,999,990");
        message.ShouldContain("3,000,000");
    }

    [Theory]
    [InlineData("body", 503, null)]
    [InlineData("GET hub .*revision", 502, null)]
    [InlineData("HEAD hub", 429, "Retry-After: 1")]
    [InlineData("GET hub .*tree", 429, "RateLimit: \"api\";r=0;t=1")]
    [InlineData("body", 403, null)]
    public async Task What_may_pass_is_tried_again(string match, int status, string? header)
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault(match == "body" ? Body : match) { Status = status, Header = header });
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        await Fetch(hub);
        if (header is not null)
        {
            System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds.ShouldBeGreaterThan(1);
        }
        if (status == 403)
        {
            hub.Log.Count(s => s.Method == "HEAD" && s.Path.EndsWith("model.safetensors", StringComparison.Ordinal)).ShouldBe(2); // a fresh address
        }
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_nowhere_else()
    {
        using FakeHub hub = Tiny(gated: true);
        (await Should.ThrowAsync<RefusedException>(() => Fetch(hub))).Message.ShouldContain("gated");
        int before = hub.Log.Length;
        await Fetch(hub, token: "hf_x");
        Seen[] seen = hub.Log[before..];
        seen.Where(s => s.Host == "hub").ShouldAllBe(s => s.Headers["Authorization"] == "Bearer hf_x");
        seen.Where(s => s.Host == "cdn").ShouldAllBe(s => !s.Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task A_server_that_is_no_hub_is_told_and_nothing_is_written()
    {
        using FakeHub hub = Tiny();
        hub.Faults.Add(new Fault("HEAD hub", 99) { WithoutHeader = "X-Repo-Commit" });
        (await Should.ThrowAsync<InvalidDataException>(() => Fetch(hub))).Message.ShouldContain("X-Repo-Commit");
        Directory.Exists(Path.Combine(_home.Path, "models--yan--tiny-shi", "snapshots")).ShouldBeFalse();
        hub.Faults.Clear();
        hub.Faults.Add(new Fault("GET hub .*tree", 99) { Status = 200 });
        (await Should.ThrowAsync<InvalidDataException>(() => Fetch(hub))).Message.ShouldContain("no list");
    }

    [Theory]
    [InlineData("../../evil")]
    [InlineData("/etc/evil")]
    [InlineData("a//b")]
    public async Task A_path_that_leads_elsewhere_is_refused(string path)
    {
        using FakeHub hub = new((path, "x"u8.ToArray()));
        (await Should.ThrowAsync<InvalidDataException>(() => Fetch(hub))).Message.ShouldContain("outside");
    }

    [Fact]
    public async Task Pages_patterns_branches_and_a_path_in_the_endpoint()
    {
        using FakeHub hub = new([.. Enumerable.Range(0, 40).Select(i => ($"part-{i:00}.txt", Encoding.ASCII.GetBytes($"part {i}")))])
        {
            PageSize = 7,
        };
        HubSettings settings = new(hub.Endpoint + "/mirror/", _home.Path);
        FetchResult some = await new HubFetch(
            settings,
            new RepositoryId(RepositoryKind.Dataset, FakeHub.Id),
            new FetchRequest("old/one", ["part-1*"], ["*5.txt"])
        ).Run();
        some.Files.ShouldBe(9);
        File.ReadAllText(Path.Combine(_home.Path, "datasets--yan--tiny-shi", "refs", "old", "one")).ShouldBe(FakeHub.Commit);
        FetchResult half = await new HubFetch(
            settings,
            new RepositoryId(RepositoryKind.Dataset, FakeHub.Id),
            new FetchRequest("old/one", Share: 0.5)
        ).Run();
        half.Files.ShouldBeInRange(12, 28);
        FetchResult less = await new HubFetch(
            settings,
            new RepositoryId(RepositoryKind.Dataset, FakeHub.Id),
            new FetchRequest("old/one", Share: 0.25)
        ).Run();
        less.Loaded.ShouldBe(0, "a smaller share is part of a larger one");
    }

    [Fact]
    public async Task Offline_a_whole_snapshot_is_taken_and_one_that_lacks_a_file_is_not()
    {
        using FakeHub hub = Tiny();
        (await Should.ThrowAsync<FileNotFoundException>(() => Fetch(hub, offline: true))).Message.ShouldContain("holds no 'main'");
        FetchResult result = await Fetch(hub);
        int asked = hub.Log.Length;
        (await Fetch(hub, offline: true)).Directory.ShouldBe(result.Directory);
        File.Delete(Path.Combine(result.Directory, "config.json"));
        (await Should.ThrowAsync<FileNotFoundException>(() => Fetch(hub, offline: true))).Message.ShouldContain("config.json is missing");
        hub.Log.Length.ShouldBe(asked);
    }

    [Fact]
    public async Task Damage_is_found_when_asked_for_and_mended()
    {
        using FakeHub hub = Tiny();
        FetchResult result = await Fetch(hub);
        string blob = Path.Combine(_home.Path, "models--yan--tiny-shi", "blobs", FakeHub.Etag(Weights));
        File.WriteAllBytes(blob, Bytes(Weights.Length, seed: 9));
        (
            await Should.ThrowAsync<FileNotFoundException>(() => Fetch(hub, new FetchRequest(Verify: true), offline: true))
        ).Message.ShouldContain("model.safetensors");
        await Fetch(hub, new FetchRequest(Verify: true));
        File.ReadAllBytes(Path.Combine(result.Directory, "model.safetensors")).ShouldBe(Weights);
    }

    private static FakeHub Tiny(bool gated = false) =>
        new(
            ("config.json", "{}\n"u8.ToArray()),
            ("README.md", "---\nlanguage: zh\nlicense: apache-2.0\n---\n# Tiny\n"u8.ToArray()),
            ("same_as_config.json", "{}\n"u8.ToArray()),
            ("empty.txt", []),
            ("model.safetensors", Weights),
            ("sub/deep/model copy #1.bin", Bytes(1500, seed: 2)),
            ("a/诗 100%.txt", "落霞与孤鹜齐飞\n"u8.ToArray())
        )
        {
            IsGated = gated,
        };

    private Task<FetchResult> Fetch(
        FakeHub hub,
        FetchRequest? request = null,
        string? token = null,
        bool offline = false,
        TimeSpan? silence = null,
        CancellationToken cancelled = default
    ) =>
        new HubFetch(
            new HubSettings(hub.Endpoint, _home.Path, token, offline) { Silence = silence ?? TimeSpan.FromSeconds(30) },
            Model,
            request ?? new FetchRequest()
        ).Run(cancelled);

    private static long BodyBytes(FakeHub hub) =>
        hub.Log.Where(seen => seen.Path.Contains(FakeHub.Etag(Weights), StringComparison.Ordinal)).Sum(seen => (long)seen.Sent);

    private static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static async Task Until(Func<bool> condition)
    {
        for (int i = 0; i < 600 && !condition(); i++)
        {
            await Task.Delay(50);
        }
        condition().ShouldBeTrue();
    }
}
