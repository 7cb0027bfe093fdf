using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Inkstone.Server.Tests;

/// <summary>What real clients were seen to need of the connection itself: headers, comments, time-outs, repeated requests.</summary>
public sealed class WireTests
{
    private const string Chat = "/v1/chat/completions";

    [Fact]
    public async Task The_headers_of_a_stream_come_while_its_answer_still_waits()
    {
        await using Served served = await Served.StartAsync(
            engineOptions: new Inference.EngineOptions { MaxSequences = 1 },
            scripts: new Dictionary<string, string[]> { ["ever"] = [.. Enumerable.Range(0, 3000).Select(i => $"w{i} ")] }
        );
        JsonObject body = Served.Say("<|ever|>", ("stream", true), ("ignore_eos", true));
        using HttpResponseMessage first = await SendAsync(served, body);
        await Served.Until(() => served.Engine.Statistics.Running == 1); // its headers come before its turn does
        using HttpResponseMessage second = await SendAsync(served, body);
        second.StatusCode.ShouldBe(HttpStatusCode.OK);
        second.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        await Served.Until(() => served.Engine.Statistics is { Running: 1, Waiting: 1 });
    }

    [Fact]
    public async Task Comments_keep_a_quiet_stream_open()
    {
        DefaultHttpContext http = new();
        using MemoryStream sent = new();
        http.Response.Body = sent;
        EventStream events = new(http, quiet: TimeSpan.FromMilliseconds(30));
        await foreach (int i in events.KeepAlive(SlowAsync()))
        {
            events.Write(new JsonObject { ["i"] = i });
        }
        await events.FlushAsync();
        string text = Encoding.UTF8.GetString(sent.ToArray());
        text.ShouldStartWith(": waiting\n\n");
        text.ShouldEndWith("data: {\"i\":1}\n\n");

        static async IAsyncEnumerable<int> SlowAsync()
        {
            await Task.Delay(200);
            yield return 1;
        }
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("*/*")]
    [InlineData("text/event-stream")]
    public async Task A_stream_is_a_stream_whatever_is_accepted(string accept)
    {
        await using Served served = await Served.StartAsync();
        served.Client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        (string raw, List<JsonElement> events) = await served.StreamAsync(Chat, Served.Say("<|hello|>"));
        raw.ShouldEndWith("data: [DONE]\n\n");
        events.Count.ShouldBeGreaterThan(3);
    }

    [Fact]
    public async Task A_stopping_server_says_when_to_come_again()
    {
        Served served = await Served.StartAsync(new ServerOptions { DrainTime = TimeSpan.FromSeconds(2) });
        using HttpResponseMessage running = await SendAsync(
            served,
            Served.Say("<|long|>", ("stream", true), ("ignore_eos", true), ("max_tokens", 3900))
        );
        Task stopping = served.Server.StopAsync();
        using HttpResponseMessage refused = await SendAsync(served, Served.Say("<|hello|>"));
        refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 59);
        running.Dispose(); // its client goes, so that nothing has to be waited for
        await stopping;
        await served.DisposeAsync();
    }

    /// <summary>Clients read <c>finish_reason</c> as one of five words, and <c>logprob</c> as a number.</summary>
    [Fact]
    public async Task Strict_readers_find_what_they_know()
    {
        await using Served served = await Served.StartAsync();
        foreach (JsonNode? strict in (JsonNode?[])[true, false, null])
        {
            JsonArray tools = Served.Tools("get_weather");
            ((JsonObject)tools[0]!["function"]!)["strict"] = strict;
            JsonElement choice = (await served.OkAsync(Chat, Served.Say("<|weather|>", ("tools", tools)))).GetProperty("choices")[0];
            choice.GetProperty("finish_reason").GetString().ShouldBe("tool_calls");
        }
        (_, List<JsonElement> events) = await served.StreamAsync(Chat, Served.Say("<|hello|>", ("logprobs", true)));
        foreach (JsonElement e in events)
        {
            _ = e.GetProperty("created").GetInt64(); // no fraction
            JsonElement choice = e.GetProperty("choices")[0];
            if (choice.GetProperty("logprobs") is { ValueKind: JsonValueKind.Object } logs)
            {
                logs.GetProperty("content").EnumerateArray().ShouldAllBe(t => t.GetProperty("logprob").ValueKind == JsonValueKind.Number);
            }
            string? reason = choice.GetProperty("finish_reason").GetString();
            (reason is null or "stop" or "length" or "tool_calls" or "content_filter" or "function_call").ShouldBeTrue(reason);
        }
    }

    [Fact]
    public async Task Hundreds_of_texts_are_embedded_in_one_request_and_several_at_once()
    {
        await using Served served = await Served.StartAsync();
        JsonObject body = new() { ["input"] = new JsonArray([.. Enumerable.Range(0, 512).Select(i => (JsonNode)$"t {i}")]) };
        foreach (JsonElement answer in await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => served.OkAsync("/v1/embeddings", body))))
        {
            answer.GetProperty("data").EnumerateArray().Select(d => d.GetProperty("index").GetInt32()).ShouldBe(Enumerable.Range(0, 512));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_that_is_sent_again_gets_the_same_answer(bool stream)
    {
        await using Served served = await Served.StartAsync();
        JsonObject body = Served.Say("<|hello|>", ("stream", stream));
        (HttpStatusCode _, string first, bool fresh) = await WithKeyAsync(served, body, "k1");
        (HttpStatusCode status, string again, bool replayed) = await WithKeyAsync(served, body, "k1");
        (status, again, fresh, replayed).ShouldBe((HttpStatusCode.OK, first, false, true));
        (await WithKeyAsync(served, body, "k2")).Text.ShouldNotBe(first);
        (HttpStatusCode reused, string why, _) = await WithKeyAsync(served, Served.Say("<|sun|>"), "k1");
        (reused, why.Contains("idempotency_key_reused", StringComparison.Ordinal)).ShouldBe((HttpStatusCode.UnprocessableEntity, true));
        (await WithKeyAsync(served, body, new string('k', 300))).Status.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_twin_of_a_running_request_is_told_to_wait_and_one_of_a_cut_request_is_made()
    {
        await using Served served = await Served.StartAsync();
        JsonObject body = Served.Say("<|long|>", ("stream", true), ("ignore_eos", true), ("max_tokens", 3900));
        using (HttpResponseMessage running = await SendAsync(served, body, "k"))
        {
            (HttpStatusCode status, string text, _) = await WithKeyAsync(served, body, "k");
            (status, text.Contains("idempotency_in_progress", StringComparison.Ordinal)).ShouldBe((HttpStatusCode.Conflict, true));
        }
        HttpStatusCode after = HttpStatusCode.Conflict;
        for (int i = 0; i < 100 && after == HttpStatusCode.Conflict; i++)
        {
            await Task.Delay(100); // the .NET client goes after two seconds
            using HttpResponseMessage twin = await SendAsync(served, body, "k");
            after = twin.StatusCode;
        }
        after.ShouldBe(HttpStatusCode.OK);
        // What was refused is no answer.
        (await WithKeyAsync(served, new JsonObject { ["messages"] = 7 }, "bad")).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await WithKeyAsync(served, Served.Say("<|hello|>"), "bad")).Status.ShouldBe(HttpStatusCode.OK);
    }

    private static async Task<(HttpStatusCode Status, string Text, bool Replayed)> WithKeyAsync(Served served, JsonObject body, string key)
    {
        using HttpResponseMessage answer = await SendAsync(served, body, key);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.Contains("Idempotent-Replayed"));
    }

    private static Task<HttpResponseMessage> SendAsync(Served served, JsonObject body, string? key = null)
    {
        HttpRequestMessage request = new(HttpMethod.Post, Chat) { Content = new StringContent(body.ToJsonString()) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }
        return served.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
