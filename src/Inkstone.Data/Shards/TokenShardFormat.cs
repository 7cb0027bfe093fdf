namespace Inkstone.Data;

/// <summary>How token ids lie in a file.</summary>
public enum TokenShardFormat
{
    /// <summary>Ids behind a 256-byte header that names the vocabulary (<see cref="TokenShardHeader"/>): <c>.bin</c>.</summary>
    Inkstone,

    /// <summary>A one-dimensional NumPy array of uint16 or uint32, as MicroLM trains from: <c>.npy</c>.</summary>
    Npy,

    /// <summary>Bare little-endian uint16 ids, as Mini-LLM trains from: <c>.bin</c>.</summary>
    Headerless,
}
