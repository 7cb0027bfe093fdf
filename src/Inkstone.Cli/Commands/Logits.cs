using System.CommandLine;
using System.Text.Json;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary><c>ink logits</c>.</summary>
internal static class Logits
{
    private const int Shown = 10;

    public static CliCommand Create()
    {
        Option<string> model = Flags.Model(),
            weights = Flags.Weights(exact: true);
        Option<string> ids = Flags.Ids();
        return new CliCommand(
            "logits",
            "logits of every position of a row of ids",
            [model, weights, ids],
            Run,
            "ink logits --model runs/poems --ids 12,873,4",
            "ink logits --model models/blank --ids 1,2,3 --json"
        );

        int Run(CommandContext call) =>
            call.Compute(device =>
            {
                using CausalLm m = Models.Open(call.Get(model)!, device, call.Get(weights));
                int[] row = Check(CommandContext.ParseIds(call.Get(ids)!), m);
                using (device.Step())
                {
                    Tensor hidden = m.Hidden(device.Rent(new Shape(1, row.Length), row), ForwardContext.Rows(device, 1, row.Length));
                    Tensor logits = m.Logits(hidden); // [1, T, V]
                    RequireFinite(logits, row.Length, m.Config.Source);
                    if (call.Json)
                    {
                        call.WriteJson(writer => Write(writer, logits, row.Length));
                    }
                    else
                    {
                        Top(call.Out, logits, row);
                    }
                }
                return 0;
            });
    }

    private static int[] Check(int[] row, CausalLm model)
    {
        foreach (int id in row)
        {
            if (id >= model.VocabSize)
            {
                throw new ArgumentException($"--ids names {id}, but the model has ids 0 to {model.VocabSize - 1}");
            }
        }
        return row.Length == 0 ? throw new ArgumentException("--ids is empty; give at least one id")
            : row.Length > model.MaxPositionEmbeddings
                ? throw new ArgumentException($"--ids has {row.Length} ids, but the model's context holds {model.MaxPositionEmbeddings}")
            : row;
    }

    private static void RequireFinite(Tensor logits, int rows, string model)
    {
        int at = logits.ToArray().AsSpan().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
        if (at >= 0)
        {
            int vocabulary = logits.Shape.Last;
            throw new InvalidDataException(
                $"{model}: the logit of id {at % vocabulary} at position {at / vocabulary} of {rows} is not a finite number: sizes or factors of the configuration are wrong, or the weights are damaged"
            );
        }
    }

    private static void Write(Utf8JsonWriter writer, Tensor logits, int rows)
    {
        float[] values = new float[logits.Shape.Last];
        writer.WriteStartObject();
        writer.WriteStartArray("logits");
        for (int row = 0; row < rows; row++)
        {
            writer.WriteStartArray();
            logits.CopyTo(values, (long)row * values.Length);
            foreach (float value in values)
            {
                writer.WriteNumberValue(value);
            }
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void Top(TextWriter output, Tensor logits, int[] row)
    {
        int vocabulary = logits.Shape.Last;
        for (int t = 0; t < row.Length; t++)
        {
            float[] values = new float[vocabulary];
            logits.CopyTo(values, (long)t * vocabulary);
            int[] order = [.. Enumerable.Range(0, vocabulary)];
            Array.Sort(order, (a, b) => values[b].CompareTo(values[a]));
            output.WriteLine(
                $"after {row[t]}: " + string.Join("  ", order.Take(Shown).Select(id => Format.Text($"{id} {values[id]:0.000}")))
            );
        }
    }
}
