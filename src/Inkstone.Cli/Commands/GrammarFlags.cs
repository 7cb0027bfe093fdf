using System.CommandLine;
using Inkstone.Grammar;
using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>The flags that give the output a form.</summary>
internal sealed class GrammarFlags
{
    private readonly Option<string> _schema = new("--json-schema")
    {
        Description = "write JSON that satisfies this JSON Schema (draft 2020-12)",
        HelpName = "FILE",
    };
    private readonly Option<bool> _object = new("--json-object") { Description = "write a JSON object" };
    private readonly Option<string> _gbnf = new("--grammar") { Description = "write what this GBNF grammar allows", HelpName = "FILE" };
    private readonly Option<string> _regex = new("--regex")
    {
        Description = "write what this regular expression matches as a whole",
        HelpName = "R",
    };
    private readonly Option<string> _choices = new("--choices") { Description = "write one of these texts", HelpName = "A,B" };

    public IReadOnlyList<Symbol> All => [_schema, _object, _gbnf, _regex, _choices];

    /// <summary>The form; null where none is asked for.</summary>
    public CompiledGrammar? Read(CommandContext call, Tokenizer tokenizer)
    {
        Option[] asked = [.. new Option[] { _schema, _object, _gbnf, _regex, _choices }.Where(call.Has)];
        if (asked.Length > 1)
        {
            throw new ArgumentException($"{asked[0].Name} and {asked[1].Name} each say all of the output's form; give one of them");
        }
        TextGrammar? grammar =
            asked is not [Option flag] ? null
            : flag == _schema ? TextGrammar.JsonSchema(File.ReadAllText(call.Get(_schema)!))
            : flag == _gbnf ? TextGrammar.Gbnf(File.ReadAllText(call.Get(_gbnf)!))
            : flag == _regex ? TextGrammar.Regex(call.Get(_regex)!)
            : flag == _choices ? TextGrammar.Choice(call.Get(_choices)!.Split(','))
            : call.Get(_object) ? TextGrammar.JsonObject()
            : null;
        return grammar is null ? null : new CompiledGrammar(grammar, new TokenVocabulary(tokenizer));
    }
}
