using System.Globalization;

namespace Inkstone.Nn;

/// <summary>Refuses settings of an optimizer that make no sense.</summary>
internal static class SettingRange
{
    /// <summary>Throws with name, range and value unless the value is a finite number in its range.</summary>
    public static void Check(string name, double value, bool inRange, string range)
    {
        if (!double.IsFinite(value) || !inRange)
        {
            throw new ArgumentException($"{name} must be {range}, it is {value.ToString(CultureInfo.InvariantCulture)}.", name);
        }
    }
}
