using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Inference.Tests;

public sealed class ChatSessionTests : IDisposable
{
    private const string Llama = """
        {"model_type":"llama","vocab_size":259,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,
         "num_key_value_heads":2,"max_position_embeddings":700,"tie_word_embeddings":true,"initializer_range":0.2}
        """;

    private const string Windowed = """
        {"model_type":"qwen2","vocab_size":259,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
         "max_position_embeddings":700,"tie_word_embeddings":true,"initializer_range":0.2,"use_sliding_window":true,"sliding_window":7,"max_window_layers":1}
        """;

    private const string Recurrent = """
        {"model_type":"qwen3_next","vocab_size":259,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,
         "head_dim":16,"partial_rotary_factor":0.25,"linear_key_head_dim":8,"linear_value_head_dim":12,"linear_num_key_heads":2,"linear_num_value_heads":4,
         "num_experts":4,"num_experts_per_tok":2,"moe_intermediate_size":20,"shared_expert_intermediate_size":24,"mlp_only_layers":[1],
         "max_position_embeddings":700,"initializer_range":0.2}
        """;

    private const string Template =
        "{% for m in messages %}<|turn|>{{ m.role }}:{{ m.content }}<|over|>\n{% endfor %}{% if add_generation_prompt %}<|turn|>bot:{{ mood }}{% endif %}";

    private readonly Device _device = new(threads: 2);
    private readonly Tokenizer _plain = BpeTrainer.TrainText(
        ["a"],
        new BpeTrainerOptions(259, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>", "<|turn|>", "<|over|>"])
    );
    private readonly Tokenizer _tokenizer;

    public ChatSessionTests() => _tokenizer = _plain.WithChatTemplate(Template);

    public void Dispose() => _device.Dispose();

    /// <summary>Neither the tokenizer nor the configuration names the token that the template puts behind an answer.</summary>
    [Fact]
    public void The_token_behind_an_answer_ends_it()
    {
        int Id(string token) => _tokenizer.TokenToId(token)!.Value;
        using CausalLm model = ChainModel.Make(
            _device,
            259,
            ChainModel.Chain(Id(":"), Id("o"), Id("k"), 2, Id("x"), Id("y"), Id("z")),
            ",\"eos_token_id\":0"
        );
        using ChatSession session = new(model, _tokenizer);
        string.Concat(session.Answer([Say("user", "hi")], SamplingParams.Greedy(12))).ShouldBe("ok");
        (session.FinishReason, session.NewTokens, session.Text).ShouldBe((FinishReason.Stop, 2, "ok"));
        string.Concat(session.Answer([Say("user", "hi")], SamplingParams.Greedy(5, ignoreEos: true))).ShouldBe("okxy");
    }

    [Theory]
    [InlineData(Llama, true)]
    [InlineData(Windowed, null)] // as long as the window has not moved on
    [InlineData(Recurrent, false)]
    public void What_is_kept_between_answers_changes_none(string config, bool? canShorten)
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(config), _device, seed: 3);
        using ChatSession session = new(model, _tokenizer);
        SamplingParams p = SamplingParams.Greedy(12, ignoreEos: true);
        JsonArray messages = [Say("system", "be kind")];
        for (int turn = 0; turn < 3; turn++)
        {
            messages.Add((JsonNode)Say("user", $"question {turn}"));
            string answer = string.Concat(session.Answer(messages, p));
            answer.ShouldBe(Fresh(model, messages, p), $"turn {turn}");
            session.ReusedTokens.ShouldBeLessThan(session.PromptTokens);
            if (canShorten == true)
            {
                (session.ReusedTokens > 0).ShouldBe(turn > 0);
            }
            messages.Add((JsonNode)Say("assistant", answer));
        }
        // Another answer to the same, an earlier message in other words, and a new conversation.
        messages.RemoveAt(messages.Count - 1);
        string.Concat(session.Answer(messages, p)).ShouldBe(Fresh(model, messages, p));
        session.ReusedTokens.ShouldBe(canShorten is null ? session.ReusedTokens : WholeBlocks(session.PromptTokens - 1));
        messages[1] = Say("user", "another question");
        string.Concat(session.Answer(messages, p)).ShouldBe(Fresh(model, messages, p));
        string.Concat(session.Answer([Say("user", "new")], p)).ShouldBe(Fresh(model, [Say("user", "new")], p));
    }

    [Fact]
    public void An_answer_that_is_cut_short_is_kept_and_the_talk_goes_on()
    {
        using CausalLm model = Pretrained.New(HfConfig.Parse(Llama), _device, seed: 3);
        using ChatSession session = new(model, _tokenizer);
        using CancellationTokenSource cancel = new();
        SamplingParams p = SamplingParams.Greedy(200, ignoreEos: true);
        JsonArray messages = [Say("user", "hi")];
        Should.Throw<OperationCanceledException>(() =>
        {
            foreach (string _ in session.Answer(messages, p, cancel.Token))
            {
                if (session.NewTokens >= 9)
                {
                    cancel.Cancel();
                }
            }
        });
        session.NewTokens.ShouldBeInRange(9, 12);
        string.Concat(session.Answer(messages, p with { MaxTokens = 20 })).ShouldBe(Fresh(model, messages, p with { MaxTokens = 20 }));
        session.ReusedTokens.ShouldBe(WholeBlocks(session.PromptTokens - 1));
    }

    /// <summary>What is kept is kept in blocks of sixteen tokens.</summary>
    private static int WholeBlocks(int tokens) => tokens / RaggedRows.BlockTokens * RaggedRows.BlockTokens;

    [Fact]
    public void Old_turns_go_when_the_context_is_full_and_the_system_stays()
    {
        JsonArray messages = [Say("system", "be kind")];
        for (int turn = 0; turn < 5; turn++)
        {
            messages.Add((JsonNode)Say("user", $"question {turn}"));
            messages.Add((JsonNode)Say("assistant", $"answer {turn}"));
        }
        messages.Add((JsonNode)Say("user", "last"));
        ChatPrompt prompt = new(_tokenizer);
        int whole = prompt.Encode(messages).Length;
        prompt.Encode(messages, whole + 10, 10).DroppedTurns.ShouldBe(0);
        (int[] ids, int dropped) = prompt.Encode(messages, whole, 10);
        dropped.ShouldBe(1);
        _tokenizer
            .Decode(ids)
            .ShouldBe(
                "<|turn|>system:be kind<|over|>\n"
                    + string.Concat(
                        Enumerable.Range(1, 4).Select(i => $"<|turn|>user:question {i}<|over|>\n<|turn|>assistant:answer {i}<|over|>\n")
                    )
                    + "<|turn|>user:last<|over|>\n<|turn|>bot:"
            );
        prompt.Encode(messages, 1, 1).DroppedTurns.ShouldBe(5);

        using CausalLm model = Pretrained.New(HfConfig.Parse(Llama.Replace("700", $"{whole}", StringComparison.Ordinal)), _device, seed: 3);
        using ChatSession session = new(model, _tokenizer);
        _ = string.Concat(session.Answer(messages, new SamplingParams(Temperature: 0, MaxTokens: int.MaxValue, IgnoreEos: true)));
        session.DroppedTurns.ShouldBeGreaterThan(0);
        (session.FinishReason, session.ContextIsFull).ShouldBe((FinishReason.Length, true));
        (session.PromptTokens + session.NewTokens).ShouldBe(whole);
    }

    [Fact]
    public void Variables_reach_the_template_or_are_refused_without_one()
    {
        new ChatPrompt(_tokenizer, new JsonObject { ["mood"] = "glad" })
            .Encode([Say("user", "x")])[^4..]
            .ShouldBe(_tokenizer.Encode("glad"));
        Should
            .Throw<InvalidDataException>(() => new ChatPrompt(_plain, new JsonObject { ["mood"] = "glad" }))
            .Message.ShouldContain("no chat template");
        Should
            .Throw<InvalidDataException>(() => new ChatPrompt(_plain).Encode([new JsonObject { ["role"] = 3 }]))
            .Message.ShouldContain("a role and a content");
    }

    private string Fresh(CausalLm model, JsonArray messages, SamplingParams p)
    {
        using ChatSession session = new(model, _tokenizer);
        return string.Concat(session.Answer(messages, p));
    }

    private static JsonObject Say(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
