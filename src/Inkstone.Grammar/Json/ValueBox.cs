using System.Collections.Immutable;

namespace Inkstone.Grammar;

/// <summary>One alternative of what a value may be: for each of JSON's types what it must be then; null: not of this type.</summary>
internal sealed record ValueBox
{
    /// <summary>Any value.</summary>
    public static ValueBox Any { get; } =
        new()
        {
            Null = true,
            True = true,
            False = true,
            Number = [],
            Text = TextTests.None,
            Array = ArrayTests.None,
            Object = ObjectTests.None,
        };

    /// <summary>No value.</summary>
    public static ValueBox Nothing { get; } = new();

    public bool Null { get; init; }

    public bool True { get; init; }

    public bool False { get; init; }

    public ImmutableArray<NumberTest>? Number { get; init; }

    public TextTests? Text { get; init; }

    public ArrayTests? Array { get; init; }

    public ObjectTests? Object { get; init; }

    public bool IsNothing => !Null && !True && !False && Number is null && Text is null && Array is null && Object is null;
}

/// <summary>A string: in all of some languages and none of others, within bounds of its length.</summary>
internal sealed record TextTests(ImmutableArray<(CharDfa Language, bool Holds)> Languages, long Least, long? Most)
{
    public static TextTests None { get; } = new([], 0, null);

    /// <summary>Whether it is one of the texts of an enum or const.</summary>
    public bool IsListed { get; init; }

    public TextTests Matching(CharDfa language, bool holds = true) => this with { Languages = Languages.Add((language, holds)) };

    public TextTests AtLeast(long length) => this with { Least = Math.Max(Least, length) };

    public TextTests AtMost(long length) => this with { Most = Math.Min(Most ?? long.MaxValue, length) };

    /// <summary>Which characters may follow one another; null: there is no such string.</summary>
    public TextRules? Rules()
    {
        if (Most < Least)
        {
            return null;
        }
        if (Languages.Length == 0)
        {
            return Least == 0 && Most is null
                ? TextRules.Any
                : new TextRules.Lengths((int)Math.Min(Least, int.MaxValue - 1), (int)Math.Min(Most ?? int.MaxValue, int.MaxValue));
        }
        CharDfa all;
        try
        {
            all = Automaton();
        }
        catch (GrammarException fault)
        {
            throw new GrammarException($"pattern and maxLength together are too much: {fault.Message}", "maxLength", null);
        }
        return all.IsEmpty ? null : new TextRules.Automaton(all);
    }

    /// <summary>All of it as one automaton.</summary>
    public CharDfa Automaton()
    {
        List<(CharDfa Language, bool Holds)> parts = [.. Languages];
        if (Least > 0 || Most is not null || parts.Count == 0)
        {
            parts.Add((CharDfa.Lengths(Least, Most), true));
        }
        return CharDfa.Combine(
            [.. parts.Select(p => p.Language)],
            tags => parts.Select((p, i) => tags[i] > 0 == p.Holds).All(ok => ok) ? 1 : 0
        );
    }
}

/// <summary>An array.</summary>
/// <param name="Items">what the items are: the first ones each, then the rest; all of these hold</param>
/// <param name="Some">what so many of the items must be, from one place on</param>
/// <param name="Least">fewest items</param>
/// <param name="Most">most items</param>
internal sealed record ArrayTests(
    ImmutableArray<(Conjunction[] First, Conjunction Others)> Items,
    ImmutableArray<(int From, Conjunction What, long Least, long? Most)> Some,
    long Least,
    long? Most
)
{
    public static ArrayTests None { get; } = new([], [], 0, null);

    /// <summary>The schema that asks for items which all differ; null: none does.</summary>
    public SchemaNode? Unique { get; init; }

    public ArrayTests AtLeast(long count) => this with { Least = Math.Max(Least, count) };

    public ArrayTests AtMost(long count) => this with { Most = Math.Min(Most ?? long.MaxValue, count) };
}

/// <summary>A set of property names: one, or those of a language, or those that several schemas leave to additionalProperties.</summary>
internal sealed record NameSet(string? Name, CharDfa? Language, IReadOnlyList<string> ExceptNames, IReadOnlyList<CharDfa> ExceptLanguages)
{
    public static NameSet Single(string name) => new(name, null, [], []);

    public static NameSet Matching(CharDfa language) => new(null, language, [], []);

    public static NameSet Except(IReadOnlyList<string> names, IReadOnlyList<CharDfa> languages) => new(null, null, names, languages);

    public IEnumerable<CharDfa> Languages => Language is null ? ExceptLanguages : [Language];

    /// <summary>Whether a name is in it.</summary>
    /// <param name="name">null for one that no schema names</param>
    /// <param name="isIn">whether the name is in a language</param>
    public bool Has(string? name, Func<CharDfa, bool> isIn) =>
        Name is not null ? Name == name
        : Language is not null ? isIn(Language)
        : (name is null || !ExceptNames.Contains(name)) && !ExceptLanguages.Any(isIn);
}

/// <summary>An object.</summary>
/// <param name="Values">what the values of properties are, by their names; all of these hold</param>
/// <param name="Required">names that must be there</param>
/// <param name="Names">languages in which all names are</param>
/// <param name="Some">some property of these names must have such a value</param>
/// <param name="Least">fewest properties</param>
/// <param name="Most">most properties</param>
internal sealed record ObjectTests(
    ImmutableArray<(NameSet Names, Conjunction Value)> Values,
    ImmutableSortedSet<string> Required,
    ImmutableArray<CharDfa> Names,
    ImmutableArray<(NameSet Names, Conjunction Value)> Some,
    long Least,
    long? Most
)
{
    public static ObjectTests None { get; } = new([], ImmutableSortedSet.Create<string>(StringComparer.Ordinal), [], [], 0, null);

    public ObjectTests AtLeast(long count) => this with { Least = Math.Max(Least, count) };

    public ObjectTests AtMost(long count) => this with { Most = Math.Min(Most ?? long.MaxValue, count) };
}
