using Inkstone.Data;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>The shards that a recipe names.</summary>
internal static class RunShards
{
    /// <summary>Opens files, and of each directory those that begin with <paramref name="split"/>; every one must fit the
    /// tokenizer.</summary>
    public static List<TokenShard> Open(IReadOnlyList<string> paths, string split, string tokenizerPath, Tokenizer tokenizer)
    {
        List<TokenShard> shards = [];
        try
        {
            foreach (string file in paths.SelectMany(path => Files(path, split)))
            {
                TokenShard shard = TokenShard.Open(file, tokenizer.EosId);
                shards.Add(shard);
                shard.CheckVocabulary(tokenizer.VocabularySize, tokenizer.VocabularyHash, tokenizerPath);
            }
            return shards;
        }
        catch
        {
            shards.ForEach(s => s.Dispose());
            throw;
        }
    }

    private static string[] Files(string path, string split)
    {
        if (!Directory.Exists(path))
        {
            return File.Exists(path)
                ? [path]
                : throw new FileNotFoundException(
                    $"data.{split} names {path}, which does not exist; make shards with 'ink tokenize' first"
                );
        }
        string[] files =
        [
            .. Directory
                .EnumerateFiles(path, split + "*")
                .Where(f => Path.GetExtension(f) is ".bin" or ".npy")
                .Order(StringComparer.Ordinal),
        ];
        return files.Length > 0
            ? files
            : throw new FileNotFoundException(
                $"data.{split} names {path}, which holds no {split}*.bin or {split}*.npy; make shards with 'ink tokenize' first"
            );
    }
}
