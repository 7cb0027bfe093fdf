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
        if (!GgufFile.IsGguf(path))
        {
            return Tokenizer.Load(path);
        }
        using GgufFile file = GgufFile.Open(path);
        GgufTokenizer found =
            GgufTokenizer.Read(file.Metadata)
            ?? throw new InvalidDataException(
                $"{path} holds no tokenizer; convert the model again from a directory that has a tokenizer.json"
            );
        return Tokenizer.FromJson(Encoding.UTF8.GetBytes(found.Json), Encoding.UTF8.GetBytes(found.ConfigJson), path);
    }

    /// <summary>The same tokenizer; <paramref name="warn"/> hears what its files make one expect and it does not do.</summary>
    public static Tokenizer Told(Tokenizer tokenizer, Action<string>? warn)
    {
        foreach (string notice in tokenizer.Notices)
        {
            warn?.Invoke(notice);
        }
        return tokenizer;
    }

    /// <summary>
    /// A tokenizer as a model of a family may have it. transformers 5 reads the tokenizer of every qwen2 model with Qwen's pattern and
    /// composed characters (NFC),
    /// whatever the file says; so another pattern is refused, and composition is added where only that is missing.
    /// </summary>
    /// <param name="tokenizer">the tokenizer</param>
    /// <param name="modelType">the model's model_type</param>
    /// <param name="source">where the tokenizer comes from, for messages</param>
    /// <param name="warn">takes a sentence</param>
    public static Tokenizer ForFamily(Tokenizer tokenizer, string? modelType, string source, Action<string>? warn)
    {
        if (modelType != "qwen2" || (tokenizer.CutsAsQwen2 && tokenizer.Composes == true))
        {
            return tokenizer;
        }
        if (!tokenizer.CutsAsQwen2 || tokenizer.Composes == false)
        {
            throw new InvalidDataException(
                $"{source}: transformers cuts the text of every qwen2 model by Qwen's pattern after NFC, whatever its tokenizer.json says, and this tokenizer does otherwise; "
                    + "take one of Qwen's or of ink tokenizer train --pattern qwen2, or a model of another family, such as llama"
            );
        }
        warn?.Invoke($"{source} composes no characters; it is written with NFC, as transformers reads every qwen2 model");
        return tokenizer.WithComposition();
    }
}
