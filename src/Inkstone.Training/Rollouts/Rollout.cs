using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Inkstone.Files;
using Inkstone.Inference;

namespace Inkstone.Training;

/// <summary>An answer that the policy wrote, with all that is known of it.</summary>
internal sealed class RolledAnswer
{
    /// <summary>Tokens of the prompt; one list for all answers to it.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>Its tokens, the one that ends it included.</summary>
    public required int[] Ids { get; init; }

    /// <summary>Their log-probabilities by the engine that wrote them, at the rollout's temperature.</summary>
    public required double[] Sampled { get; init; }

    /// <summary>Whether it ended by itself.</summary>
    public required bool Ended { get; init; }

    /// <summary>Log-probabilities by the trainer's arithmetic before the first step; null where one step alone learns from it, which finds
    /// them itself.</summary>
    public double[]? Old { get; set; }

    /// <summary>Those under the reference; null where it does not count.</summary>
    public double[]? Reference { get; set; }

    /// <summary>One number, or one for each token.</summary>
    public double[] Advantages { get; set; } = [0];

    /// <summary>What a critic said of each token, and what it should have said; null without a critic.</summary>
    public double[]? Values { get; set; }

    /// <summary>See <see cref="Values"/>.</summary>
    public double[]? Returns { get; set; }

    /// <summary>A text that an engine has ended, with the token that ended it.</summary>
    /// <param name="prompt">what it answers</param>
    /// <param name="text">the text, with log-probabilities</param>
    /// <param name="said">what it says; empty where the engine has no tokenizer</param>
    public static RolledAnswer Create(int[] prompt, Generation text, out string said)
    {
        if (text.Failure is { } failure)
        {
            throw new InvalidOperationException($"an answer could not be written: {failure.Message}", failure);
        }
        StringBuilder pieces = new();
        List<int> ids = [];
        List<double> logProbs = [];
        while (text.TryRead(out GenerationOutput output))
        {
            pieces.Append(output.Text);
            if (output.Id >= 0)
            {
                ids.Add(output.Id);
                logProbs.Add(output.LogProb);
            }
        }
        if (text.EndToken is { } end)
        {
            ids.Add(end.Id);
            logProbs.Add(end.LogProb);
        }
        said = pieces.ToString();
        return new RolledAnswer
        {
            Prompt = prompt,
            Ids = [.. ids],
            Sampled = [.. logProbs],
            Ended = text.EndToken is not null,
        };
    }
}

/// <summary>Answers to a few prompts, group behind group, by the policy at one moment.</summary>
internal sealed class Rollout
{
    /// <summary>The answers.</summary>
    public List<RolledAnswer> Answers { get; init; } = [];

    /// <summary>What logs show of it.</summary>
    public List<MetricTerm> Told { get; init; } = [];

    /// <summary>Prompt, answer and rewards of the first few, as logs show them.</summary>
    public List<Shown> Shown { get; init; } = [];
}

/// <summary>An answer as logs show it.</summary>
internal sealed record Shown(string Prompt, string Text);

/// <summary>A rollout that is not yet used up lies in the checkpoint: the weights that wrote it are gone.</summary>
internal sealed class StoredRollout
{
    public const string FileName = "rollout.json";

    /// <summary>Micro-batches that were taken of it.</summary>
    public int Taken { get; init; }

    /// <summary>The rollout.</summary>
    public Rollout Rollout { get; init; } = new();

    public static void Write(string directory, Rollout rollout, int taken) =>
        AtomicFile.WriteText(
            Path.Combine(directory, FileName),
            JsonSerializer.Serialize(new StoredRollout { Taken = taken, Rollout = rollout }, RolloutJson.Default.StoredRollout) + "\n"
        );

    public static StoredRollout? Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllText(path), RolloutJson.Default.StoredRollout) : null;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is damaged ({e.Message}); go on from another checkpoint", e);
        }
    }
}

/// <summary>JSON of rollouts without reflection. Numbers are written so that they are read again as they were.</summary>
[JsonSourceGenerationOptions(NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(StoredRollout))]
[JsonSerializable(typeof(RankAnswers))]
internal sealed partial class RolloutJson : JsonSerializerContext;
