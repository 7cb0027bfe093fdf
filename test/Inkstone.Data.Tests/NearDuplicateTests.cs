using System.Text;
using System.Text.Json;
using Inkstone.Testing;

namespace Inkstone.Data.Tests;

public sealed class NearDuplicateTests : IDisposable
{
    private const string Folder = "goldens/data/minhash";
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [GoldenTheory(Folder)]
    [InlineData(ShingleKind.Characters, 0.8, "char5")]
    [InlineData(ShingleKind.Auto, 0.8, "word5")]
    [InlineData(ShingleKind.Characters, 0.5, "char5")]
    public void All_pairs_and_clusters_are_those_of_brute_force(ShingleKind kind, double threshold, string key)
    {
        DedupResult result = Dedup(Goldens.Shared(Path.Combine(Folder, "docs.jsonl")), kind, threshold);
        List<(uint, uint, double)> wanted = [];
        foreach (string line in File.ReadLines(Goldens.Shared(Path.Combine(Folder, "pairs.jsonl"))))
        {
            JsonElement pair = JsonDocument.Parse(line).RootElement;
            string[] exact = pair.GetProperty(pair.TryGetProperty(key + "_exact", out _) ? key + "_exact" : "char5_exact")
                .GetString()!
                .Split('/');
            double jaccard = double.Parse(exact[0]) / double.Parse(exact[1]);
            if (jaccard >= threshold)
            {
                wanted.Add((pair.GetProperty("a").GetUInt32(), pair.GetProperty("b").GetUInt32(), jaccard));
            }
        }
        Pairs().ShouldBe(wanted);
        result.Counts.Pairs.ShouldBe(wanted.Count);
        if (threshold == 0.8)
        {
            using JsonDocument clusters = JsonDocument.Parse(File.ReadAllText(Goldens.Shared(Path.Combine(Folder, "clusters.json"))));
            JsonSerializer
                .Serialize(Clusters())
                .ShouldBe(JsonSerializer.Serialize(clusters.RootElement.GetProperty(key == "char5" ? "char5" : "word5_for_english")));
        }
    }

    /// <summary>Texts of every similarity above and around the threshold against all pairs by sets of strings.</summary>
    [Theory]
    [InlineData(0.3)]
    [InlineData(0.6)]
    [InlineData(0.9)]
    [InlineData(1)]
    public void Pairs_are_those_of_sets_at_any_threshold(double threshold)
    {
        string[] texts = Texts(300, seed: 4);
        Dedup(Write(texts), ShingleKind.Characters, threshold);
        HashSet<string>[] sets = [.. texts.Select(t => Enumerable.Range(0, t.Length - 4).Select(i => t.Substring(i, 5)).ToHashSet())];
        List<(uint, uint, double)> wanted = [];
        for (int a = 0; a < texts.Length; a++)
        {
            for (int b = a + 1; b < texts.Length; b++)
            {
                int common = sets[a].Count(sets[b].Contains);
                double jaccard = (double)common / (sets[a].Count + sets[b].Count - common);
                if (jaccard >= threshold)
                {
                    wanted.Add(((uint)a, (uint)b, jaccard));
                }
            }
        }
        wanted.Count.ShouldBeGreaterThan(10);
        List<(uint, uint, double)> got = Pairs();
        got.Except(wanted).ShouldBeEmpty();
        // Right at the threshold one pair in a thousand may be missed.
        wanted.Except(got).Count().ShouldBeLessThanOrEqualTo(wanted.Count / 500);
    }

    [Fact]
    public void A_run_that_is_stopped_anywhere_goes_on_to_the_same_files()
    {
        string input = Write(Texts(3000, seed: 5));
        Dedup(input, ShingleKind.Characters, 0.8);
        byte[] pairs = File.ReadAllBytes(Path.Combine(_folder["out"], "pairs.jsonl")),
            clusters = File.ReadAllBytes(Path.Combine(_folder["out"], "clusters.json"));
        Directory.Delete(_folder["out"], recursive: true);

        int stops = 0;
        for (int steps = 1; ; steps += 3, stops++)
        {
            int left = steps;
            try
            {
                Run(
                    input,
                    new Steps(() =>
                    {
                        if (--left == 0)
                        {
                            throw new OperationCanceledException();
                        }
                    })
                );
                break;
            }
            catch (OperationCanceledException)
            {
                // A killed run has written more to the files of its stage than its last state says.
                string[] files = Directory.GetFiles(Path.Combine(_folder["out"], "unfinished"));
                string stage = new[] { "pairs", "candidates", "bucket" }.First(name =>
                    files.Any(f => Path.GetFileName(f).StartsWith(name, StringComparison.Ordinal))
                );
                foreach (string file in files.Where(f => Path.GetFileName(f).StartsWith(stage, StringComparison.Ordinal)))
                {
                    File.AppendAllText(file, "cut off");
                }
            }
        }
        stops.ShouldBeGreaterThan(3);
        File.ReadAllBytes(Path.Combine(_folder["out"], "pairs.jsonl")).ShouldBe(pairs);
        File.ReadAllBytes(Path.Combine(_folder["out"], "clusters.json")).ShouldBe(clusters);
        Directory.Exists(Path.Combine(_folder["out"], "unfinished")).ShouldBeFalse();
    }

    [Fact]
    public void An_unfinished_run_of_another_input_is_refused_and_an_output_is_replaced_only_when_forced()
    {
        string input = Write(Texts(50, seed: 6));
        Should.Throw<OperationCanceledException>(() => Run(input, new Steps(() => throw new OperationCanceledException())));
        string other = _folder.Write("other.jsonl", """{"text":"another one"}""");
        Should.Throw<ArgumentException>(() => Run(other)).Message.ShouldContain("--force");
        Run(input).Counts.Documents.ShouldBe(50);
        Should.Throw<ArgumentException>(() => Run(input)).Message.ShouldContain("exists already");
        new DedupRun(Options(other) with { Force = true }).Run().Counts.Documents.ShouldBe(1);
    }

    [Fact]
    public void A_bucket_too_large_for_all_its_pairs_is_told_and_keeps_its_cluster_whole()
    {
        string same = "一方砚台，墨在其中。";
        DedupResult result = Dedup(Write([.. Enumerable.Repeat(same, NearDuplicateSearch.Window + 500)]), ShingleKind.Characters, 0.8);
        result.Counts.Cut.ShouldBeGreaterThan(0);
        result.Largest.ShouldBe(NearDuplicateSearch.Window + 500);
    }

    [Fact]
    public void Buckets_and_candidates_larger_than_memory_give_the_same_pairs()
    {
        string[] texts = Texts(500, seed: 7);
        List<NearPair>[] found =
        [
            .. new long[] { 128 << 20, 20_000 }.Select(memory =>
            {
                string work = Directory.CreateDirectory(_folder[$"work-{memory}"]).FullName;
                NearDuplicateSearch search = new NearDuplicateSearch(work, new NearDuplicateOptions(), "texts", 1 << 20)
                {
                    BucketMemory = memory,
                };
                search.Run(from => texts.Skip((int)from), null, default);
                return search.ReadPairs().ToList();
            }),
        ];
        found[0].Count.ShouldBeGreaterThan(50);
        found[1].ShouldBe(found[0]);
    }

    [Fact]
    public void A_line_without_the_field_is_named() =>
        Should
            .Throw<InvalidDataException>(() => Run(_folder.Write("in.jsonl", "{\"text\":\"a\"}\n{\"body\":\"b\"}\n")))
            .Message.ShouldContain("in.jsonl:2");

    private DedupResult Dedup(string input, ShingleKind kind, double threshold) =>
        new DedupRun(Options(input) with { Near = new NearDuplicateOptions(threshold, kind) }).Run();

    private DedupResult Run(string input, IProgress<NearDuplicateProgress>? progress = null) =>
        new DedupRun(Options(input)) { SaveEvery = 100 }.Run(progress);

    private DedupOptions Options(string input) => new([input], _folder["out"], ["text"], new NearDuplicateOptions());

    private List<(uint, uint, double)> Pairs() =>
        [
            .. File.ReadLines(Path.Combine(_folder["out"], "pairs.jsonl"))
                .Select(line => JsonDocument.Parse(line).RootElement)
                .Select(p => (p.GetProperty("a").GetUInt32(), p.GetProperty("b").GetUInt32(), p.GetProperty("jaccard").GetDouble())),
        ];

    private uint[][] Clusters() => JsonSerializer.Deserialize<uint[][]>(File.ReadAllText(Path.Combine(_folder["out"], "clusters.json")))!;

    private string Write(string[] texts)
    {
        StringBuilder lines = new();
        foreach (string text in texts)
        {
            lines.Append(JsonSerializer.Serialize(new Dictionary<string, string> { ["text"] = text })).Append('\n');
        }
        return _folder.Write("in.jsonl", lines.ToString());
    }

    /// <summary>Texts of which most are an earlier one with some characters replaced.</summary>
    private static string[] Texts(int count, int seed)
    {
        Random random = new(seed);
        List<string> texts = [];
        while (texts.Count < count)
        {
            char[] text =
                texts.Count == 0 || random.Next(3) == 0 ? new char[random.Next(60, 300)] : texts[random.Next(texts.Count)].ToCharArray();
            for (int i = 0; i < text.Length; i++)
            {
                if (text[i] == 0)
                {
                    text[i] = (char)random.Next('一', '一' + 2000);
                }
            }
            for (int edits = random.Next(12); edits > 0; edits--)
            {
                text[random.Next(text.Length)] = (char)random.Next('一', '一' + 2000);
            }
            texts.Add(new string(text));
        }
        return [.. texts];
    }

    private sealed class Steps(Action step) : IProgress<NearDuplicateProgress>
    {
        public void Report(NearDuplicateProgress value) => step();
    }
}
