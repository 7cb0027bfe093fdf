using System.Text.Json;
using System.Text.Json.Nodes;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models;

/// <summary>
/// A model whose language head has given place to one number: the reward of a text, read from the final hidden state of its last token. Its
/// files are those of transformers'
/// ForSequenceClassification with one label.
/// </summary>
public sealed class ScoredModel : IDisposable
{
    /// <summary>Name of the head's weight, [1, C].</summary>
    public const string ScoreName = "score.weight";

    private const string Tied = "tie_word_embeddings",
        Architectures = "architectures",
        ForClassification = "ForSequenceClassification";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    private readonly HfConfig _config;

    private ScoredModel(HfConfig config, CausalLm model, Tensor score)
    {
        (_config, Model, Score) = (config, model, score);
        Parameter head = new(ScoreName, score);
        Trained = (model.Adapter?.Parameters ?? model.Parameters).With(head);
    }

    /// <summary>The model below the head. Its language head is not there; logits that are asked of it mean nothing.</summary>
    public CausalLm Model { get; }

    /// <summary>The head, [1, C].</summary>
    public Tensor Score { get; }

    /// <summary>What moves in training: all weights, or the adapter's, and the head.</summary>
    public Parameters Trained { get; }

    /// <summary>Whether a directory holds such a model.</summary>
    public static bool IsScored(string directory) =>
        File.Exists(Path.Combine(directory, HfDirectory.ConfigFile))
        && HfConfig.Read(Path.Combine(directory, HfDirectory.ConfigFile)).ToJson().Contains(ForClassification, StringComparison.Ordinal);

    /// <summary>A language model's layers with a new head, or a scored model with its own.</summary>
    /// <param name="path">a model directory</param>
    /// <param name="device">where it computes</param>
    /// <param name="seed">of a new head, normal with the model's initializer_range</param>
    /// <param name="trained">whether parameters want gradients</param>
    /// <param name="adapter">a low-rank adapter that the model wears, or null</param>
    /// <param name="matrixType">type of the matrices in memory</param>
    public static ScoredModel Open(
        string path,
        Device device,
        ulong seed = 0,
        bool trained = true,
        Adapter? adapter = null,
        DType matrixType = DType.Float32
    )
    {
        HfDirectory source = HfDirectory.Open(path);
        if (source.Config.Has("num_labels") && (int)source.Config.Number("num_labels", 1) != 1)
        {
            throw new InvalidDataException(
                $"{source.Config.Source}: num_labels is {(int)source.Config.Number("num_labels", 1)}; a reward is one number, so take a model with one label."
            );
        }
        using HfWeights weights = source.OpenWeights();
        Headless values = new(new LoadedParameters(weights, source.Config));
        JsonObject config = JsonNode.Parse(source.Config.ToJson())!.AsObject();
        config[Tied] = true; // no head of its own is asked for
        foreach (string key in (string[])["num_labels", "id2label", "label2id", "problem_type", "classifier_dropout"])
        {
            config.Remove(key);
        }
        CausalLm model = Pretrained.Build(
            HfConfig.Parse(config.ToJsonString(), source.Config.Source),
            new Scope(device, values, matrixType, trained, adapter)
        );
        Tensor score = Tensor.Allocate(device, new Shape(1, model.OutputWeight.Shape.Last), DType.Float32, trained);
        IParameterSource head = weights.Contains(ScoreName)
            ? new LoadedParameters(weights, source.Config)
            : new FreshParameters(seed, (float)source.Config.Number("initializer_range", 0.02));
        return head.Fill(ScoreName, score, Initial.Normal) is { } fault
            ? throw new InvalidDataException($"{path} does not fit its configuration: {fault}.")
            : new ScoredModel(source.Config, model, score);
    }

    /// <summary>Rewards of hidden states [N, C]: [N, 1].</summary>
    public Tensor Rewards(Tensor hidden) => Ops.Linear(hidden, Score);

    /// <summary>Writes configuration and weights into a directory.</summary>
    /// <param name="directory">where; it exists</param>
    /// <param name="padId">the token that fills rows, behind which transformers does not look for the last one</param>
    public void Write(string directory, int? padId)
    {
        JsonObject config = JsonNode.Parse(_config.ToJson())!.AsObject();
        string? architecture = (string?)(config[Architectures] as JsonArray)?.FirstOrDefault();
        config[Architectures] = new JsonArray(
            (architecture ?? "ForCausalLM").Replace("ForCausalLM", ForClassification, StringComparison.Ordinal)
        );
        config["num_labels"] = 1;
        config["id2label"] = new JsonObject { ["0"] = "LABEL_0" };
        config["label2id"] = new JsonObject { ["LABEL_0"] = 0 };
        if (padId is { } pad)
        {
            config["pad_token_id"] = pad;
        }
        AtomicFile.WriteText(Path.Combine(directory, HfDirectory.ConfigFile), config.ToJsonString(Indented) + "\n");
        SafetensorsWriter.WriteModel(
            directory,
            [.. Model.Parameters.Select(p => new NamedTensor(p.Name, p.Tensor)), new NamedTensor(ScoreName, Score)]
        );
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Model.Dispose();
        Score.Dispose();
    }

    /// <summary>A directory's weights, in which a head of either kind may lie that the model below does not ask for.</summary>
    private sealed class Headless(LoadedParameters inner) : IParameterSource
    {
        public string Name => inner.Name;

        public bool Has(string name) => inner.Has(name);

        public int? RowsOf(string name) => inner.RowsOf(name);

        public DType TypeOf(string name, Shape shape, DType wanted) => inner.TypeOf(name, shape, wanted);

        public string? Fill(string name, Tensor parameter, Initial initial) => inner.Fill(name, parameter, initial);

        public IEnumerable<string> Unexpected(Parameters parameters) => inner.Unexpected(parameters, ScoreName, "lm_head.weight");
    }
}
