using System.CommandLine;

namespace Inkstone.Cli;

/// <summary>Flags that several verbs have, worded once. Each verb makes its own, so that no two share a flag.</summary>
internal static class Flags
{
    public static Option<string> Model() =>
        new("--model")
        {
            Description = "model directory, .gguf file, or a run: its best checkpoint",
            HelpName = "PATH",
            Required = true,
        };

    /// <summary>What a model's matrices are multiplied as.</summary>
    /// <param name="exact">for verbs whose result is numbers: float32 unless asked otherwise; the others keep a .gguf file's blocks</param>
    public static Option<string> Weights(bool exact = false) =>
        exact
            ? new("--weights")
            {
                Description =
                    "type of the matrices in memory: fp32, bf16, or keep (as in the files; quantised ones then take activations of 8 bits, as when generating, unless --precision is given)",
                HelpName = "T",
                DefaultValueFactory = _ => "fp32",
            }
            : new("--weights")
            {
                Description =
                    "type of the matrices in memory: fp32, bf16, or keep (as in the files; quantised ones then take activations of 8 bits, unless --precision is given: the default for .gguf)",
                HelpName = "T",
            };

    public static Option<string> Tokenizer() =>
        new("--tokenizer")
        {
            Description = "tokenizer directory, tokenizer.json or .gguf file",
            HelpName = "PATH",
            Required = true,
        };

    public static Option<string> Out(string what = "directory to write") =>
        new("--out")
        {
            Description = what,
            HelpName = "DIR",
            Required = true,
        };

    public static Option<string[]> Inputs(string what) =>
        new("--input")
        {
            Description = what,
            HelpName = "PATH",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
            Arity = ArgumentArity.OneOrMore,
        };

    /// <summary>One of some words, the first of them where nothing is said.</summary>
    public static Option<string> Choice(string name, string description, string helpName, params string[] of)
    {
        Option<string> option = new(name)
        {
            Description = description,
            HelpName = helpName,
            DefaultValueFactory = _ => of[0],
        };
        option.AcceptOnlyFromAmong(of);
        return option;
    }

    public static Option<string> Ids() =>
        new("--ids")
        {
            Description = "token ids such as 1,2,3",
            HelpName = "IDS",
            Required = true,
        };
}
