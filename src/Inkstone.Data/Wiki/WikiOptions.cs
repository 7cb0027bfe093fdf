namespace Inkstone.Data;

/// <summary>Which dumps become text, and how.</summary>
/// <param name="Dumps">files of MediaWiki's export format, .xml, .xml.bz2 or .xml.gz, read one after the other</param>
/// <param name="Output">the folder to make</param>
/// <param name="Variant">the wanted script: see <see cref="WikitextCleaner"/></param>
/// <param name="Conversion">converts the texts, except for what the pages spell for one script; null: they stay as written</param>
/// <param name="Threads">threads that unpack and clean</param>
/// <param name="Force">whether an earlier output is replaced</param>
public sealed record WikiOptions(
    IReadOnlyList<string> Dumps,
    string Output,
    string Variant = "zh-cn",
    ScriptConverter? Conversion = null,
    int Threads = 1,
    bool Force = false
);

/// <summary>What was made of the dumps; the metadata.json of the folder.</summary>
/// <param name="Dumps">the files</param>
/// <param name="Variant">the script for which language variants were resolved</param>
/// <param name="Conversions">what the texts have been through</param>
/// <param name="Counts">what became of the pages</param>
public sealed record WikiResult(
    IReadOnlyList<string> Dumps,
    string Variant,
    IReadOnlyList<AppliedConversion> Conversions,
    WikiCounts Counts
);
