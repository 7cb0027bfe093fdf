using System.Text.Json.Nodes;

namespace Inkstone.Server;

/// <summary>A request that is answered with an error: its status and OpenAI's four members.</summary>
internal sealed class ApiException(
    int status,
    string message,
    string type = ApiException.InvalidRequest,
    string? param = null,
    string? code = null
) : Exception(message)
{
    public const string InvalidRequest = "invalid_request_error";

    public int Status => status;

    public string Type => type;

    public string? Param => param;

    public string? Code => code;

    /// <summary>Further members, such as n_ctx.</summary>
    public JsonObject? More { get; init; }

    /// <summary>Seconds after which it is worth to try again.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>A member of the body that is wrong.</summary>
    public static ApiException Bad(string param, string message) => new(400, message, param: param);
}
