using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace Inkstone.SmallWorld.Tests;

/// <summary>What a small world gives beside its documents: right where it says so, wrong where it says so, and the same each
/// time.</summary>
public sealed class WorldSourcesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ink-world-").FullName;
    private readonly SmallWorldCorpus _world = new(42);

    public WorldSourcesTests() => new WorldSources(_world).Write(_directory, pages: 20);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Choices_HoldTheRightAnswer_AndThreeOthers()
    {
        Dictionary<string, string> right = _world.Shown.ToDictionary(q => q.Question, q => q.Answer);
        JsonObject[] records = Lines("knowledge.jsonl");
        records.Length.ShouldBeGreaterThan(50);
        foreach (JsonObject record in records)
        {
            string[] choices = [.. "ABCD".Select(letter => (string)record[$"{letter}"]!)];
            choices.Distinct().Count().ShouldBe(4);
            choices["ABCD".IndexOf((string)record["answer"]!, StringComparison.Ordinal)].ShouldBe(right[(string)record["question"]!]);
        }
        records.Select(r => (string)r["answer"]!).Distinct().Count().ShouldBe(4);
    }

    [Fact]
    public void Preferences_PreferWhatIsTrue()
    {
        Dictionary<string, string> right = _world.Shown.ToDictionary(q => q.Question, q => q.Reply);
        foreach (JsonObject record in Lines("preferences.jsonl"))
        {
            string asked = (string)record["prompt"]![0]!["content"]!;
            ((string)record["chosen"]![0]!["content"]!).ShouldBe(right[asked]);
            ((string)record["rejected"]![0]!["content"]!).ShouldNotBe(right[asked]);
        }
    }

    [Fact]
    public void ThePromptsHaveNumbersForAnswers_TheDumpHasItsPages_AndAllIsTheSameAgain()
    {
        Lines("prompts.jsonl").ShouldAllBe(p => ((string)p["answer"]!).Any(char.IsDigit));
        XElement dump = XDocument.Load(Path.Combine(_directory, "dump.xml")).Root!;
        dump.Elements().Count(e => e.Name.LocalName == "page").ShouldBe(20);
        Dictionary<string, byte[]> before = Directory.GetFiles(_directory).ToDictionary(f => f, File.ReadAllBytes);
        before.Count.ShouldBe(14);
        new WorldSources(new SmallWorldCorpus(42)).Write(_directory, pages: 20);
        foreach ((string file, byte[] bytes) in before)
        {
            File.ReadAllBytes(file).ShouldBe(bytes, file);
        }
    }

    [Fact]
    public void Sums_AreRight_AndHeldOutOnesAreNeverShown()
    {
        HashSet<string> seen = [];
        foreach (string part in (string[])["sums", "sums-test", "sums-valid"])
        {
            foreach (JsonObject record in Lines($"{part}.jsonl"))
            {
                string question = (string)record["question"]!;
                seen.Add(question).ShouldBeTrue(question);
                string[] words = question[..^1].Split(' ');
                int a = int.Parse(words[2]),
                    b = int.Parse(words[4]);
                ((string)record["answer"]!).ShouldBe($"{(words[3] == "+" ? a + b : a - b)}");
            }
        }
        (seen.Count, Lines("sums-test.jsonl").Length, Lines("sums-valid.jsonl").Length).ShouldBe((3775, 600, 200));
    }

    [Fact]
    public void Repairs_AreBroken_AndTheirAnswersAreWhole()
    {
        HashSet<string> answers = [];
        foreach (string part in (string[])["repairs", "repairs-test", "repairs-valid"])
        {
            foreach (JsonObject record in Lines($"{part}.jsonl"))
            {
                string question = (string)record["question"]!,
                    answer = (string)record["answer"]!;
                string broken = question["Repair this JSON: ".Length..];
                answers.Add(answer).ShouldBeTrue(answer);
                JsonNode.Parse(answer).ShouldBeOfType<JsonObject>();
                Should.Throw<System.Text.Json.JsonException>(() => JsonNode.Parse(broken), broken);
                Math.Abs(broken.Length - answer.Length).ShouldBe(1);
            }
        }
        answers.Count.ShouldBe(3800);
    }

    private JsonObject[] Lines(string name) =>
        [.. File.ReadLines(Path.Combine(_directory, name)).Select(line => JsonNode.Parse(line)!.AsObject())];
}
