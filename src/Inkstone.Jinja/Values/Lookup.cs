namespace Inkstone.Jinja;

/// <summary>How templates get at parts of values.</summary>
internal static class Lookup
{
    /// <summary>What <c>value.name</c> is: an attribute, else an item, else undefined.</summary>
    public static Value Attribute(Value value, string name)
    {
        Value key = new StringValue(name);
        return value.Attribute(name) ?? value.Item(key) ?? UndefinedValue.Element(value, key);
    }

    /// <summary>What <c>value[key]</c> is: an item, else an attribute, else undefined.</summary>
    public static Value Item(Value value, Value key) =>
        value.Item(key) ?? (key is StringValue name ? value.Attribute(name.Content) : null) ?? UndefinedValue.Element(value, key);

    /// <summary>A dict as named arguments.</summary>
    public static IReadOnlyList<KeyValuePair<string, Value>> Names(Value value) =>
        value is not DictValue dict
            ? throw new TemplateFault($"argument after ** must be a mapping, not {value.TypeName}")
            :
            [
                .. dict.Entries.Select(e =>
                    KeyValuePair.Create(
                        e.Key is StringValue name ? name.Content : throw new TemplateFault("keywords must be strings"),
                        e.Value
                    )
                ),
            ];
}
