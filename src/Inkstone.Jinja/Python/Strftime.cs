using System.Globalization;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>datetime.strftime in the C locale, with glibc's flags between % and the letter.</summary>
internal static class Strftime
{
    public static string Apply(DateTime time, string format)
    {
        StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            char flag = format[i + 1] is '-' or '_' or '0' or '^' or '#' && i + 2 < format.Length ? format[++i] : '\0';
            string written = Directive(time, format[++i], flag) ?? (flag == '\0' ? $"%{format[i]}" : $"%{flag}{format[i]}");
            text.Append(
                flag switch
                {
                    '^' => written.ToUpperInvariant(),
                    '#' => written.Any(char.IsAsciiLetterLower) ? written.ToUpperInvariant() : written.ToLowerInvariant(),
                    _ => written,
                }
            );
        }
        return text.ToString();
    }

    private static string? Directive(DateTime t, char letter, char flag)
    {
        return letter switch
        {
            'Y' => t.Year.ToString(CultureInfo.InvariantCulture),
            'C' => Number(t.Year / 100, 2),
            'y' => Number(t.Year % 100, 2),
            'm' => Number(t.Month, 2),
            'd' => Number(t.Day, 2),
            'e' => Number(t.Day, 2, ' '),
            'H' => Number(t.Hour, 2),
            'k' => Number(t.Hour, 2, ' '),
            'I' => Number(Hour12(t), 2),
            'l' => Number(Hour12(t), 2, ' '),
            'M' => Number(t.Minute, 2),
            'S' => Number(t.Second, 2),
            'f' => ((int)(t.Ticks / 10 % 1_000_000)).ToString("000000", CultureInfo.InvariantCulture),
            'j' => Number(t.DayOfYear, 3),
            'U' => Number((t.DayOfYear + 6 - (int)t.DayOfWeek) / 7, 2),
            'W' => Number((t.DayOfYear + 6 - (((int)t.DayOfWeek + 6) % 7)) / 7, 2),
            'V' => Number(ISOWeek.GetWeekOfYear(t), 2),
            'G' => ISOWeek.GetYear(t).ToString(CultureInfo.InvariantCulture),
            'g' => Number(ISOWeek.GetYear(t) % 100, 2),
            'u' => Number(t.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)t.DayOfWeek, 1),
            'w' => Number((int)t.DayOfWeek, 1),
            's' => new DateTimeOffset(t).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'B' => Named("MMMM"),
            'b' or 'h' => Named("MMM"),
            'A' => Named("dddd"),
            'a' => Named("ddd"),
            'p' => Named("tt"),
            'P' => Named("tt").ToLowerInvariant(),
            'D' or 'x' => Apply(t, "%m/%d/%y"),
            'F' => Apply(t, "%Y-%m-%d"),
            'T' or 'X' => Apply(t, "%H:%M:%S"),
            'R' => Apply(t, "%H:%M"),
            'r' => Apply(t, "%I:%M:%S %p"),
            'c' => Apply(t, "%a %b %e %H:%M:%S %Y"),
            'z' or 'Z' => "",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => null,
        };

        string Named(string form) => t.ToString(form, CultureInfo.InvariantCulture);

        string Number(int value, int width, char filling = '0')
        {
            string digits = value.ToString(CultureInfo.InvariantCulture);
            char with = flag switch
            {
                '-' => '\0',
                '_' => ' ',
                '0' => '0',
                _ => filling,
            };
            return with == '\0' ? digits : digits.PadLeft(width, with);
        }
    }

    private static int Hour12(DateTime t) => t.Hour % 12 == 0 ? 12 : t.Hour % 12;
}
