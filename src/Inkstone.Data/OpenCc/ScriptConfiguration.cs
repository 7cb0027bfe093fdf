using System.IO.Hashing;
using System.Text.Json;

namespace Inkstone.Data;

/// <summary>
/// A configuration of OpenCC 1.4 (data/config/opencc_config.schema.json there): dictionaries that normalise the text, a segmentation if
/// there is one, and the
/// stages of the conversion.
/// </summary>
internal sealed class ScriptConfiguration
{
    private readonly string _folder;
    private readonly string _place;
    private readonly bool _withTofu;
    private readonly XxHash128 _fingerprint = new();
    private readonly Dictionary<string, IReadOnlyDictionary<string, string>> _read = [];

    public ScriptConfiguration(string folder, string name, bool withTofu)
    {
        (_folder, _place, _withTofu) = (folder, Path.Combine(folder, "config", name + ".json"), withTofu);
        byte[] json = OpenCcData.ReadConfiguration(folder, name);
        _fingerprint.Append(json);
        try
        {
            using JsonDocument document = JsonDocument.Parse(
                json,
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }
            );
            JsonElement root = document.RootElement;
            Normalization = Stages(root, "normalization", isRequired: false);
            if (root.TryGetProperty("segmentation", out JsonElement segmentation))
            {
                Segmentation = Segments(segmentation);
            }
            Chain = Stages(root, "conversion_chain", isRequired: true);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException(
                $"'{_place}' is no configuration of OpenCC ({exception.Message.TrimEnd('.')}): fetch the dictionaries again.",
                exception
            );
        }
        Fingerprint = Convert.ToHexStringLower(_fingerprint.GetCurrentHash());
    }

    public IReadOnlyList<ScriptDictionary> Normalization { get; }

    public ScriptDictionary? Segmentation { get; }

    public IReadOnlyList<ScriptDictionary> Chain { get; }

    /// <summary>XXH128 of the configuration and of the dictionaries it names, in the order of their first mention.</summary>
    public string Fingerprint { get; }

    private IReadOnlyList<ScriptDictionary> Stages(JsonElement root, string key, bool isRequired)
    {
        if (!root.TryGetProperty(key, out JsonElement stages))
        {
            return isRequired ? throw new InvalidDataException($"'{_place}' has no '{key}': fetch the dictionaries again.") : [];
        }
        return [.. stages.EnumerateArray().Select(stage => Read(stage.GetProperty("dict"), _withTofu)).OfType<ScriptDictionary>()];
    }

    /// <remarks>OpenCC segments with all dictionaries, whatever the conversion may use.</remarks>
    private ScriptDictionary? Segments(JsonElement segmentation)
    {
        string? type = segmentation.GetProperty("type").GetString();
        return type == "mmseg"
            ? Read(segmentation.GetProperty("dict"), withTofu: true)
            : throw new InvalidDataException(
                $"'{_place}' asks for the segmentation '{type}', a plug-in of OpenCC; mmseg alone is read: choose a conversion without it."
            );
    }

    /// <summary>A dictionary, or null where it is left out.</summary>
    private ScriptDictionary? Read(JsonElement json, bool withTofu)
    {
        if (!withTofu && json.TryGetProperty("may_output_tofu", out JsonElement tofu) && tofu.GetBoolean())
        {
            return null;
        }
        string? type = json.GetProperty("type").GetString();
        switch (type)
        {
            case "group":
                ScriptDictionary[] members =
                [
                    .. json.GetProperty("dicts").EnumerateArray().Select(member => Read(member, withTofu)).OfType<ScriptDictionary>(),
                ];
                string? policy = json.TryGetProperty("match_policy", out JsonElement given) ? given.GetString() : "short_circuit";
                return policy is not ("union" or "short_circuit")
                        ? throw new InvalidDataException(
                            $"'{_place}' has the match_policy '{policy}', which is neither union nor short_circuit: fetch the dictionaries again."
                        )
                    : members.Length == 0 ? null
                    : new ScriptDictionary.Group(members, policy == "union");
            case "inline":
                return new ScriptDictionary.Entries(
                    json.GetProperty("entries").EnumerateObject().ToDictionary(e => e.Name, e => e.Value.GetString()!)
                );
            case "text" or "ocd" or "ocd2":
                string file = json.GetProperty("file").GetString()!;
                if (!_read.TryGetValue(file, out IReadOnlyDictionary<string, string>? pairs))
                {
                    _read.Add(file, pairs = OpenCcData.ReadPairs(_folder, file, _fingerprint));
                }
                return new ScriptDictionary.Entries(pairs);
            default:
                throw new InvalidDataException(
                    $"'{_place}' names a dictionary of type '{type}', which is neither text, group nor inline: fetch the dictionaries again."
                );
        }
    }
}
