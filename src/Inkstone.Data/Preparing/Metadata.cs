using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Inkstone.Data;

/// <summary>The metadata.json of prepared folders and of token folders.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(PrepareResult))]
[JsonSerializable(typeof(TokenizeResult))]
[JsonSerializable(typeof(TokenizePlan))]
[JsonSerializable(typeof(WikiResult))]
[JsonSerializable(typeof(DedupResult))]
[JsonSerializable(typeof(NearDuplicateState))]
[JsonSerializable(typeof(PrepareState))]
[JsonSerializable(typeof(PrepareOptions))]
internal sealed partial class Metadata : JsonSerializerContext
{
    /// <summary>As configured above, with Chinese left readable.</summary>
    public static Metadata Readable =>
        new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
