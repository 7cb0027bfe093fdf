namespace Inkstone.Models.Tests;

/// <summary>What goes with weights: the files of the model below, and over them those of the adapter.</summary>
public sealed class SidecarFilesTests : IDisposable
{
    private readonly TemporaryDirectory _d = new();

    public SidecarFilesTests() => Directory.CreateDirectory(_d["out"]);

    public void Dispose() => _d.Dispose();

    [Fact]
    public void Each_file_that_the_adapter_has_counts_and_the_others_stay()
    {
        Base();
        _d.Write("adapter/tokenizer.json", "adapter's");
        _d.Write("adapter/tokenizer_config.json", "{}");
        _d.Write("adapter/additional_chat_templates/rag.jinja", "adapter's");
        Merge();
        Out("generation_config.json").ShouldBe("base's");
        Out("tokenizer.json").ShouldBe("adapter's");
        Out("chat_template.jinja").ShouldBe("base's");
        Out("additional_chat_templates/tool_use.jinja").ShouldBe("base's");
        Out("additional_chat_templates/rag.jinja").ShouldBe("adapter's");
        File.Exists(_d["out/vocab.json"]).ShouldBeFalse("it belongs to another tokenizer.json");
        Out("README.md").ShouldBe("base's", "the card goes along");
    }

    [Fact]
    public void Without_a_tokenizer_the_base_keeps_its_own()
    {
        Base();
        _d.Write("adapter/generation_config.json", "adapter's");
        Merge();
        Out("generation_config.json").ShouldBe("adapter's");
        Out("tokenizer.json").ShouldBe("base's");
        Out("vocab.json").ShouldBe("base's");
    }

    /// <summary>The file of a template counts more than a configuration's, whoever wrote it.</summary>
    [Fact]
    public void A_template_of_the_base_does_not_hide_the_adapters()
    {
        Base();
        _d.Write("adapter/tokenizer_config.json", """{"chat_template": "adapter's"}""");
        Merge();
        File.Exists(_d["out/chat_template.jinja"]).ShouldBeFalse();
        Out("tokenizer_config.json").ShouldContain("adapter's");
    }

    [Fact]
    public void A_template_in_the_bases_configuration_stays_when_the_adapters_has_none()
    {
        _d.Write("base/tokenizer_config.json", """{"chat_template": "base's"}""");
        _d.Write("adapter/tokenizer_config.json", """{"eos_token": "x"}""");
        Merge();
        Out("chat_template.jinja").ShouldBe("base's");
    }

    private void Base()
    {
        foreach (
            string name in (string[])
                [
                    "generation_config.json",
                    "tokenizer.json",
                    "vocab.json",
                    "chat_template.jinja",
                    "additional_chat_templates/tool_use.jinja",
                    "README.md",
                ]
        )
        {
            _d.Write("base/" + name, "base's");
        }
    }

    private void Merge()
    {
        SidecarFiles.Copy(_d["base"], _d["out"]);
        SidecarFiles.Overlay(_d["adapter"], _d["out"]);
    }

    private string Out(string name) => File.ReadAllText(_d["out/" + name]);
}
