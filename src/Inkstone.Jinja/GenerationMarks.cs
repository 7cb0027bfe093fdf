using System.Globalization;
using System.Text;

namespace Inkstone.Jinja;

/// <summary>A part of a rendered conversation that <c>{% generation %}</c> marks as what an assistant says.</summary>
/// <param name="Start">its first character</param>
/// <param name="End">behind its last character</param>
/// <param name="Message">index of the message that it is made from; -1 when the template has no name for that</param>
public readonly record struct GenerationMark(int Start, int End, int Message);

/// <summary>Marks within a text, written with characters that Unicode keeps out of all texts (noncharacters).</summary>
internal static class GenerationMarks
{
    private const char OpenMark = '\uFDD0',
        OpenEnd = '\uFDD1',
        CloseMark = '\uFDD2';

    /// <summary>Stands behind what is marked.</summary>
    public const string Close = "\uFDD2";

    /// <summary>Stands before what is marked.</summary>
    public static string Open(int message) => string.Create(CultureInfo.InvariantCulture, $"{OpenMark}{message}{OpenEnd}");

    /// <summary>Takes the marks out of a text; of nested ones the outermost counts.</summary>
    public static (string Text, IReadOnlyList<GenerationMark> Marks) Read(string marked)
    {
        StringBuilder text = new(marked.Length);
        List<GenerationMark> marks = [];
        Stack<GenerationMark> open = new();
        for (int i = 0; i < marked.Length; i++)
        {
            int end = marked[i] == OpenMark ? marked.IndexOf(OpenEnd, i) : -1;
            if (
                end > 0
                && int.TryParse(marked.AsSpan((i + 1)..end), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int message)
            )
            {
                open.Push(new(text.Length, text.Length, message));
                i = end;
            }
            else if (marked[i] == CloseMark && open.TryPop(out GenerationMark mark))
            {
                if (open.Count == 0)
                {
                    marks.Add(mark with { End = text.Length });
                }
            }
            else
            {
                text.Append(marked[i]);
            }
        }
        return (text.ToString(), marks);
    }
}
