using System.CommandLine;

namespace Inkstone.Cli;

/// <summary>Flags that several verbs have, worded once. Each verb makes its own, so that no two share a flag.</summary>
internal static class Flags
{
    public static Option<string> Model() => new("--model") { Description = "model directory, .gguf file, or a run: its best checkpoint", HelpName = "PATH", Required = true };

    public static Option<string> Weights() => new("--weights") { Description = "type of the matrices in memory: fp32, bf16, or keep (as in the files, also quantised: the default for .gguf)", HelpName = "T" };

    public static Option<string> Tokenizer() => new("--tokenizer") { Description = "tokenizer directory, tokenizer.json or .gguf file", HelpName = "PATH", Required = true };

    public static Option<string> Out(string what = "directory to write") => new("--out") { Description = what, HelpName = "DIR", Required = true };

    public static Option<string[]> Inputs(string what) => new("--input") { Description = what, HelpName = "PATH", Required = true, AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore };

    public static Option<string> Ids() => new("--ids") { Description = "token ids such as 1,2,3", HelpName = "IDS", Required = true };
}
