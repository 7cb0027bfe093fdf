using System.Globalization;
using System.Text;
using System.Text.Json;
using Inkstone.Reports;

namespace Inkstone.Studio;

/// <summary>The numbers of a metrics.jsonl by key: column k holds the number of each line, NaN where a line has none.</summary>
/// <param name="expected">lines that room is made for</param>
internal sealed class MetricColumns(int expected = 64)
{
    private const int MostTried = 64;
    private const int ExactDigits = 15;
    private static readonly double[] Powers = [.. Enumerable.Range(0, ExactDigits + 1).Select(i => Math.Pow(10, i))];
    private static readonly string[] StepKeys = ["step", "_step", "global_step", "iteration", "iter"];

    private readonly List<Column> _columns = [];
    private readonly Dictionary<string, Column> _byName = new(StringComparer.Ordinal);
    private readonly Column _steps = new("", 64);
    private int _next;

    /// <summary>Lines that were taken.</summary>
    public int Lines { get; private set; }

    /// <summary>Lines that are no records.</summary>
    public int Skipped { get; private set; }

    /// <summary>Keys in the order in which they came.</summary>
    public IEnumerable<string> Names => _columns.Where(c => !c.IsStep).Select(c => c.Name);

    /// <summary>The columns of curves whose points have steps of their own.</summary>
    public static MetricColumns FromCurves(RunCurves curves)
    {
        MetricColumns columns = new();
        double[] steps = [.. curves.Names.SelectMany(name => curves[name].Select(point => point.Step)).Distinct().Order()];
        for (int line = 0; line < steps.Length; line++)
        {
            columns._steps.Set(line, steps[line]);
        }
        columns.Lines = steps.Length;
        foreach (string name in curves.Names)
        {
            Column column = columns.GetColumn(Encoding.UTF8.GetBytes(name), name);
            foreach ((double step, double value) in curves[name])
            {
                column.Set(Array.BinarySearch(steps, step), value);
            }
        }
        return columns;
    }

    /// <summary>Adds whole lines.</summary>
    public void Add(ReadOnlySpan<byte> lines)
    {
        while (!lines.IsEmpty)
        {
            int end = lines.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = (end < 0 ? lines : lines[..end]).TrimEnd((byte)'\r');
            lines = end < 0 ? [] : lines[(end + 1)..];
            if (line.IsEmpty)
            {
                continue;
            }
            try
            {
                AddLine(line);
                Lines++;
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
            {
                Skipped++;
                _columns.ForEach(c => c.Cut(Lines));
                _steps.Cut(Lines);
            }
        }
    }

    /// <summary>Adds what another has read of the lines behind these.</summary>
    public void Append(MetricColumns next)
    {
        foreach (Column column in next._columns)
        {
            GetColumn(column.Utf8, column.Name).Append(column, Lines);
        }
        _steps.Append(next._steps, Lines);
        Lines += next.Lines;
        Skipped += next.Skipped;
    }

    /// <summary>
    /// A curve in at most <paramref name="most"/> points within [from, to]: the curve itself where it has no more, else buckets of equally
    /// many points each,
    /// with the means of step and value, the lowest and the highest value.
    /// </summary>
    public Curve Thinned(string name, int most, double from = double.NegativeInfinity, double to = double.PositiveInfinity)
    {
        ReadOnlySpan<double> values = _byName.TryGetValue(name, out Column? column) ? column.Values : [],
            steps = _steps.Values;
        int total = 0;
        (double least, double last, double lastStep) = (double.NaN, double.NaN, double.NaN);
        for (int i = 0; i < values.Length; i++)
        {
            if (!double.IsNaN(values[i]) && steps[i] >= from && steps[i] <= to)
            {
                total++;
                least = values[i] < least || double.IsNaN(least) ? values[i] : least;
                (last, lastStep) = (values[i], steps[i]);
            }
        }
        int count = Math.Min(most, total);
        Curve curve = new(
            total,
            least,
            last,
            lastStep,
            new double[count],
            new double[count],
            total > most ? new double[count] : null,
            total > most ? new double[count] : null
        );
        (int bucket, int seen, int first) = (0, 0, 0);
        (double x, double y, double low, double high) = (0, 0, double.PositiveInfinity, double.NegativeInfinity);
        for (int i = 0; i < values.Length; i++)
        {
            if (double.IsNaN(values[i]) || steps[i] < from || steps[i] > to)
            {
                continue;
            }
            x += steps[i];
            y += values[i];
            (low, high) = (Math.Min(low, values[i]), Math.Max(high, values[i]));
            if (++seen == (int)((long)(bucket + 1) * total / count)) // the bucket is full
            {
                (curve.X[bucket], curve.Y[bucket]) = (x / (seen - first), y / (seen - first));
                if (curve.Low is not null)
                {
                    (curve.Low[bucket], curve.High![bucket]) = (low, high);
                }
                (bucket, first, x, y, low, high) = (bucket + 1, seen, 0, 0, double.PositiveInfinity, double.NegativeInfinity);
            }
        }
        return curve;
    }

    private void AddLine(ReadOnlySpan<byte> line)
    {
        Utf8JsonReader reader = new(line);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new FormatException();
        }
        double step = double.NaN;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool escaped = reader.ValueIsEscaped;
            string? name = escaped ? reader.GetString() : null;
            ReadOnlySpan<byte> key = escaped ? Encoding.UTF8.GetBytes(name!) : reader.ValueSpan; // it stays where it is while the reader goes on
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number)
            {
                reader.Skip();
                continue;
            }
            double value = Number(reader.ValueSpan);
            Column column = GetColumn(key, name);
            if (column.IsStep)
            {
                step = double.IsNaN(step) || column.Name.Length == StepKeys[0].Length ? value : step;
            }
            else if (double.IsFinite(value))
            {
                column.Set(Lines, value);
            }
        }
        _ = reader.Read(); // what stands behind the object is a fault
        _steps.Set(Lines, double.IsNaN(step) ? Lines + 1 : step);
    }

    /// <summary>A number of JSON. Up to 15 digits and powers of ten up to 22 are doubles, so one division rounds once and is exact (Clinger
    /// 1990); the rest goes the long way.</summary>
    private static double Number(ReadOnlySpan<byte> text)
    {
        bool minus = text[0] == (byte)'-';
        (ulong digits, int behind, int point) = (0, 0, -1);
        for (int i = minus ? 1 : 0; i < text.Length && text.Length <= ExactDigits + 2; i++)
        {
            if (text[i] == (byte)'.')
            {
                point = i;
            }
            else if (text[i] is >= (byte)'0' and <= (byte)'9')
            {
                digits = (digits * 10) + (ulong)(text[i] - (byte)'0');
                behind += point >= 0 ? 1 : 0;
            }
            else
            {
                return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
            }
        }
        if (text.Length > ExactDigits + 2 || text.Length - (minus ? 1 : 0) - (point >= 0 ? 1 : 0) > ExactDigits)
        {
            return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        }
        double value = digits / Powers[behind];
        return minus ? -value : value;
    }

    /// <summary>The column of a key; lines mostly have the same keys in the same order, so the one behind the last is tried
    /// first.</summary>
    private Column GetColumn(ReadOnlySpan<byte> key, string? name = null)
    {
        for (int tried = 0; tried < Math.Min(_columns.Count, MostTried); tried++)
        {
            _next = _next < _columns.Count ? _next : 0;
            Column next = _columns[_next++];
            if (key.SequenceEqual(next.Utf8))
            {
                return next;
            }
        }
        name ??= Encoding.UTF8.GetString(key);
        if (!_byName.TryGetValue(name, out Column? column))
        {
            _byName.Add(name, column = new Column(name, expected));
            _columns.Add(column);
        }
        return column;
    }

    private sealed class Column(string name, int expected)
    {
        private double[] _values = StepKeys.Contains(name) ? [] : new double[expected];
        private int _count;

        public string Name => name;

        public bool IsStep { get; } = StepKeys.Contains(name);

        public byte[] Utf8 { get; } = Encoding.UTF8.GetBytes(name);

        public ReadOnlySpan<double> Values => _values.AsSpan(0, _count);

        public void Set(int line, double value)
        {
            if (line == _count && line < _values.Length)
            {
                _values[_count++] = value;
                return;
            }
            Fill(line + 1);
            _values[line] = value;
        }

        public void Append(Column next, int line)
        {
            Fill(line + next._count);
            next.Values.CopyTo(_values.AsSpan(line));
        }

        public void Cut(int lines) => _count = Math.Min(_count, lines);

        private void Fill(int count)
        {
            if (count <= _count)
            {
                return;
            }
            if (count > _values.Length)
            {
                Array.Resize(ref _values, Math.Max(count, _values.Length * 2));
            }
            _values.AsSpan(_count, count - _count).Fill(double.NaN);
            _count = count;
        }
    }
}

/// <summary>A curve as it is sent.</summary>
/// <param name="Count">points that it stands for</param>
/// <param name="Least">the lowest value</param>
/// <param name="Last">the last value</param>
/// <param name="LastStep">its step</param>
/// <param name="X">steps</param>
/// <param name="Y">values</param>
/// <param name="Low">lowest values where points were put together, else null</param>
/// <param name="High">highest ones</param>
internal sealed record Curve(int Count, double Least, double Last, double LastStep, double[] X, double[] Y, double[]? Low, double[]? High);
