using System.Text.Json;

namespace Inkstone.Formats.Tests;

public sealed class HfConfigFormsTests
{
    [Fact]
    public void The_new_form_gets_what_transformers_4_reads()
    {
        HfConfig both = HfConfigForms.Both(
            HfConfig.Parse(
                """
                {"model_type": "llama", "rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}
                """
            )
        );
        both.Number("rope_theta").ShouldBe(500000);
        HfConfig scaling = both.Object("rope_scaling")!;
        (scaling.Text("rope_type"), scaling.Number("factor"), scaling.Has("rope_theta")).ShouldBe(("llama3", 8, false));
        both.ToJson().ShouldContain("\"factor\": 8.0");
        scaling.Int("original_max_position_embeddings").ShouldBe(8192);
    }

    [Fact]
    public void The_old_form_gets_what_transformers_5_reads()
    {
        HfConfig both = HfConfigForms.Both(
            HfConfig.Parse(
                """{"model_type": "qwen2", "rope_theta": 1000000.0, "rope_scaling": {"type": "linear", "factor": 2}, "partial_rotary_factor": 0.5}"""
            )
        );
        HfConfig rope = both.Object("rope_parameters")!;
        (rope.Number("rope_theta"), rope.Text("rope_type"), rope.Number("factor"), rope.Number("partial_rotary_factor")).ShouldBe(
            (1000000, "linear", 2, 0.5)
        );
        rope.Has("type").ShouldBeFalse();
        HfConfig plain = HfConfigForms.Both(HfConfig.Parse("""{"model_type": "llama", "rope_theta": 10000.0, "rope_scaling": null}"""));
        (plain.Object("rope_parameters")!.Text("rope_type"), plain.Has("rope_scaling")).ShouldBe(("default", false));
    }

    [Fact]
    public void Bases_by_kind_of_layer_go_both_ways()
    {
        HfConfig old = HfConfigForms.Both(
            HfConfig.Parse(
                """{"model_type": "gemma3_text", "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}"""
            )
        );
        HfConfig nested = old.Object("rope_parameters")!;
        nested.Object("full_attention")!.Number("factor").ShouldBe(8);
        nested.Object("sliding_attention")!.Number("rope_theta").ShouldBe(10000);
        HfConfig back = HfConfigForms.Both(
            HfConfig.Parse(
                $$"""{"model_type": "gemma3_text", "rope_parameters": {{JsonSerializer.Serialize(JsonDocument.Parse(nested.ToJson()).RootElement)}}}"""
            )
        );
        (back.Number("rope_theta"), back.Number("rope_local_base_freq"), back.Object("rope_scaling")!.Number("factor")).ShouldBe(
            (1000000, 10000, 8)
        );
    }

    [Fact]
    public void Weights_are_floats_and_experts_are_counted_by_both_names()
    {
        HfConfig both = HfConfigForms.Both(
            HfConfig.Parse("""{"model_type": "qwen3_moe", "num_local_experts": 8, "quantization_config": {"quant_method": "fp8"}}""")
        );
        (both.Int("num_experts"), both.Int("num_local_experts"), both.Has("quantization_config")).ShouldBe((8, 8, false));
    }

    /// <summary>JSON can write half a character, which .NET's reader says with an exception of its own.</summary>
    [Theory]
    [InlineData("""{"chat_format": "\ud83d"}""")]
    [InlineData("""{"stop_strings": ["a", "\udc00 b"]}""")]
    [InlineData("""{"nested": {"\ud800": 1}}""")]
    public void Half_a_character_is_refused_with_the_file(string json) =>
        Should
            .Throw<InvalidDataException>(() => HfConfig.Parse(json, "generation_config.json"))
            .Message.ShouldStartWith("generation_config.json: ");

    [Fact]
    public void A_whole_character_in_escapes_is_none_of_these() => HfConfig.Parse("""{"a": "\ud83d\ude00"}""").Text("a").ShouldBe("😀");
}
