// A family of models that the library does not have: blocks whose attention and feed-forward layer both read the same normed input, side by
// side
// (as in GPT-J and PaLM, arXiv:2204.02311). Once it is added, models of it are made, trained, saved and opened like all others.
using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

ModelFamilies.Add(new ModelFamily("side_by_side", SideBySideBlock.Build, Keys: []));

File.WriteAllLines("days.txt", Enumerable.Range(0, 300).Select(_ => "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday."));
Tokenizer tokenizer = BpeTrainer.Train(["days.txt"], new BpeTrainerOptions(300, SpecialTokens: ["<|endoftext|>"]));
ModelOptions options = new(
    Keys: new Dictionary<string, JsonNode?>(ModelOptions.Llama(hiddenSize: 64, layers: 2).Keys) { ["model_type"] = "side_by_side" }
);
using (LanguageModel made = LanguageModel.New(tokenizer, options))
{
    made.TrainerOn(["days.txt"], new TrainOptions(Steps: 120), length: 64, new OptimizerOptions(LearningRate: 3e-3)).Run();
    made.Save("days", overwrite: true);
}

using LanguageModel model = LanguageModel.Open("days");
Console.WriteLine("Monday, Tuesday," + model.Generate("Monday, Tuesday,", new(Temperature: 0, MaxTokens: 12)));

internal sealed class SideBySideBlock(int layer, Scope s, int hiddenSize, int intermediateSize, AttentionSpec attention, RotaryTable rotary)
    : IDecoderBlock
{
    private readonly RmsNorm _norm = new(s["norm"], hiddenSize, 1e-5f);
    private readonly Linear _q = new(s["q_proj"], hiddenSize, attention.QueryWidth);
    private readonly Linear _k = new(s["k_proj"], hiddenSize, attention.KeyWidth);
    private readonly Linear _v = new(s["v_proj"], hiddenSize, attention.KeyWidth);
    private readonly Linear _o = new(s["o_proj"], attention.QueryWidth, hiddenSize);
    private readonly SwiGlu _mlp = new(s["mlp"], hiddenSize, intermediateSize);

    public ICacheSpec Cache => attention;

    public long ActivationsPerToken => 6L * hiddenSize + 2L * attention.KeyWidth + 3L * intermediateSize;

    public Tensor Forward(Tensor x, ForwardContext ctx) // [B, T, C]
    {
        Tensor h = _norm.Forward(x);
        Tensor q = ctx.Rope(_q.Forward(h), attention.Heads, rotary),
            k = ctx.Rope(_k.Forward(h), attention.KeyValueHeads, rotary);
        return _o.Forward(ctx.Attend(layer, q, k, _v.Forward(h), attention), residual: _mlp.Forward(h, residual: x)); // x + mlp(h) + attention(h)
    }

    public static CausalLm Build(HfConfig c, Scope root)
    {
        int hidden = c.Int("hidden_size"),
            heads = c.Int("num_attention_heads");
        AttentionSpec attention = new(heads, c.Int("num_key_value_heads", heads), hidden / heads);
        RotaryTable rotary = Rotary.From(c, attention.HeadDim);
        return new DecoderModel<SideBySideBlock>(
            c,
            root,
            new DecoderShape(c.Int("vocab_size"), hidden, c.Int("num_hidden_layers"), c.Bool("tie_word_embeddings", false)),
            (layer, s) => new SideBySideBlock(layer, s, hidden, c.Int("intermediate_size"), attention, rotary),
            s => new RmsNorm(s, hidden, 1e-5f).Forward
        );
    }
}
