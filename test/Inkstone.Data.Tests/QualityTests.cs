using System.Text.Json;
using Inkstone.Testing;

namespace Inkstone.Data.Tests;

public sealed class QualityTests
{
    private const string Folder = "goldens/data/quality";
    private static readonly Dictionary<string, string> Renamed = new()
    {
        ["short"] = "units",
        ["url"] = "url_chars",
        ["ellipsis"] = "ellipsis_ends",
        ["long_unit"] = "longest",
        ["word_length"] = "mean_word",
    };

    /// <summary>Every statistic of the counterparts, and which rule decides, as a reference in another language has them (rounded to four
    /// digits there).</summary>
    [GoldenFact(Folder)]
    public void Units_have_the_values_and_the_decision_of_the_reference()
    {
        QualityFilter filter = QualityFilters.All.Single(f => f.Name == "units");
        string[] texts = Texts();
        JsonElement[] wanted = Lines("zh_rules.jsonl");
        for (int i = 0; i < texts.Length; i++)
        {
            string name = wanted[i].GetProperty("name").GetString()!;
            QualityStatistics statistics = filter.Measure(texts[i]);
            foreach (JsonProperty value in wanted[i].GetProperty("values").EnumerateObject())
            {
                double? expected =
                    value.Name == "script"
                        ? value.Value.GetString() == "zh"
                            ? 1
                            : 0
                        : Number(value.Value);
                double? got = statistics[value.Name == "script" ? "chinese" : value.Name];
                got.ShouldNotBeNull($"{name}: {value.Name}");
                got.Value.ShouldBe(expected!.Value, 0.000501, $"{name}: {value.Name}"); // mean_word has three digits
            }
            string decision = wanted[i].GetProperty("decision").GetString()!;
            (filter.Judge(statistics)?.Rule.Statistic ?? "keep").ShouldBe(Renamed.GetValueOrDefault(decision, decision), name);
        }
    }

    [GoldenFact(Folder)]
    public void Units_judge_all_kinds_of_documents_as_people_do()
    {
        QualityFilter filter = QualityFilters.All.Single(f => f.Name == "units");
        using JsonDocument judgement = JsonDocument.Parse(File.ReadAllText(Goldens.Shared(Path.Combine(Folder, "judgement.json"))));
        foreach (JsonElement document in Lines("docs.jsonl"))
        {
            string name = document.GetProperty("name").GetString()!,
                want = judgement.RootElement.GetProperty(name).GetProperty("want").GetString()!;
            bool kept = filter.Judge(filter.Measure(document.GetProperty("text").GetString()!)) is null;
            if (want != "either")
            {
                kept.ShouldBe(want == "keep", name);
            }
        }
    }

    /// <summary>Every statistic and decision of the published filters, as the library that published them gives for English
    /// words.</summary>
    [GoldenTheory(Folder)]
    [InlineData("gopher-quality", "gopher_quality")]
    [InlineData("gopher-repetition", "gopher_repetition")]
    [InlineData("c4", "c4_quality")]
    [InlineData("fineweb", "fineweb")]
    public void Published_filters_have_the_values_of_their_library(string filterName, string key)
    {
        QualityFilter filter = QualityFilters.All.Single(f => f.Name == filterName);
        string[] texts = Texts();
        JsonElement[] wanted = [.. Lines("datatrove.jsonl")];
        for (int i = 0; i < texts.Length; i++)
        {
            string name = wanted[i].GetProperty("name").GetString()!;
            JsonElement english = wanted[i].GetProperty("eng_Latn");
            QualityStatistics statistics = filter.Measure(texts[i]);
            if (english.GetProperty("values").TryGetProperty(key, out JsonElement values) && values.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty value in values.EnumerateObject())
                {
                    double? got = statistics[value.Name],
                        expected = Number(value.Value);
                    (got is null).ShouldBe(expected is null, $"{name}: {value.Name}");
                    if (got is not null)
                    {
                        got.Value.ShouldBe(expected!.Value, 0.0000051, $"{name}: {value.Name}");
                    }
                }
            }
            bool kept = english.GetProperty(key).GetString() == "keep";
            (filter.Judge(statistics) is null || texts[i].Trim().Length == 0).ShouldBe(
                kept || texts[i].Trim().Length == 0,
                $"{name}: {filter.Judge(statistics)}"
            );
            if (key == "c4_quality" && english.TryGetProperty("c4_text", out JsonElement text))
            {
                statistics.Text.ShouldBe(text.GetString(), name);
            }
        }
    }

    [Fact]
    public void Limits_are_set_by_name_and_a_wrong_name_tells_the_right_ones()
    {
        QualityFilter filter = QualityFilters.Named(["units"], new Dictionary<string, double> { ["units.units.least"] = 3 })[0];
        filter.Judge(filter.Measure("砚台旁的墨和水都在，谁也没有料到。")).ShouldBeNull();
        QualityFilters
            .Named(["units"], new Dictionary<string, double>())[0]
            .Judge(filter.Measure("砚台旁的墨和水都在，谁也没有料到。"))!
            .Rule.Name.ShouldBe("units.least");
        Should
            .Throw<ArgumentException>(() => QualityFilters.Named(["units"], new Dictionary<string, double> { ["units.unit.least"] = 3 }))
            .Message.ShouldContain("units.least");
        Should
            .Throw<ArgumentException>(() => QualityFilters.Named(["unit"], new Dictionary<string, double>()))
            .Message.ShouldContain("gopher-quality");
    }

    [Theory]
    [InlineData(
        "It isn't the scribe's, he said: \"U.S. ink costs 3.50 now...\"",
        "It|is|n't|the|scribe|'s|,|he|said|:|\"|U.S.|ink|costs|3.50|now|...|\""
    )]
    [InlineData(
        "a well-known ink,and (so on). See https://example.org/a,b",
        "a|well|-|known|ink|,|and|(|so|on|)|.|See|https://example.org/a,b"
    )]
    public void Words_stand_apart_from_marks(string text, string words) => string.Join('|', EnglishWords.Split(text)).ShouldBe(words);

    private static double? Number(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.True => 1,
            JsonValueKind.False => 0,
            _ => value.GetDouble(),
        };

    private static string[] Texts() => [.. Lines("docs.jsonl").Select(d => d.GetProperty("text").GetString()!)];

    private static JsonElement[] Lines(string file) =>
        [
            .. File.ReadLines(Goldens.Shared(Path.Combine(Folder, file)))
                .Where(l => l.Length > 0)
                .Select(l => JsonDocument.Parse(l).RootElement),
        ];
}
