using System.Text.Json.Nodes;
using Inkstone.Tensors;

namespace Inkstone.Verification.Tests;

/// <summary>Reference numbers of preference and reinforcement learning: all are reproduced, a changed one is noticed, what is not known is
/// named.</summary>
public sealed class LossFileTests
{
    [GoldenFact("goldens/adapters/preference_losses2.json")]
    public void Losses_and_steps_are_reproduced()
    {
        using Device device = new(threads: 2);
        IReadOnlyList<VerificationCheck> checks = ReferenceCases.Run(Goldens.Of("adapters"), device);
        checks.Count.ShouldBeGreaterThan(1200);
        checks.Where(check => !check.Ok).ShouldBeEmpty();
    }

    [GoldenFact("goldens/adapters/preference_losses2.json")]
    public void A_file_is_compared_alone_and_only_under_its_name()
    {
        using Device device = new(threads: 1);
        IReadOnlyList<VerificationCheck> losses = ReferenceCases.Run(Goldens.Of("adapters/preference_losses.json"), device);
        losses.ShouldNotBeEmpty();
        losses.ShouldAllBe(check => check.Ok && check.Name.StartsWith("preference_losses.json", StringComparison.Ordinal));
        IReadOnlyList<VerificationCheck> steps = ReferenceCases.Run(Goldens.Of("adapters/e2e_dpo.json"), device);
        steps.ShouldNotBeEmpty();
        steps.ShouldAllBe(check => check.Ok);
        Should.Throw<DirectoryNotFoundException>(() => ReferenceCases.Run(Goldens.Of("adapters/README.md"), device));
    }

    [GoldenFact("goldens/adapters/preference_losses2.json")]
    public void Half_precision_products_stay_within_their_own_tolerances()
    {
        using Device device = new(threads: 2, matMulType: DType.BFloat16);
        ReferenceCases
            .Run(Goldens.Of("adapters"), device)
            .Where(check => !check.Ok && !check.Name.Contains("step 2", StringComparison.Ordinal))
            .ShouldBeEmpty();
    }

    /// <summary>Every number of every case is compared: one part in a thousand more, and its check fails.</summary>
    [GoldenTheory("goldens/adapters/preference_losses2.json")]
    [InlineData("preference_losses2.json", "dpo/cases/robust/loss")]
    [InlineData("preference_losses2.json", "dpo/cases/wpo/grad/0/1")]
    [InlineData("preference_losses2.json", "kto/cases/kto/metrics/kl")]
    [InlineData("preference_losses2.json", "grpo/cases/vespo/grad/1/2")]
    [InlineData("preference_losses2.json", "grpo/cases/entropy_bonus/grad_entropies/1/2")]
    [InlineData("preference_losses2.json", "grpo_advantages/cases/with_none/advantages/0")]
    [InlineData("preference_losses2.json", "rloo_advantages/cases/clipped/trl_float32/0")]
    [InlineData("preference_losses2.json", "orpo_cpo/cpo/alphapo/grad/0/3/1")]
    [InlineData("preference_losses2.json", "distillation/cases/jsd_half/loss")]
    [InlineData("preference_losses2.json", "sft/cases/dft/loss")]
    [InlineData("preference_losses.json", "dpo/cases/dpop_b01_l5/loss")]
    [InlineData("preference_losses.json", "ppo/grad_values/0/1")]
    public void A_changed_number_fails_its_check(string file, string path)
    {
        string folder = Directory.CreateTempSubdirectory("ink-losses-").FullName;
        JsonNode root = JsonNode.Parse(File.ReadAllText(Goldens.Of($"adapters/{file}")))!,
            at = root;
        string[] keys = path.Split('/');
        foreach (string key in keys[..^1])
        {
            at = Child(at, key);
        }
        double value = (double)Child(at, keys[^1]);
        value.ShouldNotBe(0);
        if (at is JsonArray list)
        {
            list[int.Parse(keys[^1])] = value * 1.001;
        }
        else
        {
            at[keys[^1]] = value * 1.001;
        }
        File.WriteAllText(Path.Combine(folder, file), root.ToJsonString());
        using Device device = new(threads: 2);
        ReferenceCases.Run(folder, device).Count(check => !check.Ok).ShouldBe(1, path);
        Directory.Delete(folder, recursive: true);

        static JsonNode Child(JsonNode node, string key) =>
            (node is JsonArray array ? array[int.Parse(key)] : node[key]) ?? throw new InvalidDataException(key);
    }

    [GoldenTheory("goldens/adapters/preference_losses2.json")]
    [InlineData("\"loss_type\": \"apo_down\"", "\"loss_type\": \"apo_up\"", "apo_up")]
    [InlineData("\"discopop_tau\"", "\"discopop_rho\"", "discopop_rho")]
    [InlineData("\"reward_model\"", "\"reward_models\"", "reward_models")]
    public void What_is_not_known_is_named(string was, string becomes, string named)
    {
        string folder = Directory.CreateTempSubdirectory("ink-losses-").FullName,
            text = File.ReadAllText(Goldens.Of("adapters/preference_losses2.json"));
        text.ShouldContain(was);
        File.WriteAllText(Path.Combine(folder, "preference_losses2.json"), text.Replace(was, becomes, StringComparison.Ordinal));
        using Device device = new(threads: 2);
        Should.Throw<InvalidDataException>(() => ReferenceCases.Run(folder, device)).Message.ShouldContain($"\"{named}\"");
        Directory.Delete(folder, recursive: true);
    }
}
