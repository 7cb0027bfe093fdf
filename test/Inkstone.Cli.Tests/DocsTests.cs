using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inkstone.Cli.Tests;

/// <summary>The command lines of the README, run as they stand there (with less work to do), and the same in both languages.</summary>
public sealed partial class DocsTests
{
    private static readonly Dictionary<string, string[]> LessWork = new()
    {
        ["pretrain"] =
        [
            "--train.minutes",
            "null",
            "--train.steps",
            "2",
            "--train.batch_size",
            "1",
            "--data.sequence_length",
            "32",
            "--train.eval_batches",
            "1",
            "--model.num_hidden_layers",
            "1",
        ],
        ["sft"] =
        [
            "--train.epochs",
            "null",
            "--train.steps",
            "2",
            "--data.max_length",
            "128",
            "--train.batch_size",
            "1",
            "--train.accumulation",
            "1",
        ],
        ["dpo"] =
        [
            "--train.epochs",
            "null",
            "--train.steps",
            "2",
            "--data.max_length",
            "128",
            "--train.batch_size",
            "2",
            "--train.accumulation",
            "1",
            "--watch.prompts",
            "0",
        ],
        ["grpo"] =
        [
            "--train.minutes",
            "null",
            "--train.steps",
            "2",
            "--rollout.max_completion_length",
            "8",
            "--rollout.num_generations",
            "2",
            "--train.batch_size",
            "2",
            "--train.accumulation",
            "1",
            "--train.eval_batches",
            "1",
        ],
        ["ppo"] =
        [
            "--train.minutes",
            "null",
            "--train.steps",
            "2",
            "--rollout.max_completion_length",
            "8",
            "--rollout.num_generations",
            "2",
            "--train.batch_size",
            "2",
            "--train.accumulation",
            "1",
            "--train.eval_batches",
            "1",
        ],
        ["reward"] =
        [
            "--train.epochs",
            "null",
            "--train.steps",
            "2",
            "--data.max_length",
            "128",
            "--train.batch_size",
            "2",
            "--train.accumulation",
            "1",
        ],
        ["distill"] =
        [
            "--train.epochs",
            "null",
            "--train.steps",
            "2",
            "--data.max_length",
            "128",
            "--train.batch_size",
            "1",
            "--train.accumulation",
            "1",
        ],
        ["generate"] = ["--max-tokens", "4"],
        ["chat"] = ["--max-tokens", "4"],
    };

    [Fact]
    public void Readme_CommandsRun()
    {
        string directory = Directory.CreateTempSubdirectory("ink-docs-").FullName;
        try
        {
            WriteArticles(Path.Combine(directory, "articles.jsonl"));
            File.WriteAllText(
                Path.Combine(directory, "person.json"),
                """{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name"]}"""
            );
            WriteConversations(Path.Combine(directory, "conversations.jsonl"));
            File.WriteAllText(
                Path.Combine(directory, "mixture.yaml"),
                YamlBlock().Match(File.ReadAllText(Path.Combine(Root(), "docs/mixing.md"))).Groups[1].Value
            );
            File.WriteAllText(
                Path.Combine(directory, "my-pipeline.yaml"),
                YamlBlock().Match(File.ReadAllText(Path.Combine(Root(), "docs/pipelines.md"))).Groups[1].Value
            );
            WritePreferences(directory);
            File.WriteAllText(
                Path.Combine(directory, "rewards.yaml"),
                YamlBlock().Match(File.ReadAllText(Path.Combine(Root(), "docs/reinforcement.md"))).Groups[1].Value
            );
            File.WriteAllLines(
                Path.Combine(directory, "prompts.jsonl"),
                Enumerable.Range(0, 6).Select(i => $$"""{"question":"第{{i}}篇文章讲什么？"}""")
            );
            string[] pages =
            [
                "README.md",
                "docs/fine-tuning.md",
                "docs/preference.md",
                "docs/reinforcement.md",
                "docs/structured-output.md",
                "docs/preparing-text.md",
                "docs/near-duplicates.md",
                "docs/mixing.md",
                "docs/structured-evaluation.md",
                "docs/reports.md",
                "docs/pipelines.md",
                "docs/packages.md",
                "docs/comparing.md",
            ];
            List<string[]> lines =
            [
                .. pages.SelectMany(Snippets).Where(line => line.StartsWith("ink ", StringComparison.Ordinal)).Select(Words),
            ];
            lines.Count.ShouldBeGreaterThan(5);
            foreach (string[] words in lines)
            {
                Ink.RunIn(directory, [.. words[1..], .. LessWork.GetValueOrDefault(words[1], [])]).ShouldEndWith(0);
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>As it stands there, nothing made smaller; what each step prints is looked at in <see cref="Ink"/>'s exit code alone.</summary>
    [Fact, Trait("Category", "Slow")]
    public void Tutorial_CommandsRun()
    {
        using TemporaryDirectory place = new();
        List<string[]> lines = [.. Snippets("docs/tutorial.md").Select(Words)];
        lines.Count.ShouldBe(12);
        foreach (string[] words in lines)
        {
            using System.Diagnostics.Process process = Ink.Start(place.Path, words[1..]);
            Ink.End(process, 20 * 60_000).ShouldEndWith(0);
        }
    }

    [Fact]
    public void ChinesePages_ShowTheSameCommands()
    {
        string[] pages =
        [
            .. Directory
                .GetFiles(Path.Combine(Root(), "docs"), "*.zh-CN.md")
                .Append(Path.Combine(Root(), "README.zh-CN.md"))
                .Select(page => Path.GetRelativePath(Root(), page)),
        ];
        pages.Length.ShouldBeGreaterThan(8);
        foreach (string page in pages)
        {
            Snippets(page).ShouldBe(Snippets(page.Replace(".zh-CN", "", StringComparison.Ordinal)), page);
        }
    }

    /// <summary>Lines of the bash blocks without their comments.</summary>
    private static List<string> Snippets(string file)
    {
        string text = File.ReadAllText(Path.Combine(Root(), file));
        return
        [
            .. BashBlock()
                .Matches(text)
                .SelectMany(block => block.Groups[1].Value.Split('\n'))
                .Select(line => line.Split(" #")[0].Trim())
                .Where(line => line.Length > 0),
        ];
    }

    private static string[] Words(string line) => [.. Word().Matches(line).Select(word => word.Value.Trim('"'))];

    private static void WriteArticles(string path)
    {
        StringBuilder text = new();
        for (int i = 0; i < 400; i++)
        {
            string article = string.Create(
                CultureInfo.InvariantCulture,
                $"第{i}篇文章讲的是第{i * 7 % 31}天的天气和第{i * 13 % 57}号小镇的故事，小镇上住着{i % 9 + 2}户人家。 Article {i} tells about house {i * 11 % 89} on street {i % 17}."
            );
            text.Append(JsonSerializer.Serialize(new Dictionary<string, string> { ["text"] = article })).Append('\n');
        }
        File.WriteAllText(path, text.ToString());
    }

    private static void WriteConversations(string path) =>
        File.WriteAllLines(
            path,
            Enumerable
                .Range(0, 60)
                .Select(i =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $$"""{"messages":[{"role":"user","content":"第{{i}}篇文章讲什么？"},{"role":"assistant","content":"讲的是第{{i * 7 % 31}}天的天气。"}]}"""
                    )
                )
        );

    private static void WritePreferences(string directory)
    {
        string Pair(int i) =>
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"prompt":[{"role":"user","content":"第{{i}}篇文章讲什么？"}],"chosen":[{"role":"assistant","content":"讲的是第{{i * 7 % 31}}天的天气。"}],"rejected":[{"role":"assistant","content":"不知道。"}]}"""
            );
        string Judged(int i) =>
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"prompt":[{"role":"user","content":"第{{i}}篇文章讲什么？"}],"completion":[{"role":"assistant","content":"讲的是第{{i * 7 % 31}}天的天气。"}],"label":{{(i % 3 > 0 ? "true" : "false")}}}"""
            );
        File.WriteAllLines(Path.Combine(directory, "pairs.jsonl"), Enumerable.Range(0, 40).Select(Pair));
        File.WriteAllLines(Path.Combine(directory, "judged.jsonl"), Enumerable.Range(0, 40).Select(Judged));
    }

    internal static string Root()
    {
        DirectoryInfo directory = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Inkstone.slnx")))
        {
            directory = directory.Parent ?? throw new DirectoryNotFoundException("the tests must run inside the repository");
        }
        return directory.FullName;
    }

    [GeneratedRegex("```bash\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex BashBlock();

    [GeneratedRegex("```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex YamlBlock();

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Word();
}
