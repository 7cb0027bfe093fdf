using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Opens what <c>--model</c> names.</summary>
internal static class Models
{
    /// <summary>A model to run, not to train.</summary>
    public static CausalLm Open(string path, Device device) => Pretrained.Open(CheckpointFolder.Resolve(path), device, trained: false);

    /// <summary>The tokenizer beside the model.</summary>
    public static Tokenizer Tokenizer(string path) => Text.Tokenizer.Load(CheckpointFolder.Resolve(path));
}
