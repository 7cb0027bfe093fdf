using Inkstone.Text;

namespace Inkstone.Cli;

/// <summary>What <c>inspect</c> says about a tokenizer.</summary>
internal static class TokenizerSheet
{
    public static FactSheet Create(string path, Tokenizer t)
    {
        FactSheet sheet = new("tokenizer", path);
        sheet.Add("vocab_size", t.VocabularySize);
        sheet.Add("vocabulary_hash", t.VocabularyHash.ToString("x16", System.Globalization.CultureInfo.InvariantCulture));
        sheet.Add("bos_id", t.BosId);
        sheet.Add("eos_id", t.EosId);
        sheet.Add("pad_id", t.PadId);
        sheet.Add("chat_template", t.ChatTemplate is not null);
        int[] bytes = new int[5]; // tokens of 1, 2, 3, 4-6 and more bytes
        List<string[]> special = [];
        for (int id = 0; id < t.VocabularySize; id++)
        {
            if (!t.Exists(id))
            {
                continue;
            }
            if (t.IsSpecial(id))
            {
                special.Add([$"{id}", t.IdToToken(id)]);
                continue;
            }
            int length = t.TokenBytes(id).Length;
            bytes[
                length <= 3 ? Math.Max(0, length - 1)
                : length <= 6 ? 3
                : 4
            ]++;
        }
        sheet.Table(
            "token_bytes",
            ["bytes", "tokens"],
            ((string[])["1", "2", "3", "4-6", "7+"]).Zip(bytes, (name, count) => (string[])[name, $"{count}"])
        );
        sheet.Table("special_tokens", ["id", "token"], special);
        if (t.Notices.Count > 0)
        {
            sheet.Table("notices", ["notice"], t.Notices.Select(n => (string[])[n]));
        }
        return sheet;
    }
}
