using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Formats;

/// <summary>
/// A JSON object with HF's keys (config.json, generation_config.json), read leniently: unknown keys are kept, null counts as absent.
/// Asking for a key of the wrong kind is an error that names file and key.
/// </summary>
public sealed class HfConfig
{
    private readonly JsonElement _root;

    private HfConfig(JsonElement root, string source) => (_root, Source) = (root, source);

    /// <summary>Where it was read, for messages.</summary>
    public string Source { get; }

    /// <summary>Reads a file.</summary>
    public static HfConfig Read(string path) =>
        File.Exists(path)
            ? Parse(File.ReadAllText(path), path)
            : throw new FileNotFoundException($"there is no {path}; a model directory has one.", path);

    /// <summary>Parses a text.</summary>
    public static HfConfig Parse(string json, string source = "config")
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonUnicode.Check(document.RootElement, source);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new HfConfig(document.RootElement.Clone(), source)
                : throw new InvalidDataException($"{source} must hold one JSON object.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{source}:{1 + (e.LineNumber ?? 0)}: this is not valid JSON; download or write the file again.",
                e
            );
        }
    }

    /// <summary>The object as it was read.</summary>
    public string ToJson() => _root.GetRawText();

    /// <summary>The same with the weights' element type (F32, BF16 or F16) said as transformers says it; null changes nothing.</summary>
    public HfConfig WithDType(string? dtype)
    {
        string? name = dtype switch
        {
            "F32" => "float32",
            "BF16" => "bfloat16",
            "F16" => "float16",
            _ => null,
        };
        if (name is null)
        {
            return this;
        }
        JsonObject json = JsonNode.Parse(ToJson())!.AsObject();
        // transformers 5 says dtype, those before said torch_dtype.
        json[Has("torch_dtype") ? "torch_dtype" : "dtype"] = name;
        return Parse(json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }), Source);
    }

    /// <summary>The same with the keys of <paramref name="defaults"/>, a JSON object, where it has none of that name.</summary>
    public HfConfig WithDefaults(string defaults)
    {
        JsonObject json = JsonNode.Parse(ToJson())!.AsObject();
        foreach ((string key, JsonNode? value) in JsonNode.Parse(defaults)!.AsObject())
        {
            json.TryAdd(key, value?.DeepClone());
        }
        return Parse(json.ToJsonString(), Source);
    }

    /// <summary>The class of transformers that holds a family's language model: qwen3_moe is Qwen3MoeForCausalLM.</summary>
    public static string ClassOf(string modelType) =>
        string.Concat(
            modelType.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..])
        ) + "ForCausalLM";

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>Whether the key is there and says something: not null, false, or an empty text, list or object.</summary>
    public bool IsSet(string key) =>
        Find(key) is { } value
        && value.ValueKind switch
        {
            JsonValueKind.False => false,
            JsonValueKind.String => value.GetString()!.Length > 0,
            JsonValueKind.Array => value.GetArrayLength() > 0,
            JsonValueKind.Object => value.EnumerateObject().Any(),
            _ => true,
        };

    /// <summary>Whether the key is there and a text.</summary>
    public bool IsText(string key) => Find(key) is { ValueKind: JsonValueKind.String };

    /// <summary>All keys, in the order of the file.</summary>
    public IEnumerable<string> Keys => _root.EnumerateObject().Select(member => member.Name);

    /// <summary>A whole number.</summary>
    public int Int(string key) => Find(key) is { } value ? AsInt(key, value) : throw Missing(key);

    /// <summary>A whole number, or <paramref name="absent"/>.</summary>
    public int Int(string key, int absent) => Find(key) is { } value ? AsInt(key, value) : absent;

    /// <summary>A number, or <paramref name="absent"/>.</summary>
    public double Number(string key, double absent) =>
        Find(key) is not { } value ? absent
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) ? number
        : throw Wrong(key, "a number", value);

    /// <summary>A number.</summary>
    public double Number(string key) => Has(key) ? Number(key, 0) : throw Missing(key);

    /// <summary>True or false, or <paramref name="absent"/>.</summary>
    public bool Bool(string key, bool absent) =>
        Find(key) is not { } value ? absent
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(key, "true or false", value);

    /// <summary>A text, or <paramref name="absent"/>.</summary>
    public string Text(string key, string absent) =>
        Find(key) is not { } value ? absent
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Wrong(key, "a text", value);

    /// <summary>A text.</summary>
    public string Text(string key) => Has(key) ? Text(key, "") : throw Missing(key);

    /// <summary>Whole numbers: a list, a single one, or none (eos_token_id has all three forms).</summary>
    public int[] Ints(string key) =>
        Find(key) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => AsInt(key, item))]
        : [AsInt(key, value)];

    /// <summary>Numbers of a list, or none.</summary>
    public double[] Numbers(string key) =>
        Find(key) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number)
            ? [.. value.EnumerateArray().Select(item => item.GetDouble())]
        : throw Wrong(key, "a list of numbers", value);

    /// <summary>Texts of a list, or none.</summary>
    public string[] Texts(string key) =>
        Find(key) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(item => item.GetString()!)]
        : throw Wrong(key, "a list of texts", value);

    /// <summary>An inner object, or null.</summary>
    public HfConfig? Object(string key) =>
        Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new HfConfig(value, $"{Source}: {key}")
        : throw Wrong(key, "an object", value);

    /// <summary>Objects of a list, or none.</summary>
    public HfConfig[] Objects(string key) =>
        Find(key) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object)
            ? [.. value.EnumerateArray().Select(item => new HfConfig(item, $"{Source}: {key}"))]
        : throw Wrong(key, "a list of objects", value);

    /// <summary>A key's value as null, bool, double, string, string[] (a list of texts, empty lists too), or the element where it is
    /// anything else.</summary>
    public object? Value(string key) =>
        Find(key) is not { } value
            ? null
            : value.ValueKind switch
            {
                JsonValueKind.True => true,
                JsonValueKind.False => false,
                JsonValueKind.Number => value.GetDouble(),
                JsonValueKind.String => value.GetString(),
                JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) => Texts(key),
                _ => value,
            };

    private JsonElement? Find(string key) =>
        _root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private int AsInt(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Wrong(key, "a whole number", value);

    private InvalidDataException Missing(string key) => new($"{Source} has no \"{key}\"; add it.");

    private InvalidDataException Wrong(string key, string wanted, JsonElement value) =>
        new($"{Source}: \"{key}\" must be {wanted}, it is {value.GetRawText().ReplaceLineEndings(" ")}.");
}
