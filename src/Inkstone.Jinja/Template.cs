namespace Inkstone.Jinja;

/// <summary>A template as jinja2 renders it. All members may be called from several threads at once.</summary>
public sealed class Template
{
    private readonly string _name;
    private readonly TemplateOptions _options;
    private readonly ParsedTemplate _parsed;

    private Template(string source, string name, TemplateOptions options)
    {
        (Source, _name, _options) = (source, name, options);
        _parsed = Guarded(() => TemplateParser.Parse(source, options), () => 1);
    }

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>Whether it marks what an assistant says: <c>{% generation %}</c>.</summary>
    public bool MarksGeneration => _parsed.MarksGeneration;

    /// <summary>Reads a template.</summary>
    /// <param name="source">the template</param>
    /// <param name="name">how complaints call it</param>
    /// <param name="options">the manners of its environment; those of chat templates when null</param>
    /// <exception cref="TemplateException">The template is not well-formed.</exception>
    public static Template Parse(string source, string name = "the template", TemplateOptions? options = null) =>
        new(source, name, options ?? TemplateOptions.Chat);

    /// <summary>The text of the template over values.</summary>
    /// <param name="variables">names and their values; of two with one name the latter counts</param>
    /// <param name="clock">what strftime_now asks for the time; the system's when null</param>
    /// <exception cref="TemplateException">The template refuses the values.</exception>
    public string Render(IEnumerable<KeyValuePair<string, Value>> variables, TimeProvider? clock = null) => Run(variables, clock, null);

    /// <summary>The text of the template, and what it marks as an assistant's.</summary>
    /// <param name="variables">names and their values; of two with one name the latter counts</param>
    /// <param name="messages">a mark tells which of these objects it is made from</param>
    /// <param name="clock">what strftime_now asks for the time; the system's when null</param>
    /// <exception cref="TemplateException">The template refuses the values.</exception>
    /// <exception cref="InvalidDataException">A filter changes the marks.</exception>
    public (string Text, IReadOnlyList<GenerationMark> Marks) RenderMarked(
        IReadOnlyList<KeyValuePair<string, Value>> variables,
        IReadOnlyList<Value> messages,
        TimeProvider? clock = null
    )
    {
        // Marks travel within the text, through macros and filters. A filter that makes something else of them, or text that has such
        // characters, shows in the comparison.
        string plain = Run(variables, clock, null);
        (string text, IReadOnlyList<GenerationMark> marks) = GenerationMarks.Read(Run(variables, clock, messages));
        return text == plain
            ? (text, marks)
            : throw new InvalidDataException(
                $"{_name}: {{% generation %}} stands where a filter changes it, so what is learned cannot be followed; put it around what is written out."
            );
    }

    private string Run(IEnumerable<KeyValuePair<string, Value>> variables, TimeProvider? clock, IReadOnlyList<Value>? marked)
    {
        Scope scope = Globals.Scope();
        foreach ((string name, Value value) in variables)
        {
            scope.Set(name, value);
        }
        Interpreter run = new(_options, (clock ?? TimeProvider.System).GetLocalNow().DateTime) { Marked = marked };
        return Guarded(() => run.Render(_parsed.Body, scope), () => run.Line);
    }

    /// <summary>Says of every fault where it lies, and ends runaway templates with a word instead of the process.</summary>
    private T Guarded<T>(Func<T> work, Func<int> line)
    {
        try
        {
            return work();
        }
        catch (TemplateFault fault)
        {
            throw new TemplateException(_name, fault.Line > 0 ? fault.Line : line(), fault.Message, fault);
        }
        catch (InsufficientExecutionStackException fault)
        {
            throw new TemplateException(_name, line(), "the template nests too deeply, or calls itself without end", fault);
        }
        catch (OutOfMemoryException fault)
        {
            throw new TemplateException(_name, line(), "the template makes more text than memory holds", fault);
        }
    }
}
