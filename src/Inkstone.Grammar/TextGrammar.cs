using System.Text;
using System.Text.Json;

namespace Inkstone.Grammar;

/// <summary>
/// Which texts are allowed, whatever the tokens. Grammars are made of parts; <see cref="CompiledGrammar"/> makes one ready for a
/// vocabulary.
/// A tool call: <c>Sequence(Token("&lt;tool_call&gt;"), Literal("\n"), JsonSchema(schema), Literal("\n"), Token("&lt;/tool_call&gt;"))</c>.
/// </summary>
public sealed class TextGrammar
{
    private readonly Func<StateSpace, State, State> _build;

    private TextGrammar(Func<StateSpace, State, State> build) => _build = build;

    /// <summary>The state before the text, where <paramref name="then"/> is behind it.</summary>
    internal State Build(StateSpace space, State then) => _build(space, then);

    /// <summary>A JSON value that a JSON Schema (draft 2020-12) describes; docs/structured-output.md lists the keywords.</summary>
    /// <param name="schema">the schema</param>
    /// <param name="options">how JSON may be written; null: as usual</param>
    /// <exception cref="GrammarException">it is no JSON Schema; what it asks for and cannot be held is refused when the grammar is
    /// compiled</exception>
    public static TextGrammar JsonSchema(string schema, JsonGrammarOptions? options = null)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(schema);
            return JsonSchema(document.RootElement, options);
        }
        catch (JsonException fault)
        {
            throw new GrammarException($"the schema is no JSON: {fault.Message}", fault);
        }
    }

    /// <inheritdoc cref="JsonSchema(string, JsonGrammarOptions?)"/>
    public static TextGrammar JsonSchema(JsonElement schema, JsonGrammarOptions? options = null)
    {
        JsonElement own = schema.Clone();
        return new(
            (space, then) =>
            {
                SchemaSpace schemas = new(new SchemaDocument(own), space, options ?? JsonGrammarOptions.Usual);
                Conjunction root = schemas.Literal(schemas.Document.Root);
                schemas.Explore(root);
                if (!schemas.IsInhabited(root))
                {
                    throw new GrammarException("no value satisfies the schema", null, "#");
                }
                return schemas.Led(new Node(space).Add(to => to.Call(schemas.Value(root), then)));
            }
        );
    }

    /// <summary>Any JSON value.</summary>
    /// <param name="options">how JSON may be written; null: as usual</param>
    public static TextGrammar Json(JsonGrammarOptions? options = null) => JsonSchema("true", options);

    /// <summary>Any JSON object.</summary>
    /// <param name="options">how JSON may be written; null: as usual</param>
    public static TextGrammar JsonObject(JsonGrammarOptions? options = null) => JsonSchema("""{"type":"object"}""", options);

    /// <summary>A text that a regular expression (of ECMAScript) matches as a whole.</summary>
    /// <exception cref="GrammarException">it is not well written, not regular, or matches nothing</exception>
    public static TextGrammar Regex(string pattern)
    {
        CharDfa dfa = PatternDfa.Whole(PatternParser.Parse(pattern));
        return dfa.IsEmpty
            ? throw new GrammarException("the pattern matches no text")
            : new(
                (space, then) =>
                    new Node(space).Add(to => to.Call(TextState.Intern(space, Spelling.Plain, new TextRules.Automaton(dfa)), then))
            );
    }

    /// <summary>One of several texts.</summary>
    /// <param name="choices">at least one</param>
    public static TextGrammar Choice(params IEnumerable<string> choices)
    {
        TextGrammar[] texts = [.. choices.Select(Literal)];
        return texts.Length == 0 ? throw new GrammarException("a choice needs at least one text") : Either(texts);
    }

    /// <summary>A grammar in llama.cpp's notation GBNF.</summary>
    /// <exception cref="GrammarException">it is not well written; the message names the line</exception>
    public static TextGrammar Gbnf(string grammar)
    {
        GbnfRules rules = GbnfParser.Parse(grammar);
        return new(rules.Build);
    }

    /// <summary>A text.</summary>
    public static TextGrammar Literal(string text) => new((space, then) => space.Literal(Encoding.UTF8.GetBytes(text), then));

    /// <summary>A token by its name: by its id where it is special, else by its text.</summary>
    public static TextGrammar Token(string name) =>
        new(
            (space, then) =>
                space.IsSpecial(name) ? new Node(space).Add(to => to.Token(name, then)) : space.Literal(Encoding.UTF8.GetBytes(name), then)
        );

    /// <summary>Any text.</summary>
    public static TextGrammar Text() =>
        new(
            (space, then) =>
            {
                Node any = new(space);
                return any.Add(to => to.Bytes(0, 255, any)).Add(to => to.Empty(then));
            }
        );

    /// <summary>Any text, in which <paramref name="trigger"/> must be followed by what a grammar allows, each time that it comes.</summary>
    /// <param name="trigger">a text or the name of a special token</param>
    /// <param name="body">what follows it</param>
    public static TextGrammar Triggered(string trigger, TextGrammar body) =>
        new(
            (space, then) =>
            {
                byte[] mark = Encoding.UTF8.GetBytes(trigger);
                Node[] places = [.. mark.Select(_ => new Node(space))]; // how many bytes of the trigger have come (Knuth, Morris, Pratt)
                State inner = body.Build(space, places[0]);
                bool special = space.IsSpecial(trigger);
                for (int i = 0; i < places.Length; i++)
                {
                    int seen = i;
                    _ = places[i].Add(to => to.Empty(then));
                    if (special)
                    {
                        _ = places[i].Add(to => to.Token(trigger, inner));
                    }
                    _ = places[i]
                        .Add(to =>
                        {
                            for (int b = 0; b < 256; b++)
                            {
                                int next = Longest([.. mark.AsSpan(0, seen), (byte)b], mark);
                                to.Byte(b, next == mark.Length ? inner : places[next]);
                            }
                        });
                }
                return mark.Length == 0 ? throw new GrammarException("a trigger is a text that is not empty") : places[0];
            }
        );

    /// <summary>Grammars one behind the other.</summary>
    public static TextGrammar Sequence(params IReadOnlyList<TextGrammar> parts) =>
        new((space, then) => parts.Reverse().Aggregate(then, (next, part) => part.Build(space, next)));

    /// <summary>One of several grammars.</summary>
    public static TextGrammar Either(params IReadOnlyList<TextGrammar> parts) =>
        new(
            (space, then) =>
            {
                State[] ways = [.. parts.Select(p => p.Build(space, then))];
                return new Node(space).Add(to => Array.ForEach(ways, to.Empty));
            }
        );

    /// <summary>A grammar several times, one behind the other.</summary>
    /// <param name="part">the grammar</param>
    /// <param name="least">fewest times</param>
    /// <param name="most">most times; null: any number</param>
    public static TextGrammar Repeat(TextGrammar part, int least, int? most) =>
        new((space, then) => GbnfRules.Repeat(space, then, least, most, next => part.Build(space, next)));

    /// <summary>How much of the end of a text is the beginning of a mark.</summary>
    private static int Longest(ReadOnlySpan<byte> text, ReadOnlySpan<byte> mark)
    {
        int length = Math.Min(text.Length, mark.Length);
        while (!text[^length..].SequenceEqual(mark[..length]))
        {
            length--;
        }
        return length;
    }
}
