using System.Numerics;
using Inkstone.Jinja;

namespace Inkstone.Evaluation;

/// <summary>Short ways to values of Python.</summary>
internal static class PythonValues
{
    /// <summary>An int, bool included; null for anything else.</summary>
    public static int? Whole(Value? value) =>
        value switch
        {
            IntValue { Number: var number } when number >= int.MinValue && number <= int.MaxValue => (int)number,
            BoolValue flag => flag.IsTrue ? 1 : 0,
            _ => null,
        };

    /// <summary>An int, bool or float as a number; null for anything else.</summary>
    public static double? Real(Value? value) =>
        value switch
        {
            FloatValue real => real.Number,
            IntValue whole => (double)whole.Number,
            BoolValue flag => flag.IsTrue ? 1 : 0,
            _ => null,
        };

    /// <summary>A member of a dict; null where it is absent or None.</summary>
    public static Value? Get(this DictValue dict, string key) =>
        dict.Entries.GetValueOrDefault(new StringValue(key)) is { } value and not NoneValue ? value : null;

    public static bool Has(this DictValue dict, string key) => dict.Entries.ContainsKey(new StringValue(key));

    public static string? Text(this DictValue dict, string key) => (dict.Get(key) as StringValue)?.Content;

    public static void SetValue(this OrderedDictionary<Value, Value> entries, string key, Value value) =>
        entries[new StringValue(key)] = value;

    /// <summary>A dict of members in order.</summary>
    public static DictValue Dict(params IEnumerable<(string Key, Value Value)> members) =>
        DictValue.FromPairs(members.Select(m => KeyValuePair.Create(m.Key, m.Value)));

    public static Value OrNone(string? text) => text is null ? NoneValue.None : new StringValue(text);

    public static IntValue Int(long number) => new(new BigInteger(number));

    /// <summary>text.isdigit(): at least one character, and each a digit.</summary>
    public static bool IsDigits(string text) =>
        text.Length > 0 && text.All(c => char.IsDigit(c) || "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".Contains(c, StringComparison.Ordinal));
}
