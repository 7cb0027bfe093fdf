using Inkstone.Data;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>
/// Bytes of text behind labels, so that bits per byte divide by the text of the very tokens that the loss is of: what is not predicted (the
/// first token of
/// each document, padding, a prompt) counts in neither. Special tokens stand for no text; their cost is a part of the text's.
/// </summary>
/// <param name="lengths">UTF-8 bytes of each token id</param>
internal sealed class LabelBytes(IReadOnlyList<int> lengths)
{
    /// <summary>By the token texts of a tokenizer.</summary>
    public LabelBytes(Tokenizer tokenizer)
        : this([
            .. Enumerable
                .Range(0, tokenizer.VocabularySize)
                .Select(id => tokenizer.Exists(id) && !tokenizer.IsSpecial(id) ? tokenizer.TokenBytes(id).Length : 0),
        ]) { }

    /// <summary>Bytes behind the labels of a batch.</summary>
    public long Count(Batch batch)
    {
        long bytes = 0;
        foreach (int label in batch.Labels)
        {
            bytes += (uint)label < (uint)lengths.Count ? lengths[label] : 0;
        }
        return bytes;
    }

    /// <summary>Bits per byte of a likelihood; NaN without text.</summary>
    /// <param name="nats">−Σ log p of the labels</param>
    /// <param name="bytes">their text</param>
    public static double BitsPerByte(double nats, long bytes) => bytes > 0 ? nats / Math.Log(2) / bytes : double.NaN;
}
