namespace Inkstone.SmallWorld;

/// <summary>The two languages of the small world.</summary>
public enum WorldLanguage
{
    /// <summary>Simplified Chinese.</summary>
    Chinese,

    /// <summary>British English; Chinese names in pinyin, family name first.</summary>
    English,
}

/// <summary>A word in both languages.</summary>
internal sealed record Word(string Zh, string En);

/// <summary>A job and what one does in it: "教孩子们读书", "teaches children to read".</summary>
internal sealed record Job(string Zh, string En, string DoesZh, string DoesEn);

/// <summary>An animal by its kind and what it eats; English in the plural, Pet as "a cat".</summary>
internal sealed record Animal(string Zh, string En, string Pet, string Measure, string FoodZh, string FoodEn);

/// <summary>A tool and its use; the English subject carries its verb: "a hammer is", "scissors are".</summary>
internal sealed record Tool(string Zh, string UseZh, string En, string Verb, string UseEn);
