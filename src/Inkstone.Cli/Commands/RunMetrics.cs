using System.Text.Json;

namespace Inkstone.Cli;

/// <summary>A run's metrics.jsonl: the losses of its steps and of its validations.</summary>
/// <param name="Steps">step and loss</param>
/// <param name="Validations">step, loss on held-out text, and its bits per byte where they are known</param>
/// <param name="TokensPerSecond">Tokens over the wall time of all steps; NaN without steps.</param>
internal sealed record RunMetrics(
    IReadOnlyList<(int Step, double Loss)> Steps,
    IReadOnlyList<(int Step, double Loss, double? BitsPerByte)> Validations,
    double TokensPerSecond
)
{
    /// <summary>What the run in <paramref name="directory"/> has measured; nothing where the file is absent.</summary>
    public static RunMetrics Read(string directory)
    {
        string path = Path.Combine(directory, "metrics.jsonl");
        List<(int, double)> steps = [];
        List<(int, double, double?)> validations = [];
        (double tokens, double seconds) = (0, 0);
        int number = 0;
        foreach (string line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            number++;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                JsonElement record = document.RootElement;
                int step = record.GetProperty("step").GetInt32();
                if (record.TryGetProperty("valid_loss", out JsonElement valid))
                {
                    validations.Add(
                        (
                            step,
                            valid.GetDouble(),
                            record.TryGetProperty("valid_bits_per_byte", out JsonElement bits) ? bits.GetDouble() : null
                        )
                    );
                }
                else
                {
                    steps.Add((step, record.GetProperty("loss").GetDouble()));
                    double time = record.GetProperty("seconds").GetDouble();
                    seconds += time;
                    tokens += time * record.GetProperty("tokens_per_second").GetDouble();
                }
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new InvalidDataException($"{path}:{number}: this is no record of a step or a validation; move the file away", e);
            }
        }
        return new RunMetrics(steps, validations, seconds > 0 ? tokens / seconds : double.NaN);
    }

    /// <summary>The newest value of a number that not all lines have, such as valid_rewards/accuracies; null: none has it.</summary>
    public static double? Newest(string directory, string name) =>
        File.ReadLines(Path.Combine(directory, "metrics.jsonl")).LastOrDefault(l => l.Contains($"\"{name}\":", StringComparison.Ordinal))
            is { } line
            ? JsonDocument.Parse(line).RootElement.GetProperty(name).GetDouble()
            : null;
}
