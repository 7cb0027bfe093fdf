using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Jinja;

namespace Inkstone.Text.Tests;

public sealed class ChatTemplateGoldenTests
{
    [GoldenFact("goldens/chat")]
    public void Real_templates_render_as_transformers_renders_them()
    {
        string folder = Goldens.Of("chat");
        JsonNode goldens = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "cases.json")))!;
        int compared = 0;
        foreach (JsonNode? golden in goldens["cases"]!.AsArray())
        {
            ChatTemplate template = ChatTemplate.Read(Path.Combine(folder, "templates", (string)golden!["template"]!));
            JsonArray conversation = goldens["conversations"]![(string)golden["conversation"]!]!.AsArray();
            JsonArray? tools = (bool)golden["tools"]! ? goldens["tools"]!.AsArray() : null;
            string Render() => template.Render(conversation, tools, (bool)golden["add_generation_prompt"]!);
            if ((string?)golden["error"] is null)
            {
                Render().ShouldBe((string?)golden["rendered"], golden.ToJsonString());
            }
            else
            {
                Should.Throw<TemplateException>(Render);
            }
            compared++;
        }
        compared.ShouldBeGreaterThan(90);
    }

    [GoldenTheory("goldens/chat/masks.json", "tokenizers")]
    [InlineData("qwen2.5")]
    [InlineData("minimind")]
    [InlineData("mini-llm")]
    public void Masks_of_conversations_are_the_goldens(string name)
    {
        string file = Goldens.Of("chat/masks.json"),
            directory = Goldens.Shared($"tokenizers/{name}");
        Tokenizer tokenizer = Tokenizer.Load(directory);
        ChatMasks masks = new(ChatTemplate.For(tokenizer), tokenizer);
        using JsonDocument goldens = JsonDocument.Parse(File.ReadAllBytes(file));
        int compared = 0;
        foreach (
            JsonElement golden in goldens
                .RootElement.GetProperty("cases")
                .EnumerateArray()
                .Where(c => c.GetProperty("tokenizer").GetString() == name)
        )
        {
            JsonElement conversation = goldens
                .RootElement.GetProperty("conversations")
                .GetProperty(golden.GetProperty("conversation").GetString()!);
            MaskedConversation masked = masks.Mask(conversation).ShouldHaveSingleItem();
            masked.Ids.ShouldBe(golden.GetProperty("ids").Deserialize<int[]>());
            masked.LossMask.Select(l => l ? 1 : 0).ShouldBe(golden.GetProperty("loss_mask").Deserialize<int[]>()!);
            compared++;
        }
        compared.ShouldBe(5);
    }

    [GoldenFact("tokenizers/minimind")]
    public void Answers_end_with_the_token_that_the_template_puts_behind_them()
    {
        Tokenizer tokenizer = Tokenizer.Load(Goldens.Shared("tokenizers/minimind"));
        ChatTemplate.For(tokenizer).EndOfTurn(tokenizer).ShouldBe(["<|im_end|>"]);
        new ChatTemplate("{% for m in messages %}{{ m.content }}<|endoftext|>\n{% endfor %}")
            .EndOfTurn(tokenizer)
            .ShouldBe(["<|endoftext|>", "<|im_end|>"]);
        new ChatTemplate("{{ raise_exception('never') }}").EndOfTurn(tokenizer).ShouldBe(["<|im_end|>"]);
    }
}
