using System.Text;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server;

/// <summary>Keys that open the server: <c>Authorization: Bearer</c>, or Anthropic's <c>x-api-key</c>.</summary>
internal sealed class ApiKeys(IReadOnlyList<string> keys)
{
    private readonly byte[][] _keys = [.. keys.Select(Encoding.UTF8.GetBytes)];

    /// <summary>Without keys everybody may come in, whatever is sent.</summary>
    public bool Opens(HttpRequest request)
    {
        if (_keys.Length == 0)
        {
            return true;
        }
        string? bearer = request.Headers.Authorization;
        string? given =
            bearer is not null && bearer.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
                ? bearer["Bearer ".Length..].Trim()
                : (string?)request.Headers["x-api-key"];
        byte[] bytes = Encoding.UTF8.GetBytes(given ?? "");
        bool opens = false;
        foreach (byte[] key in _keys)
        {
            opens |= Same(key, bytes);
        }
        return given is not null && opens;
    }

    /// <summary>Takes the same time wherever the two differ, so that a key cannot be found letter by letter.</summary>
    [System.Runtime.CompilerServices.MethodImpl(
        System.Runtime.CompilerServices.MethodImplOptions.NoInlining | System.Runtime.CompilerServices.MethodImplOptions.NoOptimization
    )]
    private static bool Same(byte[] key, byte[] given)
    {
        int difference = key.Length ^ given.Length;
        for (int i = 0; i < given.Length; i++)
        {
            difference |= given[i] ^ key[i % key.Length];
        }
        return difference == 0;
    }
}
