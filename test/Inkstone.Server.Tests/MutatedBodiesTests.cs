using System.Text;
using System.Text.Json.Nodes;

namespace Inkstone.Server.Tests;

/// <summary>Bodies with random faults: whatever comes, the server answers with no 5xx and goes on.</summary>
public sealed class MutatedBodiesTests
{
    private static readonly (string Path, string Body)[] Bodies =
    [
        (
            "/v1/chat/completions",
            """{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"<|hello|>"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"<|hello|>"}],"temperature":0.5,"top_p":0.9,"top_k":5,"min_p":0.1,"max_tokens":5,"n":2,"stop":["x","y"],"seed":3,"logprobs":true,"top_logprobs":2,"logit_bias":{"5":-1},"presence_penalty":0.1,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}}}],"tool_choice":"auto","stream":false,"stream_options":{"include_usage":true},"chat_template_kwargs":{"x":1}}"""
        ),
        (
            "/v1/chat/completions",
            """{"messages":[{"role":"user","content":"<|json|>"}],"max_tokens":8,"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{"type":"string","pattern":"^x+$","maxLength":3},"b":{"enum":[1,2]},"c":{"$ref":"#/$defs/d"}},"required":["a"],"$defs":{"d":{"type":"array","items":{"type":"number","minimum":0},"maxItems":2}}}}}}"""
        ),
        (
            "/v1/chat/completions",
            """{"messages":[{"role":"user","content":"a"}],"max_tokens":4,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"],"additionalProperties":false}}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"f"}}}"""
        ),
        (
            "/v1/completions",
            """{"prompt":["a",[1,2]],"max_tokens":3,"n":1,"best_of":2,"echo":true,"logprobs":1,"suffix":"s","temperature":1,"guided_regex":"[ab]+"}"""
        ),
        (
            "/completion",
            """{"prompt":"a","n_predict":3,"n_probs":2,"grammar":"root ::= \"a\" [b-c]*","response_fields":["content"],"repeat_penalty":1.1,"logit_bias":[[5,-1],["x",false]]}"""
        ),
        (
            "/v1/responses",
            """{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}],"instructions":"i","max_output_tokens":3,"tools":[{"type":"function","name":"f","parameters":{}}],"text":{"format":{"type":"text"}},"reasoning":{"effort":"low"}}"""
        ),
        ("/v1/embeddings", """{"input":["a","b",[1,2]],"encoding_format":"base64","dimensions":4,"pooling":"last"}"""),
        (
            "/v1/messages",
            """{"max_tokens":3,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x","is_error":true}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"},"thinking":{"type":"enabled","budget_tokens":5},"stop_sequences":["q"]}"""
        ),
        ("/v1/messages/count_tokens", """{"messages":[{"role":"user","content":"a"}],"system":"s"}"""),
        (
            "/api/chat",
            """{"model":"m","messages":[{"role":"user","content":"a"}],"stream":false,"format":{"type":"object","properties":{"a":{"type":"null"}}},"options":{"num_predict":3,"temperature":0.1,"stop":["z"]},"think":false}"""
        ),
        ("/api/generate", """{"prompt":"a","system":"s","raw":false,"stream":false,"options":{"num_predict":2}}"""),
        ("/api/embed", """{"model":"m","input":["a","b"],"truncate":true,"options":{"num_ctx":64},"keep_alive":"5m","dimensions":4}"""),
        ("/api/embeddings", """{"model":"m","prompt":"a"}"""),
        ("/api/show", """{"model":"m","verbose":true}"""),
        ("/tokenize", """{"content":"abc","add_special":true,"with_pieces":true}"""),
        ("/detokenize", """{"tokens":[1,2,3]}"""),
        ("/apply-template", """{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}]}"""),
    ];

    private static readonly string[] Values =
    [
        "null",
        "true",
        "-1",
        "0",
        "1e308",
        "1e999",
        "99999999999999999999",
        "0.5",
        "\"\"",
        "\"x\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[null]",
        "[[[]]]",
        "{\"type\":\"object\"}",
        "\"" + "long" + "\"",
        "NaN",
    ];

    [Theory]
    [InlineData(600)]
    public Task Some_bodies(int count) => Try(count, 1);

    [Theory]
    [InlineData(20_000)]
    [Trait("Category", "Slow")]
    public Task Twenty_thousand_bodies(int count) => Try(count, 2);

    private static async Task Try(int count, int seed)
    {
        await using Served served = await Served.StartAsync();
        Random random = new(seed);
        SortedDictionary<int, int> statuses = [];
        for (int i = 0; i < count; i++)
        {
            (string path, string body) = Bodies[random.Next(Bodies.Length)];
            byte[] mutated = Mutate(body, random);
            using ByteArrayContent content = new(mutated);
            using HttpResponseMessage response = await served.Client.PostAsync(path, content);
            int status = (int)response.StatusCode;
            string answer = await response.Content.ReadAsStringAsync();
            status.ShouldBeLessThan(500, $"{path} {Encoding.UTF8.GetString(mutated)}\n{answer}");
            if (response.Content.Headers.ContentType?.MediaType == "application/json")
            {
                _ = JsonNode.Parse(answer);
            }
            else
            {
                status.ShouldBe(200, answer); // a stream: only what could be begun
            }
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
        }
        statuses.Keys.ShouldContain(200);
        statuses.Keys.ShouldContain(400);
        await served.OkAsync("/v1/chat/completions", Served.Say("<|hello|>"));
        served.Engine.Statistics.Running.ShouldBe(0);
    }

    /// <summary>Bytes changed, cut, doubled, or a value in the place of another.</summary>
    private static byte[] Mutate(string body, Random random)
    {
        if (random.Next(4) > 0)
        {
            JsonNode root = JsonNode.Parse(body)!;
            if (random.Next(5) == 0)
            {
                root["stream"] = true;
            }
            for (int i = 0; i <= random.Next(3); i++)
            {
                root = Replace(root, random);
            }
            string text = root.ToJsonString();
            // What no tree can hold: numbers beyond all bounds and half characters.
            return Encoding.UTF8.GetBytes(text.Replace("\"@@\"", Values[random.Next(Values.Length)], StringComparison.Ordinal));
        }
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        for (int i = 0; i <= random.Next(4); i++)
        {
            int at = random.Next(bytes.Length);
            bytes = random.Next(4) switch
            {
                0 => bytes[..at],
                1 => [.. bytes[..at], (byte)random.Next(256), .. bytes[(at + 1)..]],
                2 => [.. bytes[..at], .. bytes[Math.Max(0, at - random.Next(20))..]],
                _ => [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 8))..]],
            };
            if (bytes.Length == 0)
            {
                break;
            }
        }
        return bytes;
    }

    private static JsonNode Replace(JsonNode root, Random random)
    {
        List<JsonNode> places = [];
        void Walk(JsonNode? node)
        {
            if (node is JsonObject o)
            {
                foreach ((_, JsonNode? value) in o)
                {
                    Walk(value);
                }
            }
            else if (node is JsonArray a)
            {
                foreach (JsonNode? value in a)
                {
                    Walk(value);
                }
            }
            if (node is { Parent: not null })
            {
                places.Add(node);
            }
        }

        Walk(root);
        if (places.Count == 0)
        {
            return root;
        }
        JsonNode chosen = places[random.Next(places.Count)];
        if (random.Next(5) == 0 && chosen.Parent is JsonObject parent)
        {
            parent.Remove(chosen.GetPropertyName());
        }
        else
        {
            chosen.ReplaceWith("@@");
        }
        return root;
    }
}
