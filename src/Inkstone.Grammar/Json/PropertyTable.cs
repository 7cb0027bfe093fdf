using System.Numerics;

namespace Inkstone.Grammar;

/// <summary>
/// The names of an object's properties in classes: each name that a schema mentions is one, and the others fall into as many as languages
/// tell them apart.
/// A class is a tag of one automaton over names. A class of few names, such as those of an enum, is split into its names.
/// </summary>
internal sealed class PropertyTable
{
    private const int FewNames = 64;

    public PropertyTable(SchemaSpace schemas, ObjectTests tests)
    {
        NameSet[] sets = [.. tests.Values.Concat(tests.Some).Select(v => v.Names)];
        List<string> names = [.. sets.SelectMany(s => s.Name is null ? s.ExceptNames : [s.Name]).Concat(tests.Required).Distinct()];
        CharDfa[] languages = [.. sets.SelectMany(s => s.Languages).Distinct()];
        if (languages.Length == 0 && names.Count == 0 && tests.Names.Length == 0)
        {
            Rules = new TextRules.Automaton(CharDfa.Any, 1);
            Classes = [new Class(null, Value(null, _ => false), Some(null, _ => false))];
            return;
        }
        for (bool split = true; split; )
        {
            split = false;
            Dictionary<string, int> unnamed = [];
            List<Class> classes = [];
            int first = names.Count + 1;
            CharDfa[] parts = [CharDfa.Texts(names), .. languages, .. tests.Names];
            CharDfa all = CharDfa.Combine(
                parts,
                tags =>
                {
                    if (tags.AsSpan(1 + languages.Length).Contains(0))
                    {
                        return 0;
                    }
                    if (tags[0] > 0)
                    {
                        return tags[0];
                    }
                    string key = string.Concat(tags[1..(1 + languages.Length)].Select(t => t > 0 ? '1' : '0'));
                    if (!unnamed.TryGetValue(key, out int tag))
                    {
                        unnamed[key] = tag = first + unnamed.Count;
                    }
                    return tag;
                }
            );
            foreach (string name in names)
            {
                bool IsIn(CharDfa language) => language.TagOf(name) > 0;
                classes.Add(tests.Names.All(IsIn) ? new Class(name, Value(name, IsIn), Some(name, IsIn)) : new Class(name, null, []));
            }
            foreach (string key in unnamed.OrderBy(u => u.Value).Select(u => u.Key))
            {
                bool IsIn(CharDfa language) => key[Array.IndexOf(languages, language)] == '1';
                classes.Add(new Class(null, Value(null, IsIn), Some(null, IsIn)));
                // Names of a large class are kept apart as they are written; a small one could be used up, which only counting can see.
                if (!split && all.Words(first + classes.Count - names.Count - 1, FewNames) is { Count: > 0 } words)
                {
                    names = [.. names, .. words];
                    split = true;
                }
            }
            (Rules, Classes) = (new TextRules.Automaton(all, first), [.. classes]);
            schemas.Space.HasBoundedNames |= all.Tags.Where((tag, q) => tag >= first && all.Edges[q].Length == 0).Any();
        }

        Conjunction Value(string? name, Func<CharDfa, bool> isIn) =>
            schemas.And(tests.Values.Where(v => v.Names.Has(name, isIn)).Select(v => v.Value));

        int[] Some(string? name, Func<CharDfa, bool> isIn) =>
            [.. Enumerable.Range(0, tests.Some.Length).Where(k => tests.Some[k].Names.Has(name, isIn))];
    }

    /// <summary>The names, with the tag i + 1 for class i.</summary>
    public TextRules Rules { get; private set; } = TextRules.Any;

    public Class[] Classes { get; private set; } = [];

    /// <summary>A class of names.</summary>
    /// <param name="Name">the only one; null: there is no end of them</param>
    /// <param name="Value">what the value must be; null: there is no such property</param>
    /// <param name="Some">which of the object's tests for some property it may pass</param>
    public sealed record Class(string? Name, Conjunction? Value, int[] Some)
    {
        public static BigInteger Bit(int index) => BigInteger.One << index;
    }
}
