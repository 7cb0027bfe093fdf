using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Testing;

/// <summary>
/// A real model, computed by the real engine, that says what a test wants: embedding and head are tables in which each token has one
/// successor. A conversation whose last
/// message is the name of a script, such as <c>&lt;|weather|&gt;</c>, is answered with the script's pieces, each a token of its own.
/// </summary>
internal sealed class ScriptedModel : IDisposable
{
    /// <summary>Scripts that most tests use. No piece may occur twice, as each has one successor.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Scripts = new Dictionary<string, string[]>
    {
        ["hello"] = ["Hello", ", ", "wor", "ld!"],
        ["chinese"] = ["你", "好", "，世界"],
        ["nothing"] = [],
        ["weather"] = ["<tool_call>", "\n{\"name\": \"get_weather\"", ", \"arguments\": {\"city\"", ": \"Par", "is\"}}", "\n</tool_call>"],
        ["two"] =
        [
            "I look. <tool_call>\n",
            "{\"name\": \"get_time\", \"arguments\": {\"city\": null}}\n",
            "</tool_call>\n<tool_call>",
            "\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}",
            "</tool_call> ",
        ],
        ["think"] = ["<think>\nShe greets", " me.\n</think>\n\n", "Good day."],
        ["long"] = [.. Enumerable.Range(0, 400).Select(i => $" word{i}")],
        ["json"] = ["{\"answer\"", ": 42}"],
        ["sun"] = ["The sun", " shines", " in Paris."],
    };

    /// <summary>Every conversation ends with its last message, so that the last token chooses the script; the words about tools make the
    /// form of calls known.</summary>
    private const string Template =
        "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if m.tool_calls %}{% for c in m.tool_calls %}[{{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor %}{% endif %}<|end|>{% endfor %}"
        + "{% if tools %}<|tools|>{{ tools | tojson }}FORM{% endif %}{% if add_generation_prompt %}<|assistant|>{{ messages[-1].content | replace('\"', '') }}{% endif %}";

    private readonly Device _device = new(1);

    /// <summary>Makes it.</summary>
    /// <param name="scripts">name, and what is said</param>
    /// <param name="form">words of the template that tell how calls are written</param>
    /// <param name="context">tokens of the context</param>
    public ScriptedModel(IReadOnlyDictionary<string, string[]> scripts, string form = "<tool_call>", int context = 4096)
    {
        List<(string Text, bool Special)> added =
        [
            ("<|bos|>", true),
            ("<|end|>", true),
            ("<|user|>", true),
            ("<|assistant|>", true),
            ("<|system|>", true),
            ("<|tool|>", true),
            ("<|tools|>", true),
        ];
        List<(int, int)> chain = [];
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        int vocabulary = 256;
        int Id(string text, bool special)
        {
            if (!ids.TryGetValue(text, out int id))
            {
                ids[text] = id = vocabulary++;
                if (!added.Any(a => a.Text == text))
                {
                    added.Add((text, special));
                }
            }
            return id;
        }

        foreach ((string text, bool special) in added.ToArray())
        {
            Id(text, special);
        }
        int end = ids["<|end|>"];
        foreach ((string name, string[] pieces) in scripts)
        {
            int at = Id($"<|{name}|>", special: false);
            foreach (string piece in pieces)
            {
                int next = Id(piece, special: piece is "[TOOL_CALLS]" or "<|python_tag|>");
                chain.Add((at, next));
                at = next;
            }
            chain.Add((at, end));
        }
        JsonObject vocab = [];
        string[] letters = Letters();
        for (int i = 0; i < 256; i++)
        {
            vocab[letters[i]] = i;
        }
        JsonObject json = new()
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([
                .. added.Select(
                    JsonNode (a) =>
                        new JsonObject
                        {
                            ["id"] = ids[a.Text],
                            ["content"] = a.Text,
                            ["single_word"] = false,
                            ["lstrip"] = false,
                            ["rstrip"] = false,
                            ["normalized"] = false,
                            ["special"] = a.Special,
                        }
                ),
            ]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "ByteLevel",
                ["add_prefix_space"] = false,
                ["trim_offsets"] = true,
                ["use_regex"] = true,
            },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject
            {
                ["type"] = "ByteLevel",
                ["add_prefix_space"] = true,
                ["trim_offsets"] = true,
                ["use_regex"] = true,
            },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["vocab"] = vocab,
                ["merges"] = new JsonArray(),
            },
        };
        JsonObject config = new()
        {
            ["bos_token"] = "<|bos|>",
            ["eos_token"] = "<|end|>",
            ["chat_template"] = Template.Replace("FORM", form, StringComparison.Ordinal),
        };
        Tokenizer = Tokenizer.FromJson(
            Encoding.UTF8.GetBytes(json.ToJsonString()),
            Encoding.UTF8.GetBytes(config.ToJsonString()),
            "scripted"
        );
        Model = Chain(vocabulary, chain, context, end);
    }

    public Tokenizer Tokenizer { get; }

    public CausalLm Model { get; }

    public void Dispose()
    {
        Model.Dispose();
        _device.Dispose();
    }

    private CausalLm Chain(int vocabulary, List<(int Token, int Next)> chain, int context, int end)
    {
        int hidden = (vocabulary + 15) / 16 * 16;
        CausalLm model = Pretrained.New(
            HfConfig.Parse(
                $$"""
                {"model_type":"llama","vocab_size":{{vocabulary}},"hidden_size":{{hidden}},"intermediate_size":16,"num_hidden_layers":1,"num_attention_heads":1,
                 "num_key_value_heads":1,"head_dim":16,"max_position_embeddings":{{context}},"tie_word_embeddings":false,"eos_token_id":{{end}}}
                """
            ),
            _device,
            seed: 1
        );
        foreach (Parameter p in model.Parameters)
        {
            p.Tensor.Span.Fill(p.Name.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0);
        }
        Span<float> embedding = model.Parameters["model.embed_tokens.weight"].Span,
            head = model.Parameters["lm_head.weight"].Span;
        Dictionary<int, int> successors = chain.ToDictionary(pair => pair.Token, pair => pair.Next);
        for (int id = 0; id < vocabulary; id++)
        {
            embedding[(id * hidden) + id] = 1;
            head[(successors.GetValueOrDefault(id, id) * hidden) + id] = 1;
        }
        return model;
    }

    /// <summary>The letters that stand for bytes in byte-level vocabularies.</summary>
    private static string[] Letters()
    {
        string[] letters = new string[256];
        int other = 256;
        for (int b = 0; b < 256; b++)
        {
            bool own = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            letters[b] = ((char)(own ? b : other++)).ToString();
        }
        return letters;
    }
}
