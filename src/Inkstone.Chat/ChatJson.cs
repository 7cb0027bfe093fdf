using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Inkstone.Chat;

/// <summary>JSON as it is written here: letters of all scripts as they are.</summary>
[JsonSerializable(typeof(string))]
internal sealed partial class ChatJson : JsonSerializerContext
{
    /// <summary>For documents that are sent or put into prompts.</summary>
    public static readonly JsonSerializerOptions Readable = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = Default,
    };
}
