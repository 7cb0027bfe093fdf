namespace Inkstone.Formats;

/// <summary>The key-value pairs that stand under an architecture's name.</summary>
/// <param name="architecture">llama.cpp's name</param>
/// <param name="metadata">all pairs</param>
public sealed class GgufKeys(string architecture, GgufMetadata metadata)
{
    /// <summary>The file, for messages.</summary>
    public string Source => metadata.Source;

    /// <summary>Whether there is a value.</summary>
    public bool Has(string key) => metadata.Has(Full(key));

    /// <summary>A whole number, or null.</summary>
    public int? Int(string key) => metadata.Int(Full(key));

    /// <summary>A whole number that the model needs.</summary>
    public int Required(string key) => Int(key) ?? throw Missing(key);

    /// <summary>A number, or null.</summary>
    public double? Number(string key) => metadata.Number(Full(key));

    /// <summary>A number that the model needs.</summary>
    public double RequiredNumber(string key) => Number(key) ?? throw Missing(key);

    /// <summary>A text, or null.</summary>
    public string? Text(string key) => metadata.Text(Full(key));

    /// <summary>True or false, or <paramref name="absent"/>.</summary>
    public bool Bool(string key, bool absent) => metadata.Bool(Full(key), absent);

    /// <summary>A list of true and false, or null.</summary>
    public bool[]? Bools(string key) => metadata.Bools(Full(key));

    /// <summary>Sets a whole number.</summary>
    public void Set(string key, int value) => metadata.Set(Full(key), (uint)value);

    /// <summary>Sets a number.</summary>
    public void Set(string key, double value) => metadata.Set(Full(key), (float)value);

    /// <summary>Sets true or false, a text, or a list.</summary>
    public void Set(string key, object value) => metadata.Set(Full(key), value);

    private string Full(string key) => $"{architecture}.{key}";

    private InvalidDataException Missing(string key) => new($"{Source} has no \"{Full(key)}\"; the model cannot be built without it.");
}
