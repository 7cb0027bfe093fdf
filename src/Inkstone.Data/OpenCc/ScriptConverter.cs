namespace Inkstone.Data;

/// <summary>
/// Converts between the scripts of Chinese as OpenCC 1.4 does: its configurations say what happens (dictionaries that normalise,
/// segmentation, stages, groups),
/// its dictionaries hold the pairs. One may be used by many threads at once.
/// </summary>
public sealed class ScriptConverter
{
    private readonly PrefixTable[] _normalization,
        _chain;
    private readonly PrefixTable? _segmentation;

    private ScriptConverter(string configuration, ScriptConfiguration read)
    {
        (Configuration, Fingerprint) = (configuration, read.Fingerprint);
        _normalization = [.. read.Normalization.Select(d => new PrefixTable(d))];
        _segmentation = read.Segmentation is { } dictionary ? new PrefixTable(dictionary) : null;
        _chain = [.. read.Chain.Select(d => new PrefixTable(d))];
    }

    /// <summary>Name of the configuration, such as t2s or s2twp.</summary>
    public string Configuration { get; }

    /// <summary>XXH128 of the configuration and its dictionaries: what the same text gives with another one may differ.</summary>
    public string Fingerprint { get; }

    /// <summary>A converter by a configuration of OpenCC.</summary>
    /// <param name="configuration">its name</param>
    /// <param name="folder">the folder of the .txt files and <c>config</c>; null: <see cref="OpenCcData.DefaultFolder"/></param>
    /// <param name="withTofu">whether dictionaries count that are marked <c>may_output_tofu</c>: characters that few fonts have. OpenCC's
    /// library takes them, its program leaves them out.</param>
    /// <exception cref="DirectoryNotFoundException">There are no dictionaries; the message says how to get them.</exception>
    /// <exception cref="ArgumentException">There is no such configuration.</exception>
    /// <exception cref="InvalidDataException">A file is not what it should be.</exception>
    public static ScriptConverter Load(string configuration, string? folder = null, bool withTofu = true)
    {
        string name = configuration.EndsWith(".json", StringComparison.Ordinal) ? configuration[..^5] : configuration;
        return new ScriptConverter(name, new ScriptConfiguration(OpenCcData.Find(folder), name, withTofu));
    }

    /// <summary>The converted text; the same instance where nothing changes.</summary>
    public string Convert(string text)
    {
        using CharBuffer output = new();
        Append(text, output);
        return output.Text.SequenceEqual(text) ? text : output.Text.ToString();
    }

    /// <summary>The text converted except for some of its parts, each of which also parts what stands before it from what
    /// follows.</summary>
    /// <param name="text">the text</param>
    /// <param name="kept">parts that stay as they are, in order; they may be empty</param>
    /// <param name="moved">the same parts where they lie in the result</param>
    public string Convert(string text, IReadOnlyList<TextSpan> kept, out IReadOnlyList<TextSpan> moved)
    {
        using CharBuffer output = new();
        List<TextSpan> places = new(kept.Count);
        int at = 0;
        foreach (TextSpan span in kept)
        {
            Append(text.AsSpan(at, span.Start - at), output);
            places.Add(new TextSpan(output.Length, output.Length + span.End - span.Start));
            output.Append(text.AsSpan(span.Start, span.End - span.Start));
            at = span.End;
        }
        Append(text.AsSpan(at), output);
        moved = places;
        return output.Text.ToString();
    }

    private void Append(ReadOnlySpan<char> text, CharBuffer output)
    {
        using CharBuffer one = new(),
            other = new();
        CharBuffer normalised = one,
            spare = other;
        foreach (PrefixTable table in _normalization)
        {
            if (!table.MayMatch(text))
            {
                continue;
            }
            spare.Clear();
            table.Convert(text, spare);
            text = spare.Text;
            (normalised, spare) = (spare, normalised);
        }
        using CharBuffer first = new(),
            second = new();
        if (_segmentation is null)
        {
            Chain(text, first, second, output);
            return;
        }
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = _segmentation.PieceEnd(text, start);
            Chain(text[start..end], first, second, output);
        }
    }

    /// <summary>All stages, one after the other, on one piece.</summary>
    private void Chain(ReadOnlySpan<char> piece, CharBuffer from, CharBuffer to, CharBuffer output)
    {
        for (int i = 0; i < _chain.Length - 1; i++)
        {
            to.Clear();
            _chain[i].Convert(piece, to);
            piece = to.Text;
            (from, to) = (to, from);
        }
        if (_chain.Length > 0)
        {
            _chain[^1].Convert(piece, output);
        }
        else
        {
            output.Append(piece);
        }
    }
}
