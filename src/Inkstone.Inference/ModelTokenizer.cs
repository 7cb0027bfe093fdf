using System.Text;
using Inkstone.Formats;
using Inkstone.Text;

namespace Inkstone.Inference;

/// <summary>The tokenizer that belongs to a model.</summary>
public static class ModelTokenizer
{
    /// <summary>Of a directory, a tokenizer.json, or a .gguf file that holds one.</summary>
    public static Tokenizer Load(string path)
    {
        if (!GgufFile.Is(path))
        {
            return Tokenizer.Load(path);
        }
        using GgufFile file = GgufFile.Open(path);
        GgufTokenizer found = GgufTokenizer.Read(file.Metadata) ?? throw new InvalidDataException($"{path} holds no tokenizer; convert the model again from a directory that has a tokenizer.json");
        return Tokenizer.FromJson(Encoding.UTF8.GetBytes(found.Json), Encoding.UTF8.GetBytes(found.ConfigJson), path);
    }
}
