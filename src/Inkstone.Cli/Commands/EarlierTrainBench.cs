using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inkstone.Cli;

/// <summary>What an earlier <c>ink bench train --json</c> wrote, to compare with.</summary>
internal sealed record EarlierTrainBench(double TokensPerSecond, IReadOnlyDictionary<string, double> SecondsOfOps)
{
    public static EarlierTrainBench Read(string path)
    {
        try
        {
            JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
            return new EarlierTrainBench(
                json["tokens_per_second"]!.GetValue<double>(),
                json["ops"]!.AsArray().ToDictionary(o => o!["name"]!.GetValue<string>(), o => o!["seconds"]!.GetValue<double>())
            );
        }
        catch (Exception e)
            when (e is JsonException or NullReferenceException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidDataException($"{path} is no result of ink bench train --json; write one with that command first", e);
        }
    }
}
