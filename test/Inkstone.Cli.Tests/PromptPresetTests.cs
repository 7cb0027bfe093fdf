using System.Text.Json;

namespace Inkstone.Cli.Tests;

/// <summary>Recipes that come with the program bring their prompts along, whatever directory they are started in.</summary>
public sealed class PromptPresetTests(Workplace place) : IClassFixture<Workplace>
{
    private static readonly string[] Short =
    [
        "--template",
        "chatml",
        "--data.max_prompt_length",
        "900",
        "--rollout.max_completion_length",
        "4",
        "--rollout.num_generations",
        "2",
        "--train.batch_size",
        "2",
        "--train.accumulation",
        "1",
        "--train.steps",
        "1",
        "--train.eval_every",
        "0",
        "--quiet",
        "--json",
    ];

    [Theory]
    [InlineData("grpo", "arithmetic")]
    [InlineData("grpo", "format")]
    [InlineData("grpo", "json-repair")]
    [InlineData("ppo", "arithmetic")]
    public void APreset_RunsInADirectoryThatHoldsNothingButTheModel(string verb, string preset)
    {
        Prepare();
        string run = $"{verb}-{preset}";
        JsonElement told = Ink.RunIn(place.Path, [verb, preset, "--model", "speaker", "--out", run, .. Short]).ShouldEndWith(0).Json;
        (told.GetProperty("train").GetInt32() + told.GetProperty("valid").GetInt32() + told.GetProperty("left_out").GetInt32()).ShouldBe(
            600
        );
        File.ReadAllText(place[$"{run}/recipe.resolved.yaml"])
            .ShouldContain($"train: [{(preset == "json-repair" ? "json-repair" : "arithmetic")}]");
    }

    [Fact]
    public void PromptsThatAreNeitherFileNorName_AreRefusedWithTheNamesThereAre()
    {
        Prepare();
        Ink.RunIn(place.Path, ["grpo", "arithmetic", "--model", "speaker", "--out", "never", "--data.train", "arithmatic", .. Short])
            .ShouldEndWith(2)
            .Error.ShouldContain("did you mean 'arithmetic'");
        Directory.Exists(place["never"]).ShouldBeFalse();
    }

    private void Prepare()
    {
        if (!Directory.Exists(place["speaker"]))
        {
            File.WriteAllText(
                place["speaker.json"],
                """
                {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
                 "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}
                """
            );
            Ink.RunIn(place.Path, "new", "--config", "speaker.json", "--tokenizer", "tok", "--out", "speaker", "--quiet").ShouldEndWith(0);
        }
    }
}
