using System.Text.Json;

namespace Inkstone.Reports;

/// <summary>What a run has logged: values over steps by name.</summary>
public sealed class RunCurves
{
    private const int MostPoints = 1500;

    private readonly OrderedDictionary<string, List<(double Step, double Value)>> _series = new(StringComparer.Ordinal);

    /// <summary>Names in the order in which they came.</summary>
    public IReadOnlyList<string> Names => [.. _series.Keys];

    /// <summary>The points of a name; none where it is not there.</summary>
    public IReadOnlyList<(double Step, double Value)> this[string name] => _series.GetValueOrDefault(name) ?? [];

    /// <summary>Reads metrics.jsonl: each number of a line is a point at the line's step.</summary>
    /// <exception cref="InvalidDataException">A line is no record of a step; the last one may be cut.</exception>
    public static RunCurves ReadMetrics(string path)
    {
        RunCurves curves = new();
        string[] lines = File.ReadAllLines(path);
        for (int i = 0; i < lines.Length; i++)
        {
            if (!curves.Add(lines[i]) && i < lines.Length - 1)
            {
                throw new InvalidDataException(
                    $"{path}:{i + 1}: this is no record of a step such as {{\"step\": 1, \"loss\": 2.5}}; mend or remove the line"
                );
            }
        }
        return curves;
    }

    /// <summary>Adds a point; what is no finite number is left out.</summary>
    public void Add(string name, double step, double value)
    {
        if (double.IsFinite(value))
        {
            if (!_series.TryGetValue(name, out List<(double, double)>? points))
            {
                _series.Add(name, points = []);
            }
            points.Add((step, value));
        }
    }

    /// <summary>A line with fewer points, each the mean of its neighbours; ends stay where they are.</summary>
    public static IReadOnlyList<(double Step, double Value)> Thinned(
        IReadOnlyList<(double Step, double Value)> points,
        int most = MostPoints
    )
    {
        if (points.Count <= most)
        {
            return points;
        }
        List<(double, double)> thin = new(most) { points[0] };
        for (int i = 0; i < most - 2; i++)
        {
            int from = 1 + (int)((long)i * (points.Count - 2) / (most - 2)),
                to = 1 + (int)((long)(i + 1) * (points.Count - 2) / (most - 2));
            (double step, double value) = (0, 0);
            for (int k = from; k < to; k++)
            {
                step += points[k].Step / (to - from);
                value += points[k].Value / (to - from);
            }
            thin.Add((step, value));
        }
        thin.Add(points[^1]);
        return thin;
    }

    private bool Add(string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            double step = document.RootElement.GetProperty("step").GetDouble();
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                if (member.Value.ValueKind == JsonValueKind.Number && member.Name != "step")
                {
                    Add(member.Name, step, member.Value.GetDouble());
                }
            }
            return true;
        }
        catch (Exception fault) when (fault is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return false;
        }
    }
}
