using System.Text.Json.Nodes;
using Inkstone.Text;

namespace Inkstone.Data;

/// <summary>
/// Examples of fine-tuning as tokens, in the Parquet that Mini-LLM prepares: <c>token_ids</c>, <c>labels</c> (-100 where nothing is
/// learned),
/// <c>position_ids</c>, <c>length</c>, <c>attention_mask</c>, <c>type</c>, padded to one length; packed rows hold several, whose lengths
/// are <c>sample_lengths</c>.
/// </summary>
public static class TokenizedExamples
{
    private const int Ignored = -100;

    /// <summary>Whether a file holds examples as tokens.</summary>
    public static bool Are(string file)
    {
        if (!File.Exists(file) || !InputFiles.IsParquet(file))
        {
            return false;
        }
        using ParquetFile parquet = new(file);
        return parquet.Fields.Contains("token_ids") && parquet.Fields.Contains("labels");
    }

    /// <summary>The examples of a file, each for itself and without padding, with their places.</summary>
    /// <param name="file">Parquet, packed or not</param>
    /// <exception cref="InvalidDataException">A row contradicts itself; the message names it.</exception>
    public static IEnumerable<(string Place, MaskedConversation Example)> Read(string file)
    {
        using ParquetFile parquet = new(file);
        string[] fields =
        [
            .. ((string[])["token_ids", "labels", "length", "attention_mask", "sample_lengths"]).Where(parquet.Fields.Contains),
        ];
        long number = 0;
        foreach (JsonObject row in parquet.ReadRows(fields))
        {
            string place = $"{file}: row {++number}";
            int[] ids = Ints(row["token_ids"], place, "token_ids"),
                labels = Ints(row["labels"], place, "labels");
            if (ids.Length != labels.Length)
            {
                throw new InvalidDataException(
                    $"{place}: token_ids has {ids.Length} entries and labels {labels.Length}: prepare the file again."
                );
            }
            int[] lengths =
                row["sample_lengths"] is { } packed ? Ints(packed, place, "sample_lengths")
                : row["length"] is JsonValue length ? [(int)Math.Min(ids.Length, length.GetValue<long>())]
                : row["attention_mask"] is { } mask ? [Ints(mask, place, "attention_mask").Count(m => m != 0)]
                : [ids.Length];
            if (lengths.Any(l => l < 0) || lengths.Sum(l => (long)l) > ids.Length)
            {
                throw new InvalidDataException($"{place}: its examples are longer than its token_ids: prepare the file again.");
            }
            for (int i = 0, start = 0; i < lengths.Length; start += lengths[i++])
            {
                for (int t = start; t < start + lengths[i]; t++)
                {
                    if (labels[t] != Ignored && labels[t] != ids[t])
                    {
                        throw new InvalidDataException(
                            $"{place}: label {labels[t]} stands at token {ids[t]}: labels are the tokens themselves, or -100."
                        );
                    }
                }
                yield return (
                    place,
                    new MaskedConversation(
                        ids[start..(start + lengths[i])],
                        [.. labels.AsSpan(start, lengths[i]).ToArray().Select(l => l != Ignored)]
                    )
                );
            }
        }
    }

    /// <summary>Examples as rows, padded to one length; those that are longer are left out.</summary>
    /// <param name="examples">the examples</param>
    /// <param name="length">tokens of a row</param>
    /// <param name="padId">what fills it up</param>
    /// <param name="packed">several examples a row, best fit first, instead of one</param>
    public static IEnumerable<JsonObject> Rows(IReadOnlyList<MaskedConversation> examples, int length, int padId, bool packed)
    {
        int[] fitting = [.. Enumerable.Range(0, examples.Count).Where(i => examples[i].Ids.Length <= length)];
        int[][] rows = packed
            ?
            [
                .. BestFitPacking
                    .Pack([.. fitting.Select(i => examples[i].Ids.Length)], length)
                    .Select(row => (int[])[.. row.Select(i => fitting[i])]),
            ]
            : [.. fitting.Select(i => new[] { i })];
        foreach (int[] row in rows)
        {
            JsonArray ids = [],
                labels = [],
                positions = [],
                mask = [];
            foreach (MaskedConversation example in row.Select(i => examples[i]))
            {
                for (int t = 0; t < example.Ids.Length; t++)
                {
                    ids.Add((JsonNode)example.Ids[t]);
                    labels.Add((JsonNode)(example.LossMask[t] ? example.Ids[t] : Ignored));
                    positions.Add((JsonNode)t);
                    mask.Add((JsonNode)1);
                }
            }
            int filled = ids.Count;
            for (int t = filled; t < length; t++)
            {
                ids.Add((JsonNode)padId);
                labels.Add((JsonNode)Ignored);
                positions.Add((JsonNode)0);
                mask.Add((JsonNode)0);
            }
            JsonObject record = new JsonObject
            {
                ["token_ids"] = ids,
                ["labels"] = labels,
                ["position_ids"] = positions,
                ["length"] = filled,
                ["attention_mask"] = mask,
            };
            if (packed)
            {
                record["num_samples"] = row.Length;
                record["sample_lengths"] = new JsonArray([.. row.Select(i => JsonValue.Create(examples[i].Ids.Length))]);
            }
            record["type"] =
                packed ? "packed"
                : Turns(examples[row[0]].LossMask) > 1 ? "multi_turn"
                : "single_turn";
            yield return record;
        }
    }

    private static int Turns(bool[] learned) => learned.Where((l, i) => l && (i == 0 || !learned[i - 1])).Count();

    private static int[] Ints(JsonNode? value, string place, string field) =>
        value is JsonArray list && list.All(v => v is JsonValue)
            ? [.. list.Select(v => (int)v!.GetValue<long>())]
            : throw new InvalidDataException($"{place}: the field '{field}' is no list of numbers: prepare the file again.");
}
