using Inkstone.Models;
using Inkstone.Text;

namespace Inkstone.Training;

internal static class RunSample
{
    public static string Continue(CausalLm model, Tokenizer tokenizer, string prompt, int tokens, ulong seed) => $"{model.VocabSize}{tokenizer.EosId}{prompt}{tokens}{seed}";
}
