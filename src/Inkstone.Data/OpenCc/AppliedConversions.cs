using System.IO.Hashing;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Inkstone.Files;

namespace Inkstone.Data;

/// <summary>A conversion that a text has been through.</summary>
/// <param name="Configuration">name of OpenCC's configuration</param>
/// <param name="Fingerprint">see <see cref="ScriptConverter.Fingerprint"/></param>
public sealed record AppliedConversion(string Configuration, string Fingerprint);

/// <summary>
/// What files have been converted, told by a small file beside each (<c>NAME.conversions</c>) or by the metadata.json of a folder that the
/// program wrote. A second
/// conversion to the same script changes text that was right (乾清宮 → 乾清宫 → 干清宫), so whoever converts asks here first.
/// </summary>
public static class AppliedConversions
{
    private const string Extension = ".conversions";

    /// <summary>Conversions that a file has been through, the first one first; none where nothing is known, or where the file is another
    /// one by now.</summary>
    public static IReadOnlyList<AppliedConversion> Find(string file)
    {
        string beside = file + Extension;
        if (File.Exists(beside))
        {
            return Read(beside) is { } record && record.Length == new FileInfo(file).Length && record.Hash == Hash(file)
                ? record.Conversions
                : [];
        }
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!,
            metadata = Path.Combine(folder, "metadata.json");
        return File.Exists(metadata) && WrittenFiles.Read(folder).Contains(Path.GetFileName(file)) ? Read(metadata)?.Conversions ?? [] : [];
    }

    /// <summary>Whether a text that went through these conversions is in the script that a configuration leads to: it must not be converted
    /// again.</summary>
    public static bool Reach(IReadOnlyList<AppliedConversion> applied, string configuration) =>
        applied.Count > 0 && Target(applied[^1].Configuration) == Target(configuration);

    /// <summary>Whether a file is what was recorded beside it when it was written.</summary>
    public static bool IsRecorded(string file) =>
        File.Exists(file + Extension)
        && Read(file + Extension) is { } record
        && record.Length == new FileInfo(file).Length
        && record.Hash == Hash(file);

    /// <summary>Writes a file and, before it gets its name, the record beside it.</summary>
    internal static void Write(string file, IReadOnlyList<AppliedConversion> conversions, Action<Stream> write) =>
        AtomicFile.Write(
            file,
            stream =>
            {
                write(stream);
                stream.Flush();
                stream.Position = 0;
                XxHash128 hash = new();
                hash.Append(stream);
                ConversionRecord record = new(conversions, stream.Length, Convert.ToHexStringLower(hash.GetCurrentHash()));
                AtomicFile.Write(file + Extension, JsonSerializer.SerializeToUtf8Bytes(record, ConversionJson.Readable.ConversionRecord));
            }
        );

    /// <summary>The script to which a configuration converts: what stands behind the 2 in its name, without the p of those that exchange
    /// words as well.</summary>
    private static string Target(string configuration) =>
        configuration[(configuration.IndexOf('2', StringComparison.Ordinal) + 1)..].TrimEnd('p');

    private static ConversionRecord? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ConversionJson.Default.ConversionRecord);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException(
                $"'{path}' should tell what was converted and cannot be read ({exception.Message.TrimEnd('.')}): mend or remove it.",
                exception
            );
        }
    }

    private static string Hash(string file)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.SequentialScan);
        XxHash128 hash = new();
        hash.Append(stream);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}

/// <summary>What stands in NAME.conversions; metadata.json of a folder has the first member.</summary>
internal sealed record ConversionRecord(IReadOnlyList<AppliedConversion> Conversions, long Length, string? Hash);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ConversionRecord))]
internal sealed partial class ConversionJson : JsonSerializerContext
{
    public static ConversionJson Readable =>
        new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
