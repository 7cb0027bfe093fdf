using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training.Tests;

public sealed class PresetTests
{
    /// <summary>Sizes as their authors publish them; mini_deepseekv3, whose authors do not, as the shapes of its matrices add up,
    /// prediction module included.</summary>
    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("mini_llama3", 100_538_112, 100_538_112)]
    [InlineData("mini_deepseekv3", 174_948_040, 111_247_048)]
    [InlineData("mini_qwen3_next", 162_164_376, 98_463_384)]
    [InlineData("minimind-3", 63_912_192, 63_912_192)]
    [InlineData("smollm2-135m", 134_515_008, 134_515_008)]
    public void Presets_have_the_published_sizes(string name, long parameters, long active)
    {
        using Device device = new(threads: 2);
        using CausalLm model = Pretrained.New(HfConfig.Read(Path.Combine(Root(), "configs", "models", name + ".json")), device, 1);
        model.Parameters.ElementCount.ShouldBe(parameters);
        model.ActiveElementCount.ShouldBe(active);
    }

    /// <summary>Every recipe of the repository is read without a fault, and its preset is a model's shape.</summary>
    [Fact]
    public void Every_recipe_names_a_preset_that_is_there()
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Root(), "configs", "runs"), "*.yaml"))
        {
            Recipe recipe = Recipe.Load(file);
            File.Exists(Path.Combine(Root(), "configs", "models", recipe.Model.Preset + ".json")).ShouldBeTrue(file);
        }
    }

    private static string Root()
    {
        DirectoryInfo at = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Inkstone.slnx")))
        {
            at = at.Parent ?? throw new DirectoryNotFoundException("the tests do not run inside the repository");
        }
        return at.FullName;
    }
}
