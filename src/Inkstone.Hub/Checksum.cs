using System.Text;
using Inkstone.Files;

namespace Inkstone.Hub;

/// <summary>What a file is checked by.</summary>
internal enum ChecksumKind
{
    Sha256,

    Sha1,

    /// <summary>Git's id of a file: SHA-1 of <c>blob LENGTH\0</c> and its bytes.</summary>
    GitBlob,
}

/// <summary>The hash that a file must have, in hexadecimal digits.</summary>
internal sealed record Checksum(ChecksumKind Kind, string Hex)
{
    public string Name =>
        Kind switch
        {
            ChecksumKind.Sha256 => "SHA-256",
            ChecksumKind.Sha1 => "SHA-1",
            _ => "git's SHA-1",
        };

    /// <summary>The hash of a file's bytes.</summary>
    public string Compute(string path, CancellationToken cancelled = default)
    {
        BlockHash hash = Kind == ChecksumKind.Sha256 ? new Sha256() : new Sha1();
        if (Kind == ChecksumKind.GitBlob)
        {
            hash.Append(Encoding.ASCII.GetBytes($"blob {new FileInfo(path).Length}\0"));
        }
        hash.AppendFile(path, cancelled);
        return hash.FinishHex();
    }

    /// <summary>A hash by its length alone: 64 digits are SHA-256, 40 are SHA-1.</summary>
    /// <exception cref="InvalidDataException">It is neither.</exception>
    public static Checksum Parse(string hex, string place) =>
        hex.Length switch
        {
            64 when hex.All(char.IsAsciiHexDigit) => new(ChecksumKind.Sha256, hex.ToLowerInvariant()),
            40 when hex.All(char.IsAsciiHexDigit) => new(ChecksumKind.Sha1, hex.ToLowerInvariant()),
            _ => throw new InvalidDataException($"{place}: '{hex}' is neither a SHA-256 (64 hexadecimal digits) nor a SHA-1 (40)"),
        };
}
