using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Studio.Tests;

/// <summary>A studio on a free port over a directory of the test's own.</summary>
internal sealed class Studio : IAsyncDisposable
{
    private const string Template =
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

    private readonly StudioServer _server;

    private Studio(StudioServer server) => _server = server;

    public HttpClient Client { get; private init; } = null!;

    public static async Task<Studio> StartAsync(params string[] paths)
    {
        StudioServer server = new(
            new StudioOptions
            {
                Port = 0,
                Paths = paths,
                HoldsModel = path => File.Exists(Path.Combine(path, "config.json")),
                Tokenizer = Tokenizer.Load,
                Open = path =>
                {
                    Device device = new(1);
                    return new OpenedModel(device, Pretrained.Open(path, device, trained: false), GenerationSettings.Read(null));
                },
            }
        );
        await server.StartAsync();
        return new Studio(server) { Client = new HttpClient { BaseAddress = server.Address() } };
    }

    public static Tokenizer NewTokenizer() =>
        BpeTrainer
            .TrainText(
                ["the cat sat on the mat, the cat sat on the hat; 猫坐在垫子上，猫坐在帽子上"],
                new BpeTrainerOptions(300, SplitPattern.Gpt2, SpecialTokens: ["<|end|>", "<|user|>", "<|assistant|>"])
            )
            .WithChatTemplate(Template);

    /// <summary>A model of two layers with grouped keys, of random weights, with its tokenizer.</summary>
    public static void WriteModel(string directory)
    {
        using Device device = new(1);
        using CausalLm model = Pretrained.New(
            HfConfig.Parse(
                """
                {"model_type":"llama","vocab_size":304,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":8,"max_position_embeddings":128,"tie_word_embeddings":false}
                """
            ),
            device,
            seed: 5
        );
        Pretrained.Save(model, directory, beside: place => NewTokenizer().Save(place));
    }

    public async Task<(int Status, JsonElement Body)> GetAsync(string path)
    {
        using HttpResponseMessage answer = await Client.GetAsync(path);
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }

    public async Task<(int Status, JsonElement Body)> PostAsync(string path, JsonObject body)
    {
        using HttpResponseMessage answer = await Client.PostAsync(
            path,
            new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json")
        );
        return ((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }

    public async Task<JsonElement> OkAsync(string path, JsonObject? body = null)
    {
        (int status, JsonElement answer) = body is null ? await GetAsync(path) : await PostAsync(path, body);
        status.ShouldBe(200, answer.ToString());
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.StopAsync();
        await _server.DisposeAsync();
    }
}
