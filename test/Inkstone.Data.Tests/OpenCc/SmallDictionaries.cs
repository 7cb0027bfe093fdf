namespace Inkstone.Data.Tests;

/// <summary>Dictionaries and configurations of the test's own in OpenCC's forms.</summary>
internal static class SmallDictionaries
{
    /// <summary>t2s with phrases before characters and rare characters apart; tw2s in two stages with segmentation; u2s with a
    /// union.</summary>
    public static string Write(TemporaryDirectory folder)
    {
        folder.Write("cc/Compat.txt", "# a note\n\n\uF914\t樂\n");
        folder.Write("cc/Phrases.txt", "乾隆\t乾隆\n乾清宮\t乾清宫\n看着\t看着 瞧着\n甲乙\t一\n");
        folder.Write("cc/More.txt", "甲乙丙\t二\n甲\t三\n");
        folder.Write("cc/Rare.txt", "𡑭\t𫮃\n");
        folder.Write("cc/Characters.txt", "乾\t干 乾\n宮\t宫\n樂\t乐 樂\n門\t门\n頭\t头\n着\t著\n");
        folder.Write("cc/Variants.txt", "著\t着\n裡\t裏\n着裡\t内\n");
        folder.Write(
            "cc/config/t2s.json",
            """
            { "name": "t2s", "normalization": [ { "dict": { "type": "text", "file": "Compat.txt" } } ],
              "conversion_chain": [ { "dict": { "type": "group", "match_policy": "short_circuit", "dicts": [
                { "type": "text", "file": "Phrases.txt" }, { "type": "text", "file": "Rare.txt", "may_output_tofu": true }, { "type": "text", "file": "Characters.txt" } ] } } ] }
            """
        );
        folder.Write(
            "cc/config/tw2s.json",
            """
            { "name": "tw2s", "segmentation": { "type": "mmseg", "dict": { "type": "ocd2", "file": "Phrases.ocd2" } },
              "conversion_chain": [ { "dict": { "type": "text", "file": "Variants.txt" } }, { "dict": { "type": "text", "file": "Characters.txt" } } ] }
            """
        );
        foreach (string policy in (string[])["union", "short_circuit"])
        {
            folder.Write(
                $"cc/config/{policy}2s.json",
                $$"""
                { "name": "x", "conversion_chain": [ { "dict": { "type": "group", "match_policy": "{{policy}}", "dicts": [
                  { "type": "text", "file": "Phrases.txt" }, { "type": "text", "file": "More.txt" }, { "type": "inline", "entries": { "丁": "四" } } ] } } ] }
                """
            );
        }
        folder.Write(
            "cc/config/jieba.json",
            """{ "name": "j", "segmentation": { "type": "jieba" }, "conversion_chain": [ { "dict": { "type": "text", "file": "Variants.txt" } } ] }"""
        );
        folder.Write(
            "cc/config/lost.json",
            """{ "name": "l", "conversion_chain": [ { "dict": { "type": "text", "file": "Lost.txt" } } ] }"""
        );
        return folder["cc"];
    }
}
