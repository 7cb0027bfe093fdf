namespace Inkstone.Training.Tests;

public sealed class RecipeChangesTests
{
    private const string Begun = """
        model:
          path: no/longer/there
          weights: auto
          rope_scaling: {rope_type: linear, factor: 2.0}
        adapter:
          rank: 8
          targets: [q_proj, v_proj]
        optimizer:
          name: adamw
          lr: 0.02
          muon:
            lr: 0.02
        schedule:
          name: linear
          decay: linear
        train:
          steps: 4
          threads: 0
        out: runs/a

        """;

    /// <summary>The same line may stand in several sections: a key is its whole path.</summary>
    [Theory]
    [InlineData("  name: linear\n", "  name: adamw\n", "schedule.name: adamw (the run was begun with linear)")]
    [InlineData("  decay: linear\n", "  decay: adamw\n", "schedule.decay: adamw (the run was begun with linear)")]
    [InlineData("    lr: 0.02\n", "    lr: 0.5\n", "optimizer.muon.lr: 0.5 (the run was begun with 0.02)")]
    [InlineData("  decay: linear\n", "", "schedule.decay: nothing (the run was begun with linear)")]
    [InlineData("  steps: 4\n", "  tokens: 4\n", "train.tokens: 4 (the run was begun with nothing)")]
    [InlineData("  weights: auto\n", "  weights: fp32\n", "model.weights: fp32 (the run was begun with auto)")]
    [InlineData("  path: no/longer/there\n", "  path: moved/here\n", "model.path: moved/here (the run was begun with no/longer/there)")]
    public void A_changed_key_is_told_by_its_path(string was, string now, string told) =>
        Check(Begun, was, now).ShouldContain("resuming with a changed recipe: " + told);

    [Theory]
    [InlineData("  threads: 0\n", "  threads: 7\n")]
    [InlineData("out: runs/a\n", "out: runs/b\n")]
    [InlineData("  targets: [q_proj, v_proj]\n", "  targets: [q_proj, v_proj]\n  use_what_came_later: false\n")]
    [InlineData("  path: no/longer/there\n", "  path: ./no/longer/there\n")]
    public void What_changes_nothing_is_allowed(string was, string now) =>
        Check(Begun, was, now).Where(w => !w.Contains("use_what_came_later", StringComparison.Ordinal)).ShouldBeEmpty();

    /// <summary>The checkpoint has its shape already: a recipe of another one would be written down and not trained.</summary>
    [Theory]
    [InlineData("  weights: auto\n", "  weights: auto\n  hidden_size: 64\n", "model.hidden_size was not given and is 64 now")]
    [InlineData("factor: 2.0", "factor: 4.0", "model.rope_scaling.factor was 2.0 and is 4.0 now")]
    [InlineData("  rank: 8\n", "  rank: 16\n", "adapter.rank was 8 and is 16 now")]
    [InlineData("[q_proj, v_proj]", "[q_proj]", "adapter.targets was [q_proj, v_proj] and is [q_proj] now")]
    [InlineData("adapter:\n  rank: 8\n  targets: [q_proj, v_proj]\n", "", "adapter.rank was 8 and is not given now")]
    public void Another_model_or_adapter_is_refused(string was, string now, string sentence) =>
        Should.Throw<InvalidDataException>(() => Check(Begun, was, now)).Message.ShouldContain(sentence);

    [Fact]
    public void Another_base_model_is_refused_while_the_first_is_there()
    {
        using TemporaryDirectory directory = new();
        string begun = Begun.Replace("no/longer/there", directory.Path, StringComparison.Ordinal);
        Should
            .Throw<InvalidDataException>(() => Check(begun, directory.Path, "other/base"))
            .Message.ShouldContain($"model.path was {directory.Path} and is other/base now");
    }

    [Fact]
    public void An_adapter_where_there_was_none_is_refused()
    {
        string without = Begun.Replace("adapter:\n  rank: 8\n  targets: [q_proj, v_proj]\n", "", StringComparison.Ordinal);
        Should
            .Throw<InvalidDataException>(() => RecipeChanges.Check(without, Begun, _ => { }))
            .Message.ShouldContain("adapter.rank was not given and is 8 now");
    }

    private static List<string> Check(string begun, string was, string now)
    {
        begun.ShouldContain(was);
        List<string> warnings = [];
        RecipeChanges.Check(begun, begun.Replace(was, now, StringComparison.Ordinal), warnings.Add);
        return warnings;
    }
}
