using Inkstone.Formats;

namespace Inkstone.Formats.Tests;

/// <summary>The card beside a model: a head that hubs read, and never in place of somebody's own.</summary>
public sealed class ModelCardTests
{
    private static readonly HfConfig Config = HfConfig.Parse("""{"model_type": "llama", "hidden_size": 64, "vocab_size": 300}""");

    [Fact]
    public void Head_NamesWhatHubsAskFor()
    {
        string text = new ModelCard(Config, 1_234_567)
        {
            IsAdapter = true,
            BaseModel = "/home/x/hub/models--Qwen--Qwen2.5-0.5B/snapshots/1a2b",
            Data = ["/home/x/hub/datasets--org--set/snapshots/77", "mine: own.jsonl"],
            Metrics = ["loss"],
            Facts = [("steps", "3 of 9")],
        }.Text();
        text.ShouldStartWith(
            """
            ---
            # license: name one, such as apache-2.0
            library_name: peft
            pipeline_tag: text-generation
            base_model: Qwen/Qwen2.5-0.5B
            datasets:
            - org/set
            metrics:
            - loss
            tags:
            - inkstone
            ---

            """
        );
        text.ShouldContain("| steps | 3 of 9 |");
        text.ShouldContain("| learned from | mine: own.jsonl |");
        text.ShouldContain("| hidden_size | 64 |");
        new ModelCard(Config, 1) { BaseModel = "my: model" }
            .Text()
            .ShouldContain("\nbase_model: \"my: model\"\n");
    }

    [Fact]
    public void ACardOfTheUsersOwn_Stays()
    {
        string directory = Directory.CreateTempSubdirectory("ink-card-").FullName;
        string path = Path.Combine(directory, ModelCard.FileName);
        new ModelCard(Config, 1).Write(directory);
        File.ReadAllText(path).ShouldBe(new ModelCard(Config, 1).Text());
        File.WriteAllText(path, "mine");
        new ModelCard(Config, 2).Write(directory);
        File.ReadAllText(path).ShouldBe("mine");
        Directory.Delete(directory, recursive: true);
    }
}
