using System.Text.Json;

namespace Inkstone.Data.Tests;

/// <summary>The steps of a preparation beyond MicroLM's, and that a stopped one goes on.</summary>
public sealed class PrepareStepsTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("写信到 li.hua+ink@example.com.cn，谢谢。", "写信到 [EMAIL]，谢谢。")]
    [InlineData("a@b, @name and x@y.z stay", "a@b, @name and x@y.z stay")]
    [InlineData(
        "电话13812345678或+86 138-1234-5678，座机010-12345678转，(021)87654321，400-123-4567。",
        "电话[PHONE]或[PHONE]，座机[PHONE]转，[PHONE]，[PHONE]。"
    )]
    [InlineData("call +44 20 7946 0958 or +1 (555) 010-9999", "call [PHONE] or [PHONE]")]
    [InlineData("手机１３８１２３４５６７８", "手机[PHONE]")]
    [InlineData("身份证11010519491231002X和11010519491231002x。", "身份证[ID]和[ID]。")] // the example of GB 11643
    [InlineData("110105194912310021 110105194913310024", "110105194912310021 110105194913310024")] // wrong check digit; month 13
    [InlineData("卡号4111 1111 1111 1111，6222 0212 3456 7890 128，3782-8224-6310-005", "卡号[CARD]，6222 0212 3456 7890 128，[CARD]")]
    [InlineData("卡号4111111111111112", "卡号4111111111111112")]
    [InlineData(
        "第1234567890123号，圆周率3.14159265358979，2024-01-01，12345678",
        "第1234567890123号，圆周率3.14159265358979，2024-01-01，12345678"
    )]
    public void Personal_data_is_masked_where_its_checks_hold(string text, string masked) => PersonalData.Mask(text).ShouldBe(masked);

    /// <summary>Identity numbers and cards with right and wrong last digits, by the sums as their standards write them down.</summary>
    [Fact]
    public void Check_digits_are_those_of_the_standards()
    {
        Random random = new(1);
        int[] weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        for (int n = 0; n < 200; n++)
        {
            string body =
                $"{random.Next(110000, 660000)}{new DateTime(1900, 1, 1).AddDays(random.Next(45000)):yyyyMMdd}{random.Next(1000):000}";
            char right = "10X98765432"[body.Select((c, i) => (c - '0') * weights[i]).Sum() % 11];
            foreach (char last in "0123456789X")
            {
                PersonalData.IsIdentity(body + last).ShouldBe(last == right);
            }

            string card = $"62{random.NextInt64(1_000_000_000_000, 9_999_999_999_999)}";
            int sum = card.Reverse().Select((c, i) => i % 2 == 0 ? (c - '0') * 2 % 10 + (c - '0') / 5 : c - '0').Sum();
            for (int last = 0; last < 10; last++)
            {
                PersonalData.IsCard($"{card}{last}").ShouldBe((sum + last) % 10 == 0);
            }
        }
    }

    [Theory]
    [InlineData(
        "<html><head><title>t</title><style>p{}</style></head><body><nav>menu</nav><h1>砚</h1><p>one  <b>two</b>\n three<p>four<script>x()</script></body>",
        "砚\n\none two three\n\nfour"
    )]
    [InlineData("<ul><li>a<li>b</ul><table><tr><td>1</td><td>2</td></tr><tr><td>3<td>4</table>", "a\nb\n\n1\t2\n3\t4")]
    [InlineData(
        "<p>x &lt; y &amp; z&nbsp;&copy;</p><pre>def f():\n    return  1</pre>end<br>line",
        "x < y & z\u00a0©\n\ndef f():\n    return  1\n\nend\nline"
    )]
    [InlineData("1 < 2 and no page  at all", "1 < 2 and no page  at all")]
    [InlineData("<p>unclosed <i>tags <b>are</p>mended</div>", "unclosed tags are\n\nmended")]
    public void Pages_give_the_text_that_a_reader_sees(string page, string text) => HtmlPages.Text(page).ShouldBe(text);

    [Theory]
    [InlineData("年复一年，谁也没有料到铜铃会被画师描画，而磨坊仍旧在讲解石阶。", "zh-Hans")]
    [InlineData("學徒問師傅，為什麼磨墨時水要少，師傅說，水多則淡，水少則濃。", "zh-Hant")]
    [InlineData("すずりは墨をするための道具で、石や陶器で作られることが多い。", "ja")]
    [InlineData("벼루는 먹을 가는 데 쓰는 도구로 돌로 만든다.", "ko")]
    [InlineData("Nobody knew why the saddle sharpens every chandler, but the ledger counts the parchment as well.", "en")]
    [InlineData("Der Reibstein ist ein Gerät, mit dem die Tusche auf dem Stein gerieben wird und nicht aus der Flasche kommt.", "de")]
    [InlineData("La pierre à encre est un outil qui sert à broyer les bâtons dans de l'eau pour les peintres et les lettrés.", "fr")]
    [InlineData("La piedra de tinta es un utensilio que se usa para moler las barras de tinta con el agua en los talleres.", "es")]
    [InlineData("Тушечница — это камень, на котором растирают тушь для письма, и он был известен ещё до бумаги.", "ru")]
    [InlineData("画师的 orchard 需要 weighs，傍晚，谁也没有料到烽火会被窗棂清洗，而塾师仍旧在雕刻柳堤。", "zh-Hans")]
    [InlineData("12345 --- 678", "und")]
    public void Languages_are_told_by_script_and_frequent_words(string text, string code) => Languages.Detect(text).Code.ShouldBe(code);

    [Fact]
    public void Steps_drop_with_reasons_values_and_samples()
    {
        string good =
            "砚台旁的墨和水都在，谁也没有料到画师会来。学徒把纸铺在案上，又去井台打了水，要先磨墨，才能写字。掌柜说，这方砚是祖上传下来的，不能有一点损坏。";
        string exam = "下列关于古代文房四宝的说法正确的一项是砚以端石为贵而墨以松烟为上";
        string input = Jsonl(
            good,
            good.Replace("学徒", "徒弟", StringComparison.Ordinal),
            "The falconer never sorts the trellis unless the loom paints it near the gate, and so the miller of the village was not with them.",
            string.Concat(Enumerable.Repeat("研磨砚台，晾晒宣纸，", 20)),
            $"{good}{exam}，这是考题。",
            "联系我：li@example.com。"
                + good.Replace("砚", "墨", StringComparison.Ordinal)
                    .Replace("水", "酒", StringComparison.Ordinal)
                    .Replace("井台", "渡口", StringComparison.Ordinal)
        );
        string exams = _folder.Write("exam.jsonl", JsonSerializer.Serialize(new { question = exam, choices = new[] { "甲", "乙" } }));
        PrepareResult result = new Preparation(
            new PrepareOptions(
                [input],
                _folder["out"],
                MinLength: 1,
                ValidRatio: 0,
                Languages: ["zh"],
                Filters: ["units"],
                Contamination: [exams],
                MaskPersonalData: true,
                NearDuplicates: new NearDuplicateOptions(),
                Report: true
            )
        ).Run();

        Count(result, "language").ShouldBe(new FilterCount("language", 6, 0, 1));
        Count(result, "units").Dropped.ShouldBe(1);
        Count(result, "contamination").ShouldBe(new FilterCount("contamination", 4, 0, 1));
        Count(result, "personal data").Changed.ShouldBe(1);
        Count(result, "near duplicates").ShouldBe(new FilterCount("near duplicates", 3, 0, 1));
        result.Documents.ShouldBe(2);
        Texts("out").ShouldContain(t => t.StartsWith("联系我：[EMAIL]。", StringComparison.Ordinal));
        result.Findings!.Reasons.ShouldContainKeyAndValue("language: en", 1);
        result.Findings.Reasons.Keys.ShouldContain(k => k.StartsWith("units: ", StringComparison.Ordinal));
        DropSample sample = result.Findings.Samples.Single(s => s.Filter == "contamination");
        (sample.Reason, sample.Line, sample.Value).ShouldBe(("exam.jsonl", 5, (double)exam.Length - 12));
        result.Findings.Languages["zh-Hans"].ShouldBe(3);
        string page = File.ReadAllText(_folder["out/report.html"]);
        page.ShouldContain("prefers-color-scheme:dark");
        page.ShouldContain("units: function");
        page.ShouldNotContain("http://");
        page.ShouldNotContain("<script");
        Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order().ShouldBe(["exam.jsonl", "in.jsonl", "out"]);
    }

    [Fact]
    public void Documents_that_equal_an_earlier_one_are_counted_and_the_first_three_are_shown()
    {
        string input = Jsonl("one", "two", "one", "one", "three", "two", "one");
        PrepareResult result = new Preparation(
            new PrepareOptions(
                [input],
                _folder["out"],
                MinLength: 1,
                ValidRatio: 0,
                NearDuplicates: new NearDuplicateOptions(),
                Report: true
            )
        ).Run();
        result.Findings!.Reasons["exact duplicates"].ShouldBe(4);
        result.Findings.Samples.Where(s => s.Filter == "exact duplicates").Select(s => s.Text).ShouldBe(["one", "one", "two"]);
        File.ReadAllText(_folder["out/report.html"]).ShouldContain("exact duplicates");
    }

    [Fact]
    public void Documents_below_a_score_that_their_data_set_gives_are_dropped()
    {
        string[] scores = ["\"score\": 0.7, ", "\"score\": 0.59, ", "\"score\": 3, ", "\"score\": null, ", "\"score\": \"high\", ", ""];
        string input = _folder.Write("in.jsonl", string.Concat(scores.Select((score, i) => $"{{{score}\"text\": \"text {i}\"}}\n")));
        PrepareResult result = new Preparation(
            new PrepareOptions([input], _folder["out"], MinLength: 1, ValidRatio: 0, ScoreKey: "score", LeastScore: 0.6)
        ).Run();
        Texts("out").ShouldBe(["text 0", "text 2"]);
        Count(result, "score").ShouldBe(new FilterCount("score", 6, 0, 4));
        result.Findings!.Reasons["score: none"].ShouldBe(3);
        result.Findings.Samples[0].Value.ShouldBe(0.59);
    }

    [Fact]
    public void Lines_that_were_there_before_are_taken_out()
    {
        string notice = "欢迎访问我们的网站，请收藏本页。";
        string input = Jsonl($"第一篇的内容。\n{notice}\n短行", $"{notice}\n第二篇的内容，比第一篇长。\n短行\n{notice}", $"  {notice}");
        PrepareResult result = new Preparation(
            new PrepareOptions([input], _folder["out"], MinLength: 5, ValidRatio: 0, DedupLines: 10)
        ).Run();
        Texts("out").ShouldBe([$"第一篇的内容。\n{notice}\n短行", "第二篇的内容，比第一篇长。\n短行"]);
        Count(result, "repeated lines").ShouldBe(new FilterCount("repeated lines", 3, 1, 1));
    }

    [Fact]
    public void A_run_that_is_stopped_goes_on_to_the_same_folder()
    {
        string input = Jsonl([
            .. Enumerable
                .Range(0, 9000)
                .Select(i =>
                    $"第{i}篇文章讲的是第{i * 7 % 31}天的天气和第{i * 13 % 57}号小镇的故事，小镇上住着{i % 9 + 2}户人家。{(i % 5 == 0 ? i.ToString() : "")}"
                ),
        ]);
        PrepareOptions options = new(
            [input],
            _folder["out"],
            MinLength: 1,
            Filters: ["units"],
            Limits: new Dictionary<string, double> { ["units.units.least"] = 30, ["units.dup_ngrams.most"] = 1 },
            NearDuplicates: new NearDuplicateOptions(0.95),
            DedupLines: 20
        );
        new Preparation(options).Run();
        Dictionary<string, string> wanted = Directory.GetFiles(_folder["out"]).ToDictionary(f => Path.GetFileName(f), File.ReadAllText);
        Directory.Delete(_folder["out"], recursive: true);

        int stops = 0;
        for (int steps = 2; ; steps += 4, stops++)
        {
            int left = steps;
            try
            {
                new Preparation(options) { SaveEvery = TimeSpan.Zero }.Run(
                    new Steps(() =>
                    {
                        if (--left == 0)
                        {
                            throw new OperationCanceledException();
                        }
                    })
                );
                break;
            }
            catch (OperationCanceledException)
            {
                Directory.Exists(_folder["out"]).ShouldBeFalse();
                File.AppendAllText(_folder["out.unfinished/spool.tmp"], "cut off");
                Should
                    .Throw<ArgumentException>(() => new Preparation(options with { MinLength = 2 }).Run())
                    .Message.ShouldContain("--force");
            }
        }
        stops.ShouldBeGreaterThan(1);
        Directory.GetFiles(_folder["out"]).ToDictionary(f => Path.GetFileName(f), File.ReadAllText).ShouldBe(wanted);
        Directory.Exists(_folder["out.unfinished"]).ShouldBeFalse();
    }

    [Fact]
    public void A_folder_of_other_things_is_never_taken_for_an_unfinished_run()
    {
        _folder.Write("out.unfinished/letter.doc", "dear");
        PrepareOptions options = new([Jsonl("a text")], _folder["out"], MinLength: 1, ValidRatio: 0, Force: true);
        Should.Throw<ArgumentException>(() => new Preparation(options).Run()).Message.ShouldContain("letter.doc");
        File.ReadAllText(_folder["out.unfinished/letter.doc"]).ShouldBe("dear");
        _folder.Write("found/unfinished/letter.doc", "dear");
        Should.Throw<ArgumentException>(() =>
            new DedupRun(new DedupOptions([_folder["in.jsonl"]], _folder["found"], ["text"], new NearDuplicateOptions(), Force: true)).Run()
        );
        File.Exists(_folder["found/unfinished/letter.doc"]).ShouldBeTrue();
    }

    private static FilterCount Count(PrepareResult result, string name) => result.FilterStats.Single(c => c.Name == name);

    private string[] Texts(string folder) =>
        [
            .. File.ReadLines(_folder[$"{folder}/train.jsonl"])
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()!),
        ];

    private string Jsonl(params string[] texts) =>
        _folder.Write("in.jsonl", string.Concat(texts.Select(t => JsonSerializer.Serialize(new { text = t }) + "\n")));

    private sealed class Steps(Action step) : IProgress<PrepareProgress>
    {
        public void Report(PrepareProgress value) => step();
    }
}
