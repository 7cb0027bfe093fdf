using System.Text.Json.Nodes;
using Inkstone.Data;
using Inkstone.SmallWorld;
using Inkstone.Tensors;
using Inkstone.Training;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary>Exact match by greedy generation, before and after fine-tuning, and after learning from preferences.</summary>
/// <param name="Before">Questions in words that were never used for this fact, put to the pretrained model as documents put
/// questions.</param>
/// <param name="After">The same, put to the fine-tuned model by its chat template.</param>
/// <param name="UnaskedBefore">Questions about what documents tell but never ask in any words.</param>
/// <param name="UnaskedAfter">The same, put to the fine-tuned model.</param>
/// <param name="Completed">Sentences that no document contains, which follow from others, completed by the pretrained model.</param>
/// <param name="Inferred">The same as questions to the fine-tuned model.</param>
/// <param name="Preferred">The questions of <paramref name="After"/>, put to the model that has learned preferences; empty where there was
/// nothing to learn.</param>
/// <param name="UnaskedPreferred">Those of <paramref name="UnaskedAfter"/>.</param>
/// <param name="InferredPreferred">Those of <paramref name="Inferred"/>.</param>
internal sealed record QuickstartAnswers(
    IReadOnlyList<FactAnswer> Before,
    IReadOnlyList<FactAnswer> After,
    IReadOnlyList<FactAnswer> UnaskedBefore,
    IReadOnlyList<FactAnswer> UnaskedAfter,
    IReadOnlyList<FactAnswer> Completed,
    IReadOnlyList<FactAnswer> Inferred,
    IReadOnlyList<FactAnswer> Preferred,
    IReadOnlyList<FactAnswer> UnaskedPreferred,
    IReadOnlyList<FactAnswer> InferredPreferred
);

/// <summary>What a quickstart made and measured.</summary>
/// <param name="Directory">where it lies</param>
/// <param name="Trained">the first run</param>
/// <param name="Tuned">the second run</param>
/// <param name="Preferred">the third run; null where the model made too few mistakes to learn from</param>
/// <param name="Data">what the second run learned from</param>
/// <param name="Pairs">what the third run learned from; null without it</param>
/// <param name="Answers">what the models answered</param>
/// <param name="Story">what the pretrained model wrote</param>
/// <param name="Vocabulary">size of the tokenizer</param>
/// <param name="Seconds">wall time of this call</param>
/// <param name="CpuShare">part of the machine that training got</param>
internal sealed record QuickstartReport(
    string Directory,
    RunResult Trained,
    RunResult Tuned,
    RunResult? Preferred,
    ConversationSet Data,
    PreferenceSet? Pairs,
    QuickstartAnswers Answers,
    string Story,
    int Vocabulary,
    double Seconds,
    double CpuShare
)
{
    public const string StoryBegins = "一天早上，";

    /// <summary>The questions that are shown: the first of these kinds, whatever was answered.</summary>
    private static readonly (string Category, WorldLanguage Language)[] Shown =
    [
        ("people", WorldLanguage.Chinese),
        ("calendar", WorldLanguage.English),
        ("addition", WorldLanguage.Chinese),
    ];

    private readonly RunMetrics _reading = RunMetrics.Read(Path.Combine(Directory, "run")),
        _teaching = RunMetrics.Read(Path.Combine(Directory, "chat"));
    private readonly JsonNode _text = Metadata(Directory, "text"),
        _tokens = Metadata(Directory, "tokens");

    private readonly double? _toldApart = Preferred is null
        ? null
        : RunMetrics.Newest(Path.Combine(Directory, "preferred"), "valid_rewards/accuracies");

    private double? Fraction =>
        Trained.Facts.Roof is { } roof && !double.IsNaN(_reading.TokensPerSecond)
            ? Trained.Facts.FlopsPerToken * _reading.TokensPerSecond / roof
            : null;

    public JsonObject Json() =>
        new()
        {
            ["out"] = Directory,
            ["machine"] = CpuFeatures.Describe(),
            ["seconds"] = Math.Round(Seconds, 1),
            ["cpu_share"] = Math.Round(CpuShare, 3),
            ["corpus_bytes"] = _text["bytes"]!.GetValue<long>(),
            ["documents"] = _text["documents"]!.GetValue<long>(),
            ["vocab_size"] = Vocabulary,
            ["train_tokens"] = _tokens["train_tokens"]!.GetValue<long>(),
            ["valid_tokens"] = _tokens["valid_tokens"]!.GetValue<long>(),
            ["parameters"] = Trained.Facts.Parameters,
            ["steps"] = Trained.Progress.Step,
            ["tokens_seen"] = Trained.Progress.Tokens,
            ["bits_per_byte_before"] = _reading.Validations[0].BitsPerByte,
            ["bits_per_byte_after"] = _reading.Validations[^1].BitsPerByte,
            ["sft_conversations"] = Data.Train.Count,
            ["sft_steps"] = Tuned.Progress.Step,
            ["sft_valid_loss_before"] = _teaching.Validations[0].Loss,
            ["sft_valid_loss_after"] = _teaching.Validations[^1].Loss,
            ["preference_pairs"] = Pairs?.Train.Count ?? 0,
            ["preference_steps"] = Preferred?.Progress.Step ?? 0,
            ["preference_accuracy"] = _toldApart,
            ["preference_accuracy_of"] = Pairs?.Valid.Count ?? 0,
            ["exact_match"] = Part(Answers.After, a => a.Right),
            ["exact_match_before_sft"] = Part(Answers.Before, a => a.Right),
            ["exact_match_after_preferences"] = PartOrNull(Answers.Preferred),
            ["exact_match_of"] = Answers.After.Count,
            ["exact_match_by_category"] = Categories(Answers.After),
            ["ended_by_itself"] = Part(Answers.After, a => a.Ended),
            ["never_asked_before_sft"] = Part(Answers.UnaskedBefore, a => a.Right),
            ["never_asked"] = Part(Answers.UnaskedAfter, a => a.Right),
            ["never_asked_after_preferences"] = PartOrNull(Answers.UnaskedPreferred),
            ["never_asked_of"] = Answers.UnaskedAfter.Count,
            ["never_asked_by_category"] = Categories(Answers.UnaskedAfter),
            ["never_told_completed"] = Part(Answers.Completed, a => a.Right),
            ["never_told_answered"] = Part(Answers.Inferred, a => a.Right),
            ["never_told_after_preferences"] = PartOrNull(Answers.InferredPreferred),
            ["never_told_of"] = Answers.Inferred.Count,
            ["never_told_by_category"] = Categories(Answers.Inferred),
            ["examples"] = new JsonArray([
                .. Examples()
                    .Select(e =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["question"] = e.After.Question.Question,
                                ["right"] = e.After.Question.Reply,
                                ["pretrained"] = e.Before.Text,
                                ["fine_tuned"] = e.After.Text,
                            }
                    ),
            ]),
            ["story"] = Story,
            ["tokens_per_second"] = Math.Round(_reading.TokensPerSecond, 1),
            ["fraction_of_roof"] = Fraction,
            ["checkpoint"] = Tuned.Checkpoint,
            ["preferred_checkpoint"] = Preferred?.Checkpoint,
            ["pretrained_checkpoint"] = Trained.Checkpoint,
        };

    public void Print(CommandContext call)
    {
        string ink = ProgramName.Current;
        call.Prose(
            Format.Text(
                $"\nA model of {Trained.Facts.Parameters / 1e6:0.0} million parameters has read {_text["bytes"]!.GetValue<long>() / 1e6:0.0} MB of invented text in pieces of words ({Vocabulary:N0} tokens), {Format.Count(Trained.Progress.Tokens)} tokens in all, then {Data.Train.Count:N0} questions with their answers{(Pairs is null ? "" : Format.Text($", and then {Pairs.Train.Count:N0} wrong answers of its own beside the right ones"))}. It took {Format.Time(Seconds)} on {CpuFeatures.CpuName()}, {Environment.ProcessorCount} cores."
            )
        );
        if (CpuShare < Cli.CpuShare.Alone && Seconds > 10)
        {
            call.Prose(
                Format.Text(
                    $"Other programs ran at the same time, and training got {100 * CpuShare:0} % of the machine; alone it takes about {Format.Time(Seconds * CpuShare)}."
                )
            );
        }
        Table table = new Table()
            .Border(TableBorder.Rounded)
            .AddColumns([
                "on text and questions it never saw",
                "pretrained",
                "fine-tuned",
                .. Pairs is null ? (string[])[] : ["preferences"],
            ]);
        Row(
            "bits per byte",
            Format.Text($"{_reading.Validations[0].BitsPerByte:0.00} → {_reading.Validations[^1].BitsPerByte:0.00}"),
            "",
            ""
        );
        Row("told, asked in new words", Score(Answers.Before), Score(Answers.After), Score(Answers.Preferred));
        Row("told, never asked", Score(Answers.UnaskedBefore), Score(Answers.UnaskedAfter), Score(Answers.UnaskedPreferred));
        Row("never told, but follows", Score(Answers.Completed), Score(Answers.Inferred), Score(Answers.InferredPreferred));
        Row("answers that end by themselves", "", Ended(Answers.After), Ended(Answers.Preferred));
        if (_toldApart is { } share)
        {
            Row("right told from wrong answers of its own", "", "", Format.Text($"{100 * share:0} % of {Pairs!.Valid.Count}"));
        }
        Row(
            "speed",
            Format.Text($"{_reading.TokensPerSecond:#,0} tokens/s"),
            Format.Text($"{_teaching.TokensPerSecond:#,0} tokens/s"),
            Preferred is null ? "" : Format.Text($"{RunMetrics.Read(Path.Combine(Directory, "preferred")).TokensPerSecond:#,0} tokens/s")
        );
        call.Page.Write(table);
        call.Prose(
            $"""
            pretrained: it has read the text and can go on with it. fine-tuned: it has then learned to answer questions and to stop.{(
                Pairs is null ? "" : " preferences: it has then learned which answers are right, from wrong ones of its own."
            )}
            bits per byte: how surprising each byte of unread text still is to the model; less is better.
            The other rows count answers that are right to the letter: about facts of the text in other words, facts that no question ever asked about, and facts that only follow from others.

            Three questions, the first of their kinds:
            """
        );
        foreach ((FactAnswer before, FactAnswer after) in Examples())
        {
            call.Prose($"  {after.Question.Question}");
            Answer("pretrained", before);
            Answer("fine-tuned", after);
        }
        call.Prose(
            $"\nA story that the pretrained model made of \"{StoryBegins}\":\n  {Format.Visible(Story).ReplaceLineEndings("\n  ")}\n"
        );
        string preferred = Preferred is null ? "" : $"\n  {ink} chat --model {Directory}/preferred";
        call.Out.WriteLine(
            $"""
            Try (what a directory holds: {ink} inspect DIR):
              {ink} chat --model {Directory}/chat
              {ink} chat --model {Directory}/chat --message "{Examples()[0].After.Question.Question}" --temperature 0{preferred}
              {ink} generate --model {Directory}/run --prompt "{StoryBegins}"
              {ink} inspect {Directory}/run
              {ink} inspect {Directory}/tokenizer --masks {Directory}/corpus/conversations.jsonl
            """
        );

        void Row(string what, params string[] cells) => table.AddRow([what, .. cells.AsSpan(0, Pairs is null ? 2 : 3)]);

        void Answer(string who, FactAnswer answer) =>
            call.Prose(
                $"    {who}: {Format.Visible(answer.Text).ReplaceLineEndings(" ")}{(answer.Right ? "  (right)" : $"  (wrong: {answer.Question.Reply})")}"
            );
    }

    private IReadOnlyList<(FactAnswer Before, FactAnswer After)> Examples()
    {
        List<(FactAnswer Before, FactAnswer After)> all = [.. Answers.Before.Zip(Answers.After)];
        IEnumerable<(FactAnswer Before, FactAnswer After)> wanted = Shown
            .Select(s => all.Find(p => p.After.Question.Category == s.Category && p.After.Question.Language == s.Language))
            .Where(p => p.After is not null);
        return [.. wanted.Concat(all).Distinct().Take(Shown.Length)];
    }

    private static JsonNode Metadata(string directory, string part)
    {
        string path = Path.Combine(directory, part, "metadata.json");
        return JsonNode.Parse(File.ReadAllText(path)) ?? throw new InvalidDataException($"{path} is empty; add --force to begin anew");
    }

    private static string Ended(IReadOnlyList<FactAnswer> answers) =>
        answers.Count == 0 ? "" : Format.Text($"{answers.Count(a => a.Ended)} of {answers.Count}");

    private static string Score(IReadOnlyList<FactAnswer> answers) =>
        answers.Count == 0
            ? ""
            : Format.Text($"{answers.Count(a => a.Right)} of {answers.Count} ({100 * Part(answers, a => a.Right):0} %)");

    private static double? PartOrNull(IReadOnlyList<FactAnswer> answers) => answers.Count == 0 ? null : Part(answers, a => a.Right);

    private static double Part(IReadOnlyList<FactAnswer> answers, Func<FactAnswer, bool> which) =>
        (double)answers.Count(which) / answers.Count;

    private static JsonArray Categories(IReadOnlyList<FactAnswer> answers) =>
        [
            .. answers
                .GroupBy(a => a.Question.Category)
                .OrderBy(g => g.Key, StringComparer.Ordinal)
                .Select(
                    JsonNode (g) =>
                        new JsonObject
                        {
                            ["category"] = g.Key,
                            ["right"] = g.Count(a => a.Right),
                            ["asked"] = g.Count(),
                        }
                ),
        ];
}
