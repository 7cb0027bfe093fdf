using System.Globalization;
using System.Text.Json.Nodes;

namespace Inkstone.Data;

/// <summary>Values of tables that JSON has no kind for, written alike whatever the format: NaN and infinities as texts, times in ISO
/// 8601.</summary>
internal static class Cells
{
    private const long NanosPerDay = 86_400_000_000_000;

    public static JsonValue Number(double value) =>
        double.IsFinite(value)
            ? JsonValue.Create(value)
            : JsonValue.Create(
                double.IsNaN(value) ? "NaN"
                : value > 0 ? "Infinity"
                : "-Infinity"
            );

    /// <summary>Whether a text stands for a number that JSON lacks.</summary>
    public static bool IsNoNumber(string text) => text is "NaN" or "Infinity" or "-Infinity";

    /// <summary>Days since 1970, or the number itself where that is no day of our calendar.</summary>
    public static JsonValue Date(long days) => IsDay(days) ? JsonValue.Create(Day(days)) : JsonValue.Create(days);

    /// <summary>A moment; without a fraction where that is zero, else with 3, 6 or 9 digits.</summary>
    public static JsonValue Timestamp(long value, long unitsPerSecond, bool isUtc)
    {
        long unitsPerDay = 86_400 * unitsPerSecond;
        long day = Math.DivRem(value, unitsPerDay, out long rest);
        if (rest < 0)
        {
            (day, rest) = (day - 1, rest + unitsPerDay);
        }
        return Moment(day, rest * (1_000_000_000 / unitsPerSecond), isUtc) ?? JsonValue.Create(value);
    }

    /// <summary>A moment from its day and nanosecond; null where they are none.</summary>
    public static JsonValue? Moment(long day, long nanos, bool isUtc) =>
        IsDay(day) && nanos is >= 0 and < NanosPerDay ? JsonValue.Create($"{Day(day)}T{TimeOfDay(nanos)}{(isUtc ? "Z" : "")}") : null;

    public static JsonValue Time(long value, long nanosPerUnit) =>
        value >= 0 && value < NanosPerDay / nanosPerUnit ? JsonValue.Create(TimeOfDay(value * nanosPerUnit)) : JsonValue.Create(value);

    private static bool IsDay(long days) =>
        days is > -3_000_000 and < 3_000_000 && DateTime.UnixEpoch.Ticks / TimeSpan.TicksPerDay + days is >= 0 and < 3_652_059;

    private static string Day(long days) =>
        new DateTime(DateTime.UnixEpoch.Ticks + days * TimeSpan.TicksPerDay).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string TimeOfDay(long nanos)
    {
        string whole = new TimeSpan(nanos / 100 - nanos / 100 % TimeSpan.TicksPerSecond).ToString("c", CultureInfo.InvariantCulture);
        long part = nanos % 1_000_000_000;
        return part == 0
            ? whole
            : $"{whole}.{(part % 1_000_000 == 0 ? $"{part / 1_000_000:D3}" : part % 1_000 == 0 ? $"{part / 1_000:D6}" : $"{part:D9}")}";
    }
}
