using Inkstone.Formats;

namespace Inkstone.Inference.Tests;

public sealed class GenerationSettingsTests
{
    [Fact]
    public void Each_setting_is_read()
    {
        GenerationSettings s = Read(
            """
            {"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.9, "min_p": 0.05, "typical_p": 0.8, "epsilon_cutoff": 0.001, "repetition_penalty": 1.1, "no_repeat_ngram_size": 3,
             "max_new_tokens": 77, "min_new_tokens": 2, "suppress_tokens": [1, 2], "begin_suppress_tokens": 5, "bad_words_ids": [[3, 4], [6]], "stop_strings": ["###"],
             "eos_token_id": [1, 2], "pad_token_id": 0, "transformers_version": "4.57.6"}
            """
        );
        SamplingParams p = s.Sampling(drawn: true);
        (s.DoSample, s.MaxNewTokens, p.Temperature, p.TopK, p.TopP, p.MinP, p.TypicalP, p.EpsilonCutoff).ShouldBe(
            (true, 77, 0.6f, 20, 0.9f, 0.05f, 0.8f, 0.001f)
        );
        (p.RepetitionPenalty, p.NoRepeatNgramSize, p.MinNewTokens).ShouldBe((1.1f, 3, 2));
        p.SuppressTokens.ShouldBe([1, 2]);
        p.BeginSuppressTokens.ShouldBe([5]);
        p.BadWords.ShouldBe([
            [3, 4],
            [6],
        ]);
        p.Stop.ShouldBe(["###"]);
        s.NotApplied.ShouldBeEmpty();
        s.Sampling(drawn: false).ShouldBe(p with { Temperature = 0 });
    }

    [Theory]
    [InlineData("""{"num_beams": 1, "length_penalty": 2.0, "early_stopping": true, "diversity_penalty": 0.5}""", "")]
    [InlineData("""{"length_penalty": 2.0}""", "")]
    [InlineData("""{"num_beams": 4, "length_penalty": 2.0, "early_stopping": true}""", "num_beams length_penalty early_stopping")]
    public void Settings_of_beams_count_only_with_beams(string json, string notApplied) =>
        string.Join(' ', GenerationSettings.Read(HfConfig.Parse(json)).NotApplied).ShouldBe(notApplied);

    [Theory]
    [InlineData("""{"do_sample": true}""", true, 1f, 1f)] // a file that asks for draws says how
    [InlineData("""{"do_sample": true, "temperature": 0.7}""", true, 0.7f, 1f)]
    [InlineData("""{"temperature": 0.7}""", null, 0.7f, 0.95f)]
    [InlineData("""{"do_sample": false, "top_p": 0.5}""", false, 0.8f, 0.5f)]
    [InlineData("""{"do_sample": null, "temperature": null}""", null, 0.8f, 0.95f)]
    [InlineData(null, null, 0.8f, 0.95f)]
    public void What_the_file_leaves_out(string? json, bool? doSample, float temperature, float topP)
    {
        GenerationSettings s = GenerationSettings.Read(json is null ? null : HfConfig.Parse(json));
        s.DoSample.ShouldBe(doSample);
        (s.Sampling(true).Temperature, s.Sampling(true).TopP, s.Sampling(true).TopK).ShouldBe((temperature, topP, 0));
    }

    [Fact]
    public void Settings_that_are_not_applied_are_named_where_they_would_matter() =>
        Read(
            """{"num_beams": 4, "num_return_sequences": 1, "length_penalty": 1.0, "early_stopping": false, "forced_eos_token_id": 1, "guidance_scale": null, "eta_cutoff": 0.1, "renormalize_logits": false}"""
        )
            .NotApplied.ShouldBe(["num_beams", "forced_eos_token_id", "eta_cutoff"]);

    [Theory]
    [InlineData("""{"top_p": 2}""", "gc: \"top_p\" must be above 0 and at most 1, it is 2.")]
    [InlineData("""{"temperature": -0.5}""", "gc: \"temperature\" must be 0 or more, it is -0.5.")]
    [InlineData("""{"max_new_tokens": -3}""", "gc: \"max_new_tokens\" must be 0 or more, it is -3.")]
    [InlineData("""{"repetition_penalty": 0}""", "gc: \"repetition_penalty\" must be from 0.01 to 100, it is 0.")]
    [InlineData("""{"temperature": "hot"}""", "gc: \"temperature\" must be a number, it is \"hot\".")]
    [InlineData("""{"do_sample": 1}""", "gc: \"do_sample\" must be true or false, it is 1.")]
    [InlineData("""{"bad_words_ids": [3]}""", "gc: \"bad_words_ids\" must be a list of lists of token ids.")]
    public void A_value_that_makes_no_sense_is_named_with_file_and_key(string json, string message) =>
        Should.Throw<InvalidDataException>(() => Read(json)).Message.ShouldBe(message);

    /// <summary>A GGUF file says the same in keys of its own.</summary>
    [Fact]
    public void Metadata_of_a_gguf_file_count_as_the_file()
    {
        GgufMetadata m = new("m.gguf");
        m.Add("tokenizer.ggml.eos_token_id", 7u);
        m.Add("tokenizer.ggml.eot_token_id", 9u);
        GgufGeneration.Read(m).ContainsKey("do_sample").ShouldBeFalse();
        m.Add("general.sampling.temp", 0.6f);
        m.Add("general.sampling.top_k", 20);
        m.Add("general.sampling.penalty_repeat", 1.05f);
        HfConfig file = HfConfig.Parse(GgufGeneration.Read(m).ToJsonString(), "m.gguf");
        file.Ints("eos_token_id").ShouldBe([7, 9]);
        SamplingParams p = GenerationSettings.Read(file).Sampling(true);
        (p.Temperature, p.TopK, p.TopP, p.RepetitionPenalty).ShouldBe((0.6f, 20, 1, 1.05f));
    }

    private static GenerationSettings Read(string json) => GenerationSettings.Read(HfConfig.Parse(json, "gc"));
}
