using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Inkstone.Training;

namespace Inkstone.Studio.Tests;

/// <summary>Curves of runs: what is sent is what the file holds, while the file grows, is cut back, or is another program's.</summary>
public sealed class CurveTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Buckets_hold_the_means_and_the_extremes_of_equally_many_points()
    {
        Random random = new(1);
        (double Step, double Loss, double? Valid)[] lines =
        [
            .. Enumerable
                .Range(1, 20_011)
                .Select(i => ((double)i, random.NextDouble(), i % 500 == 0 ? random.NextDouble() : (double?)null)),
        ];
        _folder.Write(
            "runs/a/metrics.jsonl",
            string.Concat(
                lines.Select(l =>
                    Line(l.Step, l.Loss)
                    + (
                        l.Valid is { } v
                            ? string.Create(CultureInfo.InvariantCulture, $"{{\"step\":{l.Step},\"valid_loss\":{v},\"best\":true}}\n")
                            : ""
                    )
                )
            )
        );
        await using Studio studio = await Studio.StartAsync(_folder["runs"]);

        JsonElement sent = await studio.OkAsync("/api/metrics?run=a&points=300");
        double[] x = Numbers(sent, "loss", "x"),
            y = Numbers(sent, "loss", "y"),
            low = Numbers(sent, "loss", "low"),
            high = Numbers(sent, "loss", "high");
        x.Length.ShouldBe(300);
        for (int bucket = 0; bucket < 300; bucket++)
        {
            (double Step, double Loss, double? Valid)[] part = lines[
                (int)((long)bucket * lines.Length / 300)..(int)((long)(bucket + 1) * lines.Length / 300)
            ];
            x[bucket].ShouldBe(part.Average(l => l.Step), 1e-2);
            y[bucket].ShouldBe(part.Average(l => l.Loss), 1e-6);
            low[bucket].ShouldBe(part.Min(l => l.Loss), 1e-6);
            high[bucket].ShouldBe(part.Max(l => l.Loss), 1e-6);
        }
        // What is short enough is sent as it is.
        Numbers(sent, "valid_loss", "y").ShouldBe(lines.Where(l => l.Valid is not null).Select(l => l.Valid!.Value), 1e-6);
        sent.GetProperty("series").GetProperty("valid_loss").TryGetProperty("low", out _).ShouldBeFalse();
        sent.GetProperty("series").GetProperty("loss").GetProperty("last").GetDouble().ShouldBe(lines[^1].Loss);

        JsonElement part2 = await studio.OkAsync("/api/metrics?run=a&points=300&from=100&to=140");
        Numbers(part2, "loss", "x").ShouldBe(Enumerable.Range(100, 41).Select(i => (double)i));
    }

    [Fact]
    public async Task A_file_is_read_on_from_where_it_was_and_anew_when_it_was_cut_back()
    {
        string file = _folder.Write("a/metrics.jsonl", Line(1, 5) + Line(2, 4) + "{\"step\":3,\"lo");
        await using Studio studio = await Studio.StartAsync(_folder["a"]);
        Numbers(await studio.OkAsync("/api/metrics?run=a"), "loss", "y").ShouldBe([5, 4]);

        File.AppendAllText(file, "ss\":3}\n" + Line(4, 2));
        using HttpResponseMessage first = await studio.Client.GetAsync("/api/metrics?run=a");
        JsonElement grown = JsonDocument.Parse(await first.Content.ReadAsStringAsync()).RootElement;
        Numbers(grown, "loss", "y").ShouldBe([5, 4, 3, 2]);

        using HttpRequestMessage again = new(HttpMethod.Get, "/api/metrics?run=a");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage same = await studio.Client.SendAsync(again);
        same.StatusCode.ShouldBe(HttpStatusCode.NotModified);

        // Resumed at step 2, and already longer than before.
        File.WriteAllText(file, Line(1, 5) + Line(2, 4) + Line(3, 30) + Line(4, 20) + Line(5, 10));
        Numbers(await studio.OkAsync("/api/metrics?run=a"), "loss", "y").ShouldBe([5, 4, 30, 20, 10]);
        File.WriteAllText(file, Line(1, 7));
        Numbers(await studio.OkAsync("/api/metrics?run=a"), "loss", "y").ShouldBe([7]);
    }

    [Fact]
    public async Task Lines_that_are_no_records_are_counted_and_every_number_of_the_others_is_a_curve()
    {
        _folder.Write(
            "a/metrics.jsonl",
            Line(1, 5)
                + "no record\n{\"step\":2,\"loss\":\n\r\n{\"global_step\":7,\"nested\":{\"x\":1},\"text\":\"t\",\"kl\":0.5,\"lo\\u0073s\":4}\n{\"step\":8,\"loss\":3}garbage\n"
        );
        await using Studio studio = await Studio.StartAsync(_folder["a"]);
        JsonElement sent = await studio.OkAsync("/api/metrics?run=a");
        sent.GetProperty("skipped").GetInt32().ShouldBe(3);
        Numbers(sent, "loss", "x").ShouldBe([1, 7]);
        Numbers(sent, "kl", "y").ShouldBe([0.5]);
        sent.GetProperty("series").EnumerateObject().Select(p => p.Name).ShouldBe(["loss", "kl"], ignoreOrder: true);
    }

    [Fact]
    public void Numbers_are_read_to_the_last_bit()
    {
        Random random = new(3);
        double[] values =
        [
            0,
            -0.5,
            5e-324,
            1.7976931348623157e308,
            123456789012345,
            0.1,
            0.3,
            999999999999999e-15,
            1e22,
            12345678901234567890,
            .. Enumerable.Range(0, 500).Select(i => Math.Round(random.NextDouble() * Math.Pow(10, i % 12), i % 15)),
            .. Enumerable.Range(0, 500).Select(_ => random.NextDouble() - 0.5),
        ];
        _folder.Write("a/metrics.jsonl", string.Concat(values.Select((v, i) => Line(i, v))));
        Curve read = new MetricLog(_folder["a"]).Use((columns, _) => columns.Thinned("loss", values.Length));
        read.Y.ShouldBe(values);
    }

    [Fact]
    public void Large_files_are_read_in_parts_that_end_with_lines()
    {
        StringBuilder text = new();
        for (int i = 1; text.Length < 5 << 20; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{{\"step\":{i},\"loss\":{i * 0.5}{(i % 3 == 0 ? ",\"reward\":" + i : "")}}}\n");
        }
        _folder.Write("a/metrics.jsonl", text.ToString());
        int lines = text.ToString().Count(c => c == '\n');
        (int Lines, Curve Loss, Curve Reward) read = new MetricLog(_folder["a"]).Use(
            (columns, _) => (columns.Lines, columns.Thinned("loss", lines), columns.Thinned("reward", lines))
        );
        read.Lines.ShouldBe(lines);
        read.Loss.X.ShouldBe(Enumerable.Range(1, lines).Select(i => (double)i));
        read.Loss.Y.ShouldBe(Enumerable.Range(1, lines).Select(i => i * 0.5));
        read.Reward.Y.ShouldBe(Enumerable.Range(1, lines).Where(i => i % 3 == 0).Select(i => (double)i));
    }

    [Fact]
    public async Task Event_files_of_TensorBoard_are_curves_too()
    {
        Directory.CreateDirectory(_folder["tb"]);
        using TensorBoardFile file = new(_folder["tb"], TimeProvider.System);
        file.Step(new StepMetrics(1, 4, 3.5, double.NaN, 0.5, 1, 10, 0.1, 100, double.NaN, 1000));
        await using Studio studio = await Studio.StartAsync(_folder["tb"]);
        Numbers(await studio.OkAsync("/api/metrics?run=tensorboard"), "train/loss", "y").ShouldBe([3.5]);
        file.Step(new StepMetrics(2, 4, 2.5, double.NaN, 0.5, 1, 20, 0.1, 100, double.NaN, 1000));
        file.Dispose();
        JsonElement grown = await studio.OkAsync("/api/metrics?run=tensorboard");
        Numbers(grown, "train/loss", "x").ShouldBe([1, 2]);
        Numbers(grown, "train/loss", "y").ShouldBe([3.5, 2.5]);
    }

    [Fact]
    public async Task Scalars_as_TensorFlow_2_writes_them_are_curves_too()
    {
        // Event { step 2, summary 5 { value 1 { tag 1, tensor 8 { dtype 1, tensor_shape 2, float_val 5 or tensor_content 4 }, metadata 9 {
        // plugin_data 1 { plugin_name 1 } } } } }
        byte[] Summary(byte[] tensor) =>
            Field(5, Field(1, [.. Field(1, "eval/reward"u8), .. Field(8, tensor), .. Field(9, Field(1, Field(1, "scalars"u8)))]));
        byte[] first = [0x10, 7, .. Summary([0x08, 1, 0x12, 0, .. Field(5, BitConverter.GetBytes(0.25f))])];
        byte[] second = [0x10, 0xAC, 0x02, .. Summary([0x08, 2, 0x12, 0, .. Field(4, BitConverter.GetBytes(0.75))])];
        _folder.Write(
            "tf/events.out.tfevents.1700000000.host.1.v2",
            [.. Record([0x1A, 12, .. "brain.Event:2"u8[..12]]), .. Record(first), .. Record(second)]
        );
        await using Studio studio = await Studio.StartAsync(_folder["tf"]);
        JsonElement sent = await studio.OkAsync("/api/metrics?run=tf");
        Numbers(sent, "eval/reward", "x").ShouldBe([7, 300]);
        Numbers(sent, "eval/reward", "y").ShouldBe([0.25, 0.75]);
    }

    private static byte[] Field(int number, ReadOnlySpan<byte> bytes) => [(byte)((number << 3) | 2), (byte)bytes.Length, .. bytes];

    private static byte[] Record(byte[] message)
    {
        byte[] length = BitConverter.GetBytes((ulong)message.Length);
        return [.. length, .. BitConverter.GetBytes(Masked(length)), .. message, .. BitConverter.GetBytes(Masked(message))];
    }

    /// <summary>CRC-32C bit by bit, rotated and offset.</summary>
    private static uint Masked(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78u);
            }
        }
        crc = ~crc;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
    }

    private static string Line(double step, double loss) =>
        string.Create(CultureInfo.InvariantCulture, $"{{\"step\":{step},\"loss\":{loss}}}\n");

    private static double[] Numbers(JsonElement sent, string name, string part) =>
        [.. sent.GetProperty("series").GetProperty(name).GetProperty(part).EnumerateArray().Select(n => n.GetDouble())];
}
