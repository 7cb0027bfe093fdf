using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A model whose sizes were fitted.</summary>
/// <param name="Config">its config.json</param>
/// <param name="Parameters">all parameters</param>
/// <param name="Active">those that work for a token: all but the experts that it is not routed to</param>
public sealed record FittedFamily(JsonObject Config, long Parameters, long Active);

/// <summary>Makes models of different architectures equally large: some widths of the config grow or shrink together, in steps of
/// <see cref="Grain"/>, until the count of active parameters is nearest to what is wanted.</summary>
public static class FamilyFit
{
    /// <summary>Widths are multiples of it.</summary>
    public const int Grain = 8;

    private const int Halvings = 40;
    private const double Least = 1.0 / 64,
        Most = 64,
        Near = 0.02;

    /// <summary>Fits a family.</summary>
    /// <param name="contestant">the family</param>
    /// <param name="active">parameters that are wanted to work for a token</param>
    /// <param name="vocabulary">ids of the tokenizer</param>
    /// <param name="ids">its special ids</param>
    /// <exception cref="InvalidDataException">The widths cannot reach it: other sizes alone are too much, or too little.</exception>
    public static FittedFamily Fit(ContestantOptions contestant, long active, int vocabulary, TokenIds ids)
    {
        JsonObject config = contestant.Model.Config(vocabulary, ids);
        foreach (string key in contestant.Fit)
        {
            if (config[key] is not JsonValue value || !value.TryGetValue(out int width) || width <= 0)
            {
                throw new InvalidDataException(
                    $"families.{contestant.Name}.fit names {key}, which is no width in its config; name keys such as intermediate_size"
                );
            }
        }
        using Device device = new(threads: 1);
        (double low, double high) = (Least, Most);
        FittedFamily best = Sized(config, contestant.Fit, low, device);
        for (int i = 0; i < Halvings && high - low > 1e-4; i++)
        {
            double middle = Math.Sqrt(low * high);
            FittedFamily tried = Sized(config, contestant.Fit, middle, device);
            best = Math.Abs(tried.Active - active) < Math.Abs(best.Active - active) ? tried : best;
            (low, high) = tried.Active < active ? (middle, high) : (low, middle);
        }
        return Math.Abs(best.Active - active) <= Near * active
            ? best
            : throw new InvalidDataException(
                FormattableString.Invariant(
                    $"{contestant.Name} cannot have {active:N0} active parameters by {string.Join(" and ", contestant.Fit)} alone: the nearest is {best.Active:N0}; change its hidden_size or num_hidden_layers"
                )
            );
    }

    private static FittedFamily Sized(JsonObject config, IReadOnlyList<string> fit, double factor, Device device)
    {
        JsonObject sized = (JsonObject)config.DeepClone();
        foreach (string key in fit)
        {
            sized[key] = Math.Max(1, (int)Math.Round((int)config[key]! * factor / Grain)) * Grain;
        }
        using CausalLm model = Pretrained.Describe(HfConfig.Parse(sized.ToJsonString()), device);
        return new FittedFamily(sized, model.Parameters.ElementCount, model.ActiveElementCount);
    }
}
