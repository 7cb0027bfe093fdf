using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.ExceptionServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;

namespace Inkstone.Data;

public sealed partial class Mixture
{
    private void SetQuotas(MixPile[] piles, List<string> shortages)
    {
        MixCategory[] weighted = [.. recipe.Categories.Where(c => c.Weight is not null)];
        long[] shares =
            weighted.Length == 0
                ? []
                : Quotas.Divide(
                    recipe.Total!.Value,
                    [.. weighted.Select(c => c.Weight!.Value)],
                    [.. weighted.Select(_ => long.MaxValue / 2)]
                );
        foreach (MixCategory category in recipe.Categories)
        {
            MixPile[] of = [.. piles.Where(p => p.Category == category)];
            long wanted = category.Count ?? shares[Array.IndexOf(weighted, category)];
            long[] caps = [.. of.Select(p => (long)Math.Min(long.MaxValue / 4, p.Usable * category.MaxEpochs / category.Repeat))];
            MixPile[] counted = [.. of.Where(p => p.Source.Count is not null)];
            foreach (MixPile pile in counted)
            {
                pile.Quota = Filled(
                    pile.Source.Count!.Value,
                    caps[Array.IndexOf(of, pile)],
                    $"{category.Name}, {pile.Source.Name}",
                    [pile]
                );
            }
            MixPile[] rest = [.. of.Except(counted)];
            long left = wanted - counted.Sum(p => p.Source.Count!.Value);
            if (left < 0 || (rest.Length == 0 && left > 0))
            {
                throw new InvalidDataException(
                    $"the counts of the sources of {category.Name} sum up to {wanted - left}, and the category wants {wanted}: mend the recipe"
                );
            }
            if (rest.Length == 0)
            {
                continue;
            }
            long[] restCaps = [.. rest.Select(p => caps[Array.IndexOf(of, p)])];
            long[] quotas = Quotas.Divide(
                Filled(left, restCaps.Sum(), category.Name, rest),
                [.. rest.Select(p => p.Source.Weight ?? p.Usable)],
                restCaps
            );
            for (int i = 0; i < rest.Length; i++)
            {
                rest[i].Quota = quotas[i];
            }
        }

        long Filled(long wanted, long most, string name, MixPile[] of)
        {
            if (wanted <= most)
            {
                return wanted;
            }
            MixCategory c = of[0].Category;
            string words =
                $"{name} wants {wanted} records{(c.Repeat > 1 ? $", {c.Repeat} times each" : "")}, and its sources have {of.Sum(p => p.Usable)}, which at most {c.MaxEpochs:0.##} passes make {most}";
            if (!recipe.Shrink)
            {
                throw new InvalidDataException($"{words}: give more sources, lower count, raise max_epochs, or set shortage: shrink");
            }
            shortages.Add(words);
            return most;
        }
    }
}
