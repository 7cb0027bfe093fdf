using System.Globalization;

namespace Inkstone.Formats;

/// <summary>
/// The typed key-value pairs of a GGUF file in their order. Values are numbers of the width that the file gives them (byte to ulong, float,
/// double),
/// bool, string, or an array of one of these.
/// </summary>
public sealed class GgufMetadata(string source)
{
    private readonly List<string> _keys = [];
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    /// <summary>The file, for messages.</summary>
    public string Source => source;

    /// <summary>Keys in the order of the file.</summary>
    public IReadOnlyList<string> Keys => _keys;

    /// <summary>A value as it stands in the file, or null.</summary>
    public object? Find(string key) => _values.GetValueOrDefault(key);

    /// <summary>Adds a pair; false when the key is there already.</summary>
    public bool TryAdd(string key, object value)
    {
        if (!_values.TryAdd(key, value))
        {
            return false;
        }
        _keys.Add(key);
        return true;
    }

    /// <summary>Adds a pair whose key is new.</summary>
    public void Add(string key, object value)
    {
        if (!TryAdd(key, value))
        {
            throw new ArgumentException($"the key \"{key}\" stands twice", nameof(key));
        }
    }

    /// <summary>Adds a pair, or changes the value of one that is there.</summary>
    internal void Set(string key, object value)
    {
        if (!TryAdd(key, value))
        {
            _values[key] = value;
        }
    }

    /// <summary>Whether there is a value.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>A text, or null.</summary>
    public string? Text(string key) => Find(key) is not { } value ? null : value as string ?? throw Wrong(key, "a text", value);

    /// <summary>True or false, or <paramref name="absent"/>.</summary>
    public bool Bool(string key, bool absent) =>
        Find(key) is not { } value ? absent
        : value is bool flag ? flag
        : throw Wrong(key, "true or false", value);

    /// <summary>A whole number of any width, or null.</summary>
    public int? Int(string key) =>
        Find(key) is not { } value ? null
        : value is byte or sbyte or ushort or short or int or uint or long or ulong
        && decimal.ToInt64(Math.Clamp(Convert.ToDecimal(value, CultureInfo.InvariantCulture), long.MinValue, long.MaxValue))
            is >= int.MinValue
                and <= int.MaxValue
                and long number
            ? (int)number
        : throw Wrong(key, "a whole number of 32 bits", value);

    /// <summary>A number, or null.</summary>
    public double? Number(string key) =>
        Find(key) switch
        {
            null => null,
            float value => Shortest(value),
            double value => value,
            bool or string or Array => throw Wrong(key, "a number", Find(key)!),
            object value => Convert.ToDouble(value, CultureInfo.InvariantCulture),
        };

    /// <summary>The shortest decimal that is this float: a rope base of 1e5f is 100000, an epsilon of 1e-5f is 1e-05.</summary>
    internal static double Shortest(float value) =>
        double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>A list of true and false, or null.</summary>
    public bool[]? Bools(string key) =>
        Find(key) is not { } value ? null : value as bool[] ?? throw Wrong(key, "a list of true and false", value);

    /// <summary>A list of texts, or null.</summary>
    public string[]? Texts(string key) =>
        Find(key) is not { } value ? null : value as string[] ?? throw Wrong(key, "a list of texts", value);

    /// <summary>A list of whole numbers, or null.</summary>
    public int[]? Ints(string key) =>
        Find(key) switch
        {
            null => null,
            // The runtime lets uint[] pass for int[], so ask for the exact type.
            int[] values when values.GetType() == typeof(int[]) => values,
            Array values when values is byte[] or short[] or uint[] =>
            [
                .. values.Cast<object>().Select(v => unchecked((int)Convert.ToInt64(v, CultureInfo.InvariantCulture))),
            ],
            object value => throw Wrong(key, "a list of whole numbers", value),
        };

    /// <summary>A list of float32 numbers, or null.</summary>
    public float[]? Floats(string key) =>
        Find(key) is not { } value ? null : value as float[] ?? throw Wrong(key, "a list of numbers", value);

    private InvalidDataException Wrong(string key, string wanted, object value) =>
        new(
            $"{source}: \"{key}\" must be {wanted}, it is {(value is Array array ? $"a list of {array.Length}" : Convert.ToString(value, CultureInfo.InvariantCulture))}."
        );
}
