using Inkstone.Formats;
using Inkstone.Tensors;

namespace Inkstone.Verification.Tests;

public sealed class VerificationTests
{
    [GoldenTheory]
    [InlineData("llama")]
    [InlineData("llama3_scaled_tied")]
    [InlineData("qwen3_moe")]
    [InlineData("deepseek_v3")]
    [InlineData("deepseek_v3_no_qlora")]
    [InlineData("deepseek_v3_mtp")]
    [InlineData("qwen2")]
    [InlineData("qwen2_yarn")]
    [InlineData("qwen3")]
    [InlineData("qwen3_next")]
    [InlineData("llama_dynamic_bias")]
    [InlineData("mistral")]
    [InlineData("mixtral")]
    [InlineData("smollm3")]
    [InlineData("granite")]
    [InlineData("olmo2")]
    [InlineData("olmo3")]
    [InlineData("qwen2_moe")]
    [InlineData("qwen2_window")]
    [InlineData("phi3")]
    [InlineData("phi3_longrope")]
    [InlineData("gemma2")]
    [InlineData("gemma3")]
    [InlineData("nanochat")]
    [InlineData("glm4")]
    [InlineData("ernie4_5")]
    [InlineData("deepseek_v2")]
    [InlineData("deepseek_v2_lite")]
    [InlineData("kimi_k2")]
    [InlineData("gpt_oss")]
    [InlineData("gpt_oss_mxfp4")]
    [InlineData("qwen3_5_moe")]
    [InlineData("qwen3_5_nested")]
    [InlineData("deepseek_v4")]
    public void Model_cases_are_reproduced(string name)
    {
        using Device device = new(threads: 2);
        IReadOnlyList<VerificationCheck> checks = new ModelVerification(Goldens.Of($"models/{name}"), device).Run();
        checks.Count.ShouldBeGreaterThan(24);
        checks.Where(check => !check.Ok).ShouldBeEmpty();
    }

    [GoldenTheory]
    [InlineData("lora")]
    [InlineData("lora_all_rs")]
    [InlineData("dora")]
    [InlineData("patterns")]
    [InlineData("layers")]
    [InlineData("pissa")]
    [InlineData("olora")]
    [InlineData("lora_bias")]
    [InlineData("bias_all")]
    [InlineData("saved_modules")]
    public void Adapter_cases_are_reproduced(string name)
    {
        using Device device = new(threads: 2);
        IReadOnlyList<VerificationCheck> checks = ReferenceCases.Run(Goldens.Of($"adapters/{name}"), device);
        checks.Count.ShouldBeGreaterThanOrEqualTo(8);
        checks.Where(check => !check.Ok).ShouldBeEmpty();
    }

    [GoldenTheory]
    [InlineData("tokens", "trainable_token_indices")]
    [InlineData("experts", "target_parameters")]
    [InlineData("embedding_and_head", "target_modules")]
    public void Adapter_cases_of_other_kinds_are_refused_by_their_key(string name, string key)
    {
        using Device device = new(threads: 2);
        Should
            .Throw<InvalidDataException>(() => ReferenceCases.Run(Goldens.Of($"adapters/{name}"), device))
            .Message.ShouldContain($"\"{key}\"");
    }

    [GoldenFact]
    public void Half_precision_products_stay_within_their_own_tolerances()
    {
        using Device device = new(threads: 2, matMulType: DType.BFloat16);
        IReadOnlyList<VerificationCheck> checks = new ModelVerification(Goldens.Of("models/llama"), device).Run();
        checks.Where(check => !check.Ok).ShouldBeEmpty();
        checks.Single(check => check.Name == "logits").Worst.ShouldBeGreaterThan(1e-4, "these products are rounded");
    }

    /// <summary>Verification computes: whatever is changed in the reference numbers, the check of that name fails and the others do
    /// not.</summary>
    [GoldenTheory]
    [InlineData("adamw.json", "5.838897228240967", "5.838997228240967", "AdamW losses")]
    [InlineData("adamw.json", "1.4956774147603238", "1.4957774147603238", "AdamW gradient norms")]
    [InlineData("adamw.json", "\n  376", "\n  375", "greedy with cache", "greedy without cache")]
    public void A_changed_reference_number_fails_its_check(string file, string was, string becomes, params string[] failing)
    {
        string copy = CopyOfLlama();
        string text = File.ReadAllText(Path.Combine(copy, file));
        text.ShouldContain(was);
        File.WriteAllText(Path.Combine(copy, file), text.Replace(was, becomes, StringComparison.Ordinal));
        ShouldFail(copy, failing);
    }

    [GoldenTheory]
    [InlineData("io.safetensors", "logits", "logits", "logits of rows alone", "token by token", "config.v4: logits")]
    [InlineData("io.safetensors", "token_logprobs", "token_logprobs", "config.v4: token_logprobs")]
    [InlineData("io.safetensors", "loss", "loss")]
    [InlineData("grads.safetensors", "model.layers.1.self_attn.k_proj.weight", "gradient model.layers.1.self_attn.k_proj.weight")]
    public void A_changed_reference_array_fails_its_check(string file, string array, params string[] failing)
    {
        string copy = CopyOfLlama();
        byte[] bytes = File.ReadAllBytes(Path.Combine(copy, file));
        using (SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(copy, file)))
        {
            // One element, its largest, by one part in a thousand.
            float[] values = golden.ReadFloats(array);
            int at = Array.IndexOf(values, values.MaxBy(Math.Abs));
            long start = 8 + BitConverter.ToInt64(bytes, 0) + golden.Entry(array).Begin;
            BitConverter.GetBytes(values[at] * 1.001f).CopyTo(bytes, start + 4 * at);
        }
        File.WriteAllBytes(Path.Combine(copy, file), bytes);
        ShouldFail(copy, failing);
    }

    [GoldenFact]
    [Trait("Category", "Slow")]
    public void The_training_run_is_reproduced()
    {
        using Device device = new(threads: 2);
        new TrainingVerification(Goldens.Of("training"), device).Run().Where(check => !check.Ok).ShouldBeEmpty();
    }

    private static string CopyOfLlama()
    {
        string copy = Directory.CreateTempSubdirectory("ink-case-").FullName;
        foreach (string source in Directory.GetFiles(Goldens.Of("models/llama")))
        {
            File.WriteAllBytes(Path.Combine(copy, Path.GetFileName(source)), File.ReadAllBytes(source));
        }
        return copy;
    }

    private static void ShouldFail(string copy, string[] failing)
    {
        using Device device = new(threads: 2);
        ReferenceCases.Run(copy, device).Where(check => !check.Ok).Select(check => check.Name).ShouldBe(failing);
        Directory.Delete(copy, recursive: true);
    }
}
