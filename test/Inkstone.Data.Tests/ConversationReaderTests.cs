using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using static Inkstone.Data.Tests.ParquetSample;

namespace Inkstone.Data.Tests;

public sealed class ConversationReaderTests : IDisposable
{
    private const string Pair = """[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]""";
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""", "messages")]
    [InlineData("""{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}],"id":7}""", "conversations")]
    [InlineData("""{"conversations":[{"role":" Human","content":"q"},{"role":"BOT","content":"a"}]}""", "conversations")]
    [InlineData("""{"conversations":{"from":["user","model"],"value":["q","a"]}}""", "conversations")]
    [InlineData("""{"messages":"[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"bing\",\"content\":\"a\"}]"}""", "messages")]
    [InlineData("""{"messages":null,"prompt":"q","response":"a"}""", "prompt/response")]
    [InlineData("""{"prompt":"q","completion":"a"}""", "prompt/completion")]
    [InlineData("""{"prompt":"q","answer":"a"}""", "prompt/answer")]
    [InlineData("""{"prompt":[{"role":"user","content":"q"}],"completion":[{"role":"assistant","content":"a"}]}""", "prompt/completion")]
    [InlineData("""{"prompt":[{"role":"user","content":"q"}],"completion":"a"}""", "prompt/completion")]
    [InlineData("""{"question":"q","answer":"a"}""", "question/answer")]
    [InlineData("""{"query":"q","response":"a"}""", "query/response")]
    [InlineData("""{"instruction":"q","input":"","output":"a"}""", "instruction/output")]
    [InlineData("""{"instruction":"","input":"q","output":"a"}""", "instruction/output")]
    [InlineData("""{"instruction":null,"output":null,"question":"q","answer":"a"}""", "question/answer")]
    [InlineData(
        """{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":"a","name":null}]}""",
        "messages"
    )]
    public void Forms_of_one_exchange_become_the_same_messages(string record, string format)
    {
        ConversationReader reader = new();
        string path = _folder.Write("one.jsonl", "\n" + record + "\n");
        Conversation conversation = reader.Read([path]).ToArray().ShouldHaveSingleItem();
        conversation.Messages.ToJsonString().ShouldBe(Pair);
        conversation.Tools.ShouldBeNull();
        conversation.Place.ShouldBe($"{path}:2");
        reader.Report.Formats.ShouldBe(new Dictionary<string, long> { [format] = 1 });
    }

    [Theory]
    [InlineData(
        """{"instruction":"翻译","input":"ink","output":"墨","system":"s","history":[["1","2"]]}""",
        """[{"role":"system","content":"s"},{"role":"user","content":"1"},{"role":"assistant","content":"2"},{"role":"user","content":"翻译\nink"},{"role":"assistant","content":"墨"}]"""
    )]
    [InlineData("""{"question":6,"answer":7}""", """[{"role":"user","content":"6"},{"role":"assistant","content":"7"}]""")]
    [InlineData(
        """{"prompt":"q","thinking":"hm","response":"a"}""",
        """[{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"hm"}]"""
    )]
    [InlineData(
        """{"system":"x","conversations":[{"from":"system","value":"s"},{"from":"user","value":"q"},{"from":"assistant","value":"a","weight":0}]}""",
        """[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]"""
    )]
    [InlineData(
        """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"","thinking":"hm"}]}""",
        """[{"role":"user","content":"q"},{"role":"assistant","content":"","thinking":"hm","reasoning_content":"hm"}]"""
    )]
    [InlineData(
        """{"messages":[{"role":"user","content":"half \ud83d whole \ud83d\ude00"},{"role":"assistant","content":"a"}]}""",
        """[{"role":"user","content":"half � whole \uD83D\uDE00"},{"role":"assistant","content":"a"}]"""
    )]
    public void Systems_histories_reasoning_and_weights_are_kept(string record, string expected) =>
        Json(ReadOne(record).Messages).ShouldBe(expected);

    [Theory]
    [InlineData(
        """{"tools":"[{\"name\":\"f\"}]","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":"[{\"name\":\"f\",\"arguments\":{\"x\":1}}]"},{"role":"tool","content":{"y":2}}]}""",
        """[{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[{"name":"f","arguments":{"x":1}}]},{"role":"tool","content":"{\"y\":2}"}]"""
    )]
    [InlineData(
        """{"conversations":[{"role":"system","content":"s","tools":"[{\"name\":\"f\"}]"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""",
        """[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"}]"""
    )]
    [InlineData(
        """{"tools":[{"name":"f","unused":null}],"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}"},{"from":"observation","value":"2"},{"from":"gpt","value":"a"}]}""",
        """[{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","content":"2"},{"role":"assistant","content":"a"}]"""
    )]
    [InlineData(
        """{"tools":[{"name":"f"}],"messages":[{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]}]}""",
        """[{"role":"user","content":"q"},{"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":{"x":1}}}]}]"""
    )]
    public void Tools_and_their_calls_are_kept_and_texts_of_JSON_read(string record, string expected)
    {
        Conversation conversation = ReadOne(record);
        Json(conversation.Messages).ShouldBe(expected);
        Json(conversation.Tools!).ShouldBe("""[{"name":"f"}]""");
    }

    [Fact]
    public void Functions_of_the_older_form_become_tools() =>
        Json(
                ReadOne(
                    """{"functions":[{"name":"f"}],"messages":[{"role":"assistant","content":"a","function_call":{"name":"f","arguments":"no JSON"}}]}"""
                ).Tools!
            )
            .ShouldBe("""[{"type":"function","function":{"name":"f"}}]""");

    [Theory]
    [InlineData("""{"enable_thinking":false,"level":2}""", """{"enable_thinking":false,"level":2}""")]
    [InlineData("\"{\\\"enable_thinking\\\": false}\"", """{"enable_thinking":false}""")]
    [InlineData("""{"enable_thinking":null,"level":"x"}""", """{"level":"x"}""")]
    [InlineData("null", null)]
    [InlineData("\"\"", null)]
    public void Variables_of_the_template_may_come_with_a_record(string value, string? expected) =>
        ReadOne($$"""{"chat_template_kwargs":{{value}},"question":"q","answer":"a"}""")
            .TemplateVariables?.ToJsonString()
            .ShouldBe(expected);

    [Fact]
    public void Keys_of_messages_in_all_shapes_reach_the_masks()
    {
        foreach (
            string record in (string[])
                [
                    """{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a","weight":0}]}""",
                    """{"messages":{"role":["user","assistant"],"content":["q","a"],"weight":[null,0]}}""",
                ]
        )
        {
            JsonArray messages = ReadOne(record).Messages;
            messages[0]!["weight"].ShouldBeNull();
            messages[1]!["weight"]!.GetValue<int>().ShouldBe(0);
        }
    }

    [Fact]
    public void The_report_says_what_was_left_out_and_where()
    {
        string path = _folder.Write(
            "some.jsonl",
            string.Join(
                '\n',
                """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"r"}]}""",
                """{"messages":[{"role":"user","content":"q"}]}""",
                """{"messages":[]}""",
                """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":" "}]}""",
                """{"messages":[{"role":"user"},{"role":"assistant","content":"a"}]}""",
                """{"messages":[{"role":"user","content":"q"}],"id":1}""",
                """{"messages":7}""",
                """{"prompt":"q","response":null}""",
                """{"messages":[{"role":"user","content":[{"type":"image","url":"x"}]}]}""",
                """{"tools":"[{","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""",
                """{"tools":[{"name":"f"}],"messages":[{"role":"human","content":"q"},{"role":"assistant","content":"a"}]}"""
            )
        );
        ConversationReader reader = new();
        reader.Read([path]).Count().ShouldBe(2);
        ConversationReport report = reader.Report;
        (
            report.Records,
            report.Conversations,
            report.AssistantTurns,
            report.LongestConversation,
            report.WithTools,
            report.WithReasoning
        ).ShouldBe((11, 2, 3, 4, 1, 1));
        report.Roles.ShouldBe(new Dictionary<string, long> { ["assistant"] = 3, ["user"] = 3 }, ignoreOrder: true);
        report.Skipped.Sum(s => s.Count).ShouldBe(9);
        report
            .Skipped.Select(s => (s.Reason, s.Count))
            .Take(2)
            .ShouldBe([("a message has no content", 2), ("there is no assistant's turn", 2)]);
        report.Skipped[1].Places.ShouldBe([$"{path}:2", $"{path}:6"]);
    }

    [Theory]
    [InlineData("""{"text":"a","source":"b"}""", "text, source")]
    [InlineData("""{"prompt":"p","chosen":"c","rejected":"r"}""", "prompt, chosen, rejected")]
    [InlineData("""{"messages":[{"role":"narrator","content":"a"}]}""", "'narrator'")]
    [InlineData("""{"messages":[{"speaker":"narrator","content":"a"}]}""", "speaker, content")]
    [InlineData("""{"messages":[}""", "no JSON object")]
    [InlineData("""["a"]""", "no object")]
    [InlineData("""{"messages":[],"messages":[]}""", "no JSON object")]
    public void What_is_no_conversation_is_named(string record, string reason)
    {
        string path = _folder.Write("bad.jsonl", """{"question":"q","answer":"a"}""" + "\n" + record);
        string message = Should.Throw<InvalidDataException>(() => new ConversationReader().Read([path]).Count()).Message;
        message.ShouldStartWith($"{path}:2: ");
        message.ShouldContain(reason);
    }

    [Fact]
    public void Arrays_and_gzip_are_read_too()
    {
        string array = """[{"question":"q","answer":"a"},{"question":"q","answer":"a"}]""";
        string path = _folder.Write("array.json", " " + array);
        new ConversationReader()
            .Read([path])
            .Select(c => (Json(c.Messages), c.Place))
            .ShouldBe([(Pair, $"{path}: record 1"), (Pair, $"{path}: record 2")]);
        using MemoryStream memory = new();
        using (GZipStream gzip = new(memory, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(array));
        }
        new ConversationReader().Read([_folder.Write("array.json.gz", memory.ToArray())]).Count().ShouldBe(2);
        string cut = _folder.Write("cut.json", array[..^9]);
        Should.Throw<InvalidDataException>(() => new ConversationReader().Read([cut]).Count()).Message.ShouldContain("cut.json: record");
        Should
            .Throw<InvalidDataException>(() => new ConversationReader().Read([_folder.Write("odd.json", "[1]")]).Count())
            .Message.ShouldContain("odd.json: record 1");
        string half = _folder.Write("half.json", """[{"messages":[{"role":"user","content":"\ud83d"}]}]""");
        Should
            .Throw<InvalidDataException>(() => new ConversationReader().Read([half]).Count())
            .Message.ShouldContain("half.json: record 1");
        Should
            .Throw<FileNotFoundException>(() => new ConversationReader().Read([_folder["absent.jsonl"]]).Count())
            .Message.ShouldContain("absent.jsonl");
    }

    [Fact]
    public void Parquet_rows_are_records_without_their_nulls()
    {
        (int, int)[] two = [(0, 1), (1, 1)];
        ParquetSample sample = new ParquetSample()
            .Column("embedding", INT32, 1, Ints(5))
            .Group("conversations", 1, Required, converted: 3)
            .Group("list", 1, Repeated)
            .Group("element", 3, Required)
            .Column("from", BYTE_ARRAY, 2, Texts("human", "gpt"), converted: 0, levels: two, maxRepetition: 1, maxDefinition: 1)
            .Column("value", BYTE_ARRAY, 2, Texts("q", "a"), converted: 0, levels: two, maxRepetition: 1, maxDefinition: 1)
            .Column("weight", INT32, 2, Ints(1), Optional, levels: [(0, 1), (1, 2)], maxRepetition: 1, maxDefinition: 2);
        string path = _folder.Write("chat.parquet", sample.Bytes(1, 2));
        Conversation conversation = new ConversationReader().Read([path]).ShouldHaveSingleItem();
        Json(conversation.Messages).ShouldBe("""[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":1}]""");
        conversation.Place.ShouldBe($"{path}: row 1");
    }

    [GoldenTheory("data/identity_conversations.jsonl", "data/chatlm", "goldens/parquet/zstd.parquet")]
    [InlineData("data/identity_conversations.jsonl", 0)]
    [InlineData("data/chatlm/my_train_dataset_3k.parquet", 3000)]
    [InlineData("data/chatlm/my_test_dataset_2k.parquet", 2000)]
    [InlineData("data/chatlm/my_valid_dataset_1k.parquet", 1000)]
    [InlineData("goldens/parquet/zstd.parquet", 1500)]
    public void Real_data_are_read(string file, int records)
    {
        ConversationReader reader = new();
        int read = reader.Read([Goldens.Shared(file)]).Count();
        if (records > 0)
        {
            reader.Report.Records.ShouldBe(records);
        }
        read.ShouldBeGreaterThan((int)(0.99 * reader.Report.Records));
        Console.WriteLine($"{file}: {JsonSerializer.Serialize(reader.Report)}");
    }

    [GoldenTheory("data/help_zh.jsonl", "data/instructie/prompts_instructie.json")]
    [InlineData("data/help_zh.jsonl", "help_zh.jsonl:1: the keys title, text, source are no known form")]
    [InlineData("data/instructie/prompts_instructie.json", "prompts_instructie.json:1: ")]
    public void Real_data_of_another_kind_are_refused(string file, string reason)
    {
        Should
            .Throw<InvalidDataException>(() => new ConversationReader().Read([Goldens.Shared(file)]).Count())
            .Message.ShouldContain(reason);
    }

    private Conversation ReadOne(string record) =>
        new ConversationReader().Read([_folder.Write("one.jsonl", record)]).ShouldHaveSingleItem();

    private static string Json(JsonArray array) =>
        array.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
