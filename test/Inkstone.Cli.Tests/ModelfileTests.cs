namespace Inkstone.Cli.Tests;

/// <summary>What stands beside a model for others: its card, and Ollama's Modelfile beside a .gguf file.</summary>
public sealed class ModelfileTests(Workplace place) : IClassFixture<Workplace>
{
    [Fact]
    public void AConvertedModel_HasAModelfile_AndACardThatStays()
    {
        File.WriteAllText(
            place["talks.jsonl"],
            string.Concat(
                Enumerable
                    .Range(0, 20)
                    .Select(i =>
                        $$"""{"messages":[{"role":"user","content":"one {{i}}"},{"role":"assistant","content":"two {{i}}"}]}""" + "\n"
                    )
            )
        );
        Ink.RunIn(
                place.Path,
                "tokenizer",
                "train",
                "--input",
                "talks.jsonl",
                "--vocab-size",
                "280",
                "--special-token",
                "<|endoftext|>",
                "--special-token",
                "<|im_start|>",
                "--special-token",
                "<|im_end|>",
                "--out",
                "marks"
            )
            .ShouldEndWith(0);
        Ink.RunIn(place.Path, "new", "--config", "quickstart", "--tokenizer", "marks", "--out", "blank").ShouldEndWith(0);
        File.ReadAllText(place["blank/README.md"]).ShouldContain("library_name: transformers");
        Ink.RunIn(
                place.Path,
                "sft",
                "quickstart",
                "--model",
                "blank",
                "--template",
                "chatml",
                "--data.train",
                "talks.jsonl",
                "--data.valid_ratio",
                "0.3",
                "--train.epochs",
                "null",
                "--train.steps",
                "2",
                "--out",
                "tuned",
                "--quiet"
            )
            .ShouldEndWith(0);
        string card = File.ReadAllText(Directory.GetFiles(place["tuned/checkpoints"], "README.md", SearchOption.AllDirectories)[0]);
        card.ShouldContain("base_model: blank\n");
        card.ShouldContain("| learned from | talks.jsonl |");
        card.ShouldContain("| least held-out loss | ");

        Ink.RunIn(place.Path, "convert", "tuned", "out/tuned.gguf", "--quantize", "q8_0", "--modelfile", "--quiet").ShouldEndWith(0);
        string modelfile = File.ReadAllText(place["out/Modelfile"]);
        modelfile.ShouldContain("\nFROM ./tuned.gguf\n");
        modelfile.ShouldContain(
            "TEMPLATE \"\"\"{{ range .Messages }}{{ if eq .Role \"system\" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n"
        );
        modelfile.ShouldContain("\nPARAMETER stop \"<|im_end|>\"\n");
        modelfile.ShouldContain("\nPARAMETER num_ctx 256\n");
        Ink.RunIn(place.Path, "convert", "tuned", "out/tuned.gguf", "--modelfile", "--force", "--quiet").ShouldEndWith(0);
        File.WriteAllText(place["out/Modelfile"], "FROM mine\n");
        Ink.RunIn(place.Path, "convert", "tuned", "out/tuned.gguf", "--modelfile", "--force", "--quiet")
            .ShouldEndWith(2)
            .Error.ShouldContain("was not written by ink");
        Ink.RunIn(place.Path, "convert", "tuned", "as-directory", "--modelfile")
            .ShouldEndWith(2)
            .Error.ShouldContain("--modelfile needs an output that ends with .gguf");

        File.WriteAllText(place["blank/README.md"], "mine");
        Ink.RunIn(place.Path, "convert", "blank", "copy", "--quiet").ShouldEndWith(0);
        File.ReadAllText(place["copy/README.md"]).ShouldBe("mine");
    }
}
