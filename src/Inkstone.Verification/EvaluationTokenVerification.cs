using System.Text.Json.Nodes;
using Inkstone.Evaluation;
using Inkstone.Jinja;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Verification;

/// <summary>
/// Requests in tokens (tokens.json; tokenizers lie in ../../tokenizers): how they are cut, and for the models that lie beside (models/NAME)
/// log-likelihoods, windows and texts.
/// </summary>
public sealed class EvaluationTokenVerification(string directory, Device device)
{
    private const double LogLikelihoods = 1e-3;

    /// <summary>Four checks for each tokenizer with a model, one for each without.</summary>
    public IReadOnlyList<VerificationCheck> Run()
    {
        string file = Path.Combine(directory, "tokens.json");
        return File.Exists(file)
            ? [.. JsonNode.Parse(File.ReadAllBytes(file))!["sets"]!.AsObject().SelectMany(s => Set(s.Key, s.Value!.AsObject()))]
            : [];
    }

    private VerificationCheck[] Set(string name, JsonObject set)
    {
        string place = Path.GetFullPath(Path.Combine(directory, "..", "..", "tokenizers", name)),
            weights = Path.Combine(directory, "models", name);
        if (!Directory.Exists(place))
        {
            throw new DirectoryNotFoundException($"the tokenizer of {name} is not at {place}; put it there.");
        }
        Tokenizer tokenizer = Tokenizer.Load(place);
        using CausalLm? model = Directory.Exists(weights) ? Pretrained.Open(weights, device, DType.Float32, trained: false) : null;
        Tally tally = new();
        foreach ((string key, JsonNode? rows) in set)
        {
            string[] words = key.Split('_');
            int length =
                words.Length > 2 && words[^2] == "length" ? int.Parse(words[^1], System.Globalization.CultureInfo.InvariantCulture) : 512;
            LocalModelOptions options = key switch
            {
                "add_bos_token_true" => new(length, AddBosToken: true),
                "add_bos_token_false" => new(length, AddBosToken: false),
                "think_end_token_text" => new(length, ThinkEnd: (string)rows!["token"]!),
                "think_end_token_id" => new(length) { ThinkEndToken = (int)rows!["token"]! },
                _ => new(length),
            };
            Part part = new(tokenizer, model, options, tally);
            switch (key)
            {
                case "add_bos_token_true" or "add_bos_token_false":
                    part.Pairs(rows!["pairs"]);
                    part.Rolling(rows["rolling"]);
                    part.Generate(rows["generate"]);
                    break;
                case "think_end_token_text" or "think_end_token_id":
                    part.Generate(rows!["cases"]);
                    break;
                case "chat":
                    part.Chat(rows!.AsArray(), (string?)set["chat_template"]);
                    break;
                case var _ when key.StartsWith("pairs", StringComparison.Ordinal):
                    part.Pairs(rows);
                    break;
                case var _ when key.StartsWith("rolling", StringComparison.Ordinal):
                    part.Rolling(rows);
                    break;
                case var _ when key.StartsWith("generate", StringComparison.Ordinal):
                    part.Generate(rows);
                    break;
            }
        }
        VerificationCheck split = new($"{name}: tokens of requests", tally.Tokens, 0);
        return model is null
            ? [split]
            :
            [
                split,
                new($"{name}: log-likelihoods", tally.Worst, LogLikelihoods),
                new($"{name}: greedy flags", tally.Flags, 0),
                new($"{name}: texts", tally.Texts, 0),
            ];
    }

    private sealed class Tally
    {
        public double Tokens,
            Flags,
            Texts,
            Worst;
    }

    /// <summary>Requests under one set of options.</summary>
    private sealed class Part(Tokenizer tokenizer, CausalLm? model, LocalModelOptions options, Tally tally)
    {
        private readonly TokenSplitter _splitter = new(tokenizer, options.AddBosToken);

        public void Pairs(JsonNode? pairs)
        {
            foreach (JsonNode? pair in pairs!.AsArray())
            {
                (string context, string continuation) = ((string)pair!["context"]!, (string)pair["continuation"]!);
                bool raised = pair["raised"] is not null;
                try
                {
                    ScoredTokens tokens = _splitter.Split(context, continuation);
                    tally.Tokens += raised || Same(tokens, pair) ? 0 : 1;
                    if (model is not null)
                    {
                        LocalModel local = new(model, tokenizer, options);
                        Compare(local.LogLikelihoods([(context, continuation)])[0], pair);
                    }
                    tally.Tokens += raised && (model is not null || tokens.Continuation.Length <= options.MaxLength) ? 1 : 0;
                }
                catch (InvalidDataException)
                {
                    tally.Tokens += raised ? 0 : 1;
                }
            }
        }

        public void Rolling(JsonNode? texts)
        {
            foreach (JsonNode? text in texts!.AsArray())
            {
                string whole = (string)text!["text"]!;
                IReadOnlyList<ScoredTokens> windows = _splitter.Windows(whole, options.MaxLength!.Value);
                JsonArray expected = text["windows"]!.AsArray();
                tally.Tokens += windows.Count == expected.Count ? windows.Zip(expected).Count(w => !Same(w.First, w.Second!)) : 1;
                if (model is not null)
                {
                    LocalModel local = new(model, tokenizer, options);
                    tally.Worst = Math.Max(tally.Worst, Math.Abs(local.RollingLogLikelihoods([whole])[0] - (double)text["loglikelihood"]!));
                }
            }
        }

        public void Generate(JsonNode? cases)
        {
            foreach (JsonNode? one in cases!.AsArray().Where(_ => model is not null))
            {
                try
                {
                    LocalModel local = new(model!, tokenizer, options);
                    GeneratedText made = local.Write(
                        (string)one!["context"]!,
                        TextSettings.Parse((DictValue)JsonValues.FromJson(one["gen_kwargs"]))
                    );
                    if (one["raised"] is not null)
                    {
                        tally.Texts++;
                        continue;
                    }
                    // A token that ends the text is recorded, and is not among those that are made here.
                    int[] ids = [.. one["new_ids"]!.AsArray().Select(i => (int)i!)];
                    tally.Tokens += made.Prompt.SequenceEqual(one["fed_ids"]!.AsArray().Select(i => (int)i!)) ? 0 : 1;
                    tally.Texts +=
                        made.Text == (string)one["text"]! && (ids.SequenceEqual(made.Ids) || ids.AsSpan(..^1).SequenceEqual(made.Ids))
                            ? 0
                            : 1;
                }
                catch (InvalidDataException)
                {
                    tally.Texts += one!["raised"] is null ? 1 : 0;
                }
            }
        }

        public void Chat(JsonArray conversations, string? source)
        {
            ChatTemplate template = source is null
                ? ChatTemplate.For(tokenizer)
                : new ChatTemplate(
                    source,
                    tokenizer.BosId is { } bos ? new Dictionary<string, string> { ["bos_token"] = tokenizer.IdToToken(bos) } : null
                );
            foreach (JsonNode? conversation in conversations)
            {
                PromptMessage[] messages =
                [
                    .. conversation!["messages"]!.AsArray().Select(m => new PromptMessage((string)m!["role"]!, (string)m["content"]!)),
                ];
                tally.Tokens +=
                    ChatRendering.Create(template)(messages, (bool)conversation["add_generation_prompt"]!) == (string)conversation["text"]!
                        ? 0
                        : 1;
                Pairs(conversation["pairs"] ?? new JsonArray());
                Generate(conversation["generate"] ?? new JsonArray());
            }
        }

        private static bool Same(ScoredTokens tokens, JsonNode expected) =>
            tokens.Context.SequenceEqual(expected["context_ids"]!.AsArray().Select(i => (int)i!))
            && tokens.Continuation.SequenceEqual(expected["continuation_ids"]!.AsArray().Select(i => (int)i!));

        private void Compare(LogLikelihood found, JsonNode expected)
        {
            if (expected["loglikelihood"] is { } log)
            {
                tally.Worst = Math.Max(tally.Worst, Math.Abs(found.Value - (double)log));
                tally.Flags += found.IsGreedy == (bool)expected["greedy"]! ? 0 : 1;
            }
        }
    }
}
