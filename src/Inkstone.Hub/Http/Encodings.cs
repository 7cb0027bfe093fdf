using System.IO.Compression;

namespace Inkstone.Hub;

/// <summary>Bodies that come packed although nobody asked for it.</summary>
internal static class Encodings
{
    /// <summary>Whether the bytes of an answer are not the file's.</summary>
    public static bool IsPacked(HttpResponseMessage answer) =>
        answer.Content.Headers.ContentEncoding.Any(e => !e.Equals("identity", StringComparison.OrdinalIgnoreCase));

    /// <summary>The file's bytes.</summary>
    /// <exception cref="InvalidDataException">They are packed in a way that was not asked for and is not known.</exception>
    public static Stream Unpack(HttpResponseMessage answer, Stream body)
    {
        foreach (string encoding in answer.Content.Headers.ContentEncoding.Reverse())
        {
            body = encoding.ToUpperInvariant() switch
            {
                "GZIP" or "X-GZIP" => new GZipStream(body, CompressionMode.Decompress),
                "BR" => new BrotliStream(body, CompressionMode.Decompress),
                "DEFLATE" => new ZLibStream(body, CompressionMode.Decompress),
                "IDENTITY" => body,
                _ => throw new InvalidDataException(
                    $"{answer.RequestMessage!.RequestUri!.Host} sends bodies as '{encoding}', which is not read here"
                ),
            };
        }
        return body;
    }
}
