using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace Inkstone.Training.Tests;

/// <summary>The schemas that editors complete recipes by: those that come with the program are what its readers ask for, and judge recipes
/// as the readers do.</summary>
public sealed class RecipeSchemaTests
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static TheoryData<string> Kinds => [.. RecipeSchemas.Names];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheFileOfTheRepository_IsCurrent(string kind)
    {
        string path = Path.Combine(Root(), "configs", "schemas", kind + ".json"),
            text = RecipeSchemas.Build(kind).ToJsonString(Readable) + "\n";
        if (Environment.GetEnvironmentVariable("INK_ACCEPT_SCHEMAS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
        File.ReadAllText(path).ShouldBe(text, $"ink schema {kind} --out configs/schemas/{kind}.json --force");
    }

    [Theory]
    [InlineData("pretrain", "configs/runs")]
    [InlineData("sft", "configs/sft")]
    [InlineData("dpo", "configs/dpo")]
    [InlineData("reward", "configs/reward")]
    [InlineData("grpo", "configs/grpo")]
    [InlineData("ppo", "configs/ppo")]
    [InlineData("distill", "configs/distill")]
    [InlineData("pipeline", "pipelines")]
    public void EveryRecipeOfTheRepository_FitsItsSchema_AndNamesIt(string kind, string folder)
    {
        string[] files = Directory.GetFiles(Path.Combine(Root(), folder), "*.yaml");
        files.ShouldNotBeEmpty();
        foreach (string file in files)
        {
            Fits(kind, YamlFile.Read(file)).ShouldBeTrue(file);
            string first = File.ReadLines(file).First();
            first.ShouldStartWith("# yaml-language-server: $schema=", customMessage: file);
            Path.GetFullPath(first.Split('=')[1], Path.GetDirectoryName(file)!)
                .ShouldBe(Path.Combine(Root(), "configs", "schemas", kind + ".json"));
        }
    }

    [Theory]
    [InlineData("sft", """{"train": {"stpes": 3}}""")]
    [InlineData("sft", """{"optimizer": {"name": "adamv"}}""")]
    [InlineData("sft", """{"adapter": {"rank": 0}}""")]
    [InlineData("dpo", """{"loss": {"beta": "strong"}}""")]
    [InlineData("pretrain", """{"model": {"hiden_size": 3}}""")]
    [InlineData("pretrain", """{"data": {"document_aware": 1}}""")]
    [InlineData("pipeline", """{"stages": {"a": {"rnu": "x"}}}""")]
    public void WhatTheReadersRefuse_TheSchemaRefuses(string kind, string recipe) =>
        Fits(kind, JsonNode.Parse(recipe)!.AsObject()).ShouldBeFalse();

    [Theory]
    [InlineData("pretrain", """{"model": {"hidden_size": 64, "layer_types": ["a"]}, "train": {"tokens": "500_000_000"}}""")]
    [InlineData("grpo", """{"rewards": {"mine": {"type": "regex", "pattern": "x"}}}""")]
    public void WhatTheReadersTake_TheSchemaTakes(string kind, string recipe) =>
        Fits(kind, JsonNode.Parse(recipe)!.AsObject()).ShouldBeTrue();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryKey_SaysWhatItMeans(string kind)
    {
        List<string> silent = [];
        Walk(RecipeSchemas.Build(kind), "", silent);
        silent.ShouldBeEmpty($"add a line to src/Inkstone.Training/Recipes/keys.tsv for each");

        static void Walk(JsonObject schema, string path, List<string> silent)
        {
            foreach ((string name, JsonNode? node) in schema["properties"] as JsonObject ?? [])
            {
                if (node!["description"]?.GetValue<string>() is not { Length: > 5 })
                {
                    silent.Add(path + name);
                }
                Walk(node.AsObject(), path + name + ".", silent);
            }
            if (schema["additionalProperties"] is JsonObject others)
            {
                Walk(others, path + "*.", silent);
            }
        }
    }

    [Fact]
    public void WhatKeysMean_IsWhatTheRecordsSay()
    {
        Dictionary<string, string> comments = XmlComments.Of("Inkstone.Training", "Inkstone.Nn");
        foreach ((string key, KeyDescriptions.Line line) in KeyDescriptions.All().Where(l => l.Value.Member != "-"))
        {
            comments.GetValueOrDefault(line.Member).ShouldBe(line.Text, $"keys.tsv: {key}");
        }
    }

    [Fact]
    public void EveryLineOfKeys_IsUsed()
    {
        HashSet<string> used = [];
        foreach (string kind in RecipeSchemas.Names)
        {
            string schema = RecipeSchemas.Build(kind).ToJsonString(Readable);
            used.UnionWith(
                KeyDescriptions.All().Where(l => schema.Contains(Quoted(l.Value.Text), StringComparison.Ordinal)).Select(l => l.Key)
            );
        }
        KeyDescriptions.All().Keys.Except(used).ShouldBeEmpty();

        static string Quoted(string text) => "\"description\": " + JsonValue.Create(text).ToJsonString(Readable);
    }

    private static bool Fits(string kind, JsonObject recipe) =>
        JsonSchema
            .FromText(RecipeSchemas.Build(kind).ToJsonString(), new BuildOptions { SchemaRegistry = new SchemaRegistry() })
            .Evaluate(JsonSerializer.SerializeToElement(recipe))
            .IsValid;

    private static string Root()
    {
        DirectoryInfo at = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Inkstone.slnx")))
        {
            at = at.Parent ?? throw new DirectoryNotFoundException("the tests do not run inside the repository");
        }
        return at.FullName;
    }
}
