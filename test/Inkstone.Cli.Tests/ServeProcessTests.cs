using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inkstone.Cli.Tests;

/// <summary><c>ink serve</c> as a process: its end, and what it tells a collector.</summary>
public sealed class ServeProcessTests(Workplace place) : IClassFixture<Workplace>
{
    private const string Model =
        """{"model_type":"llama","hidden_size":HIDDEN,"intermediate_size":1024,"num_hidden_layers":8,"num_attention_heads":8,"num_key_value_heads":2,"max_position_embeddings":4096,"rms_norm_eps":1e-5,"tie_word_embeddings":true}""";

    [Fact]
    public async Task Every_one_of_16_streams_ends_soon_after_the_signal()
    {
        using Process server = Start("slow", 512, new Dictionary<string, string>());
        using HttpClient client = new() { BaseAddress = await Address(server), Timeout = TimeSpan.FromMinutes(2) };
        using CountdownEvent begun = new(16);
        Task<(string Text, bool Cut, TimeSpan End)>[] streams =
        [
            .. Enumerable.Range(0, 16).Select(i => Task.Run(() => ReadAsync(client, $"text {i}", i < 2 ? 5 : 3500, begun))),
        ];
        begun.Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue();
        long told = Stopwatch.GetTimestamp();
        Ink.Signal(server, PosixSignal.SIGTERM);
        int cut = 0;
        foreach ((string text, bool isCut, TimeSpan end) in await Task.WhenAll(streams))
        {
            (end - Stopwatch.GetElapsedTime(0, told)).ShouldBeLessThan(TimeSpan.FromSeconds(5));
            if (isCut)
            {
                text.ShouldContain("shutting down");
                text.ShouldNotContain("[DONE]");
                cut++;
            }
            else
            {
                text.ShouldContain("\"finish_reason\":\"length\"");
                text.ShouldContain("[DONE]");
            }
        }
        cut.ShouldBeGreaterThan(0, "some were long");
        server.WaitForExit(10_000).ShouldBeTrue();
        server.ExitCode.ShouldBe(0);
    }

    /// <summary>OTLP over HTTP to a receiver of our own, which reads the messages as protobuf.</summary>
    [Fact]
    public async Task A_collector_is_told_of_a_request_and_not_of_its_words()
    {
        using HttpListener collector = new();
        string address = Listen(collector);
        List<(string Path, byte[] Body)> received = [];
        Task receiving = Task.Run(async () =>
        {
            while (collector.IsListening)
            {
                HttpListenerContext call = await collector.GetContextAsync();
                using MemoryStream body = new();
                await call.Request.InputStream.CopyToAsync(body);
                lock (received)
                {
                    received.Add((call.Request.Url!.AbsolutePath, body.ToArray()));
                }
                call.Response.ContentType = "application/x-protobuf";
                call.Response.Close();
            }
        });
        using Process server = Start(
            "told",
            64,
            new Dictionary<string, string>
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address,
                ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
                ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
                ["OTEL_METRIC_EXPORT_INTERVAL"] = "300",
            }
        );
        using HttpClient client = new() { BaseAddress = await Address(server) };
        foreach (string path in (string[])["/v1/completions", "/v1/completions?q=teapot"])
        {
            using HttpResponseMessage answer = await client.PostAsync(
                path,
                new StringContent("""{"prompt": "a zebra in a teapot", "max_tokens": 7, "ignore_eos": true, "user": "ann@example.org"}""")
            );
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        string[] Texts(string path)
        {
            lock (received)
            {
                return [.. received.Where(r => r.Path == path).SelectMany(r => Protobuf(r.Body))];
            }
        }
        for (
            int i = 0;
            i < 100 && !(Texts("/v1/traces").Count(t => t == "POST /v1/completions") == 2 && Texts("/v1/metrics").Length > 0);
            i++
        )
        {
            await Task.Delay(100);
        }
        Ink.Signal(server, PosixSignal.SIGTERM);
        server.WaitForExit(20_000).ShouldBeTrue();
        string[] spans = Texts("/v1/traces"),
            metrics = Texts("/v1/metrics");
        spans.ShouldContain("generate told");
        spans.ShouldContain("gen_ai.usage.output_tokens");
        spans.ShouldContain("/v1/completions");
        spans.ShouldContain("POST /v1/completions");
        spans.ShouldContain("http.response.status_code");
        spans.ShouldContain("inkstone");
        metrics.ShouldContain("gen_ai.server.time_to_first_token");
        metrics.ShouldContain("gen_ai.client.token.usage");
        metrics.ShouldContain("http.server.request.duration");
        lock (received)
        {
            string[] all = [.. received.Select(r => Encoding.Latin1.GetString(r.Body))];
            foreach (string word in (string[])["zebra", "teapot", "ann@"])
            {
                all.ShouldAllBe(body => !body.Contains(word, StringComparison.Ordinal), word);
            }
        }
        collector.Stop();
        await Should.ThrowAsync<Exception>(() => receiving);
    }

    private Process Start(string name, int hidden, IReadOnlyDictionary<string, string> variables)
    {
        File.WriteAllText(
            place[name + ".json"],
            Model.Replace("HIDDEN", hidden.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        );
        Ink.RunIn(place.Path, "new", "--config", name + ".json", "--tokenizer", "tok", "--out", name, "--quiet").ShouldEndWith(0);
        return Ink.Start(place.Path, variables, ["serve", "--model", name, "--port", "0", "--no-color"]);
    }

    /// <summary>Where it listens, which its first line says. What it says later is read and dropped.</summary>
    private static async Task<Uri> Address(Process server)
    {
        while (await server.StandardError.ReadLineAsync() is { } line)
        {
            if (Regex.Match(line, @"at (http://\S+?)/? \(page\)") is { Success: true } found)
            {
                _ = server.StandardError.ReadToEndAsync();
                return new Uri(found.Groups[1].Value);
            }
        }
        throw new InvalidOperationException("it ended before it listened");
    }

    private static async Task<(string Text, bool Cut, TimeSpan End)> ReadAsync(
        HttpClient client,
        string prompt,
        int tokens,
        CountdownEvent begun
    )
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(
                JsonSerializer.Serialize(
                    new
                    {
                        prompt,
                        max_tokens = tokens,
                        ignore_eos = true,
                        stream = true,
                    }
                )
            ),
        };
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
        StringBuilder text = new();
        bool first = true,
            cut = false;
        try
        {
            while (await reader.ReadLineAsync() is { } line)
            {
                if (first && line.StartsWith("data: {", StringComparison.Ordinal))
                {
                    first = false;
                    begun.Signal();
                }
                text.AppendLine(line);
            }
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            cut = true;
        }
        return (text.ToString(), cut, Stopwatch.GetElapsedTime(0));
    }

    private static string Listen(HttpListener listener)
    {
        for (int port = Random.Shared.Next(20_000, 50_000); ; port++)
        {
            try
            {
                listener.Prefixes.Clear();
                listener.Prefixes.Add($"http://127.0.0.1:{port}/");
                listener.Start();
                return $"http://127.0.0.1:{port}";
            }
            catch (HttpListenerException)
            {
                // taken
            }
        }
    }

    /// <summary>All texts in a message, whatever its type: fields of length 2 that hold no message are texts.</summary>
    private static List<string> Protobuf(ReadOnlySpan<byte> message)
    {
        List<string> texts = [];
        _ = Read(message, texts);
        return texts;

        static bool Read(ReadOnlySpan<byte> message, List<string> texts)
        {
            List<string> found = [];
            while (message.Length > 0)
            {
                if (!Varint(ref message, out ulong tag) || tag >> 3 is 0 or > 1000)
                {
                    return false;
                }
                switch (tag & 7)
                {
                    case 0 when Varint(ref message, out _):
                        break;
                    case 1 when message.Length >= 8:
                        message = message[8..];
                        break;
                    case 5 when message.Length >= 4:
                        message = message[4..];
                        break;
                    case 2 when Varint(ref message, out ulong length) && length <= (ulong)message.Length:
                        ReadOnlySpan<byte> inner = message[..(int)length];
                        if (inner.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0)
                        {
                            found.Add(Encoding.UTF8.GetString(inner));
                        }
                        else
                        {
                            _ = Read(inner, found);
                        }
                        message = message[(int)length..];
                        break;
                    default:
                        return false;
                }
            }
            texts.AddRange(found);
            return true;
        }

        static bool Varint(ref ReadOnlySpan<byte> message, out ulong value)
        {
            value = 0;
            for (int i = 0; i < message.Length && i < 10; i++)
            {
                value |= (ulong)(message[i] & 127) << (7 * i);
                if (message[i] < 128)
                {
                    message = message[(i + 1)..];
                    return true;
                }
            }
            return false;
        }
    }
}
