using System.Net;
using Inkstone.Server;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Studio;

/// <summary>
/// Keeps pages of other sites out, which a browser lets send requests to this machine: the Host must be an address or this machine's own
/// name (a name that a stranger
/// pointed here is refused), and an Origin must be the studio's own.
/// </summary>
internal sealed class RequestGuard(string host)
{
    /// <exception cref="ApiException">403: the request comes from elsewhere.</exception>
    public void Check(HttpRequest request)
    {
        string asked = request.Host.Host.Trim('[', ']');
        bool here =
            asked is "localhost"
            || asked.Equals(host, StringComparison.OrdinalIgnoreCase)
            || (
                IPAddress.TryParse(asked, out IPAddress? address)
                && (IPAddress.IsLoopback(address) || !IPAddress.IsLoopback(InkServer.Address(host)))
            );
        if (!here)
        {
            throw new ApiException(403, $"this studio is not called '{asked}'; open it by its address.");
        }
        string? origin = request.Headers.Origin,
            site = request.Headers["Sec-Fetch-Site"];
        if ((origin is not null && origin != $"{request.Scheme}://{request.Host}") || site is "cross-site" or "same-site")
        {
            // A link from another page may open this one, but nothing else.
            if (!(request.Method == "GET" && request.Path == "/" && origin is null))
            {
                throw new ApiException(403, "requests of other pages are refused.");
            }
        }
    }
}
