using System.Globalization;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Cli;

/// <summary>What <c>inspect</c> says about a .gguf file.</summary>
internal static class GgufSheet
{
    private const int LongestValue = 80;

    public static FactSheet Read(string path)
    {
        using GgufModel model = GgufModel.Open(path, ModelFamilies.Gguf);
        WeightFacts[] weights = [.. model.Names.Select(name => Weight(model, name))];
        GgufMetadata m = model.File.Metadata;
        FactSheet sheet = new("gguf", path);
        ModelSheet.AddConfig(sheet, model.Config, weights);
        sheet.Add("bytes", new FileInfo(path).Length);
        sheet.Add("tokenizer", m.Text("tokenizer.ggml.model") is "gpt2" or "llama");
        sheet.Add("chat_template", m.Has("tokenizer.chat_template"));
        MemoryNeed.AddTo(sheet, model.Config, weights);
        sheet.Table("metadata", ["key", "value"], m.Keys.Select(key => (string[])[key, Shown(m.Find(key)!)]));
        sheet.Table("tensors", ModelSheet.Columns, ModelSheet.Rows(weights));
        return sheet;
    }

    private static WeightFacts Weight(GgufModel model, string name)
    {
        long[] shape = [.. model.Shape(name)];
        long count = shape.Aggregate(1L, (product, size) => product * size);
        DType memory = shape.Length == 2 ? model.KeptType(name) : DType.Float32;
        return new WeightFacts(name, model.Type(name).ToString(), shape, model.Type(name).Bytes(count), memory.Bytes(count));
    }

    private static string Shown(object value) =>
        value is Array list ? $"{list.Length} {list.GetType().GetElementType()!.Name}"
        : Convert.ToString(value, CultureInfo.InvariantCulture)!.ReplaceLineEndings(" ") is { Length: > LongestValue } text
            ? text[..LongestValue] + "…"
        : Convert.ToString(value, CultureInfo.InvariantCulture)!.ReplaceLineEndings(" ");
}
