using System.Text.Json.Nodes;
using Inkstone.Grammar;
using Inkstone.Inference;
using Inkstone.Jinja;
using Inkstone.Text;

namespace Inkstone.Chat;

/// <summary>A model that answers conversations, many at a time: its template writes the prompt, an engine makes the text, and what it
/// writes is told apart.</summary>
public sealed class ChatModel
{
    private readonly ChatPrompt _prompt;
    private readonly ChatRendering _rendering;
    private readonly ConstraintMasks _masks;

    /// <summary>Over an engine, which stays the caller's.</summary>
    /// <param name="engine">makes the texts</param>
    /// <param name="settings">generation_config.json: how tokens are chosen where requests do not say</param>
    public ChatModel(AsyncEngine engine, GenerationSettings? settings = null)
    {
        Engine = engine;
        _prompt = new ChatPrompt(engine.Tokenizer);
        _rendering = new ChatRendering(_prompt);
        _masks = new ConstraintMasks(engine.Tokenizer);
        settings ??= GenerationSettings.Read(null);
        Sampling = settings.Sampling(settings.DoSample ?? true) with { MaxTokens = settings.MaxNewTokens ?? int.MaxValue };
    }

    /// <summary>The engine.</summary>
    public AsyncEngine Engine { get; }

    /// <summary>The chat template; null where the tokenizer has none.</summary>
    public ChatTemplate? Template => _prompt.Template;

    /// <summary>How tokens are chosen where a request does not say.</summary>
    public SamplingParams Sampling { get; }

    /// <summary>What a conversation is for the model.</summary>
    /// <inheritdoc cref="Start"/>
    public string Render(ChatRequest request) => _rendering.Render(request).Text;

    /// <summary>The same as tokens.</summary>
    /// <inheritdoc cref="Start"/>
    public int[] Encode(ChatRequest request) => _prompt.Encode(_rendering.Render(request).Text);

    /// <summary>Begins to answer.</summary>
    /// <exception cref="TemplateException">The template refuses the conversation.</exception>
    /// <exception cref="ArgumentException">The request makes no sense for this model.</exception>
    /// <exception cref="PromptTooLongException">The prompt leaves no room in the context.</exception>
    /// <exception cref="EngineBusyException">As many requests wait already as may.</exception>
    public Answers Start(ChatRequest request)
    {
        (string text, bool inThought) = _rendering.Render(request);
        JsonArray tools = request.ToolChoice.Kind == ToolChoiceKind.None ? [] : request.Tools ?? [];
        ForcedCall? forced =
            tools.Count > 0 && request.ToolChoice.Kind == ToolChoiceKind.Required
                ? ForcedCall.Create(_rendering.ToolForm, tools, request.ToolChoice.Name)
                : null;
        AnswerConstraint? constraint = forced?.Constraint ?? request.Constraint ?? (tools.Count > 0 ? Calls(tools) : null);
        int[] ids = _prompt.Encode(text + forced?.Prefill);
        SamplingParams p = Fit(request.Sampling, ids.Length);
        p = p with
        {
            Stop = [.. p.Stop ?? [], .. _prompt.Stops],
            StopTokenIds = p.IgnoreEos ? p.StopTokenIds : [.. p.StopTokenIds, .. _prompt.EndTokens],
        };
        List<Generation> generations = [];
        try
        {
            for (int i = 0; i < request.Count; i++)
            {
                generations.Add(
                    Engine.Submit(
                        new GenerationRequest(ids, p with { Seed = p.Seed + (ulong)i })
                        {
                            Adapter = request.Adapter,
                            LogProbs = request.LogProbs,
                            Mask = constraint is null ? null : _masks.GetMask(constraint),
                        }
                    )
                );
            }
        }
        catch
        {
            generations.ForEach(g => g.Cancel());
            throw;
        }
        return new Answers(
            Engine.Tokenizer,
            ids.Length,
            generations,
            new AnswerShape(
                tools.Count > 0 && request.Constraint is null ? _rendering.ToolForm : null,
                request.SplitThoughts,
                inThought,
                forced,
                request.ParallelCalls,
                request.LogProbs is not null
            )
        );
    }

    /// <summary>Calls that a model makes of itself are held to the tools' schemas, where these can be held: only tools that are called
    /// strict insist on it.</summary>
    private AnswerConstraint? Calls(JsonArray tools)
    {
        AnswerConstraint? calls = ForcedCall.Optional(_rendering.ToolForm, tools, Template?.Source);
        if (
            calls is null
            || tools.Any(tool => tool!["function"]!["strict"] is JsonValue strict && strict.TryGetValue(out bool insists) && insists)
        )
        {
            return calls;
        }
        try
        {
            _masks.Prepare(calls);
            return calls;
        }
        catch (GrammarException)
        {
            return null;
        }
    }

    /// <summary>Begins texts that go on behind prompts, as they are.</summary>
    /// <param name="prompts">each at least one token</param>
    /// <param name="sampling">how tokens are chosen</param>
    /// <param name="count">texts of each prompt; those of one prompt follow one another</param>
    /// <param name="constraint">what each text has to be</param>
    /// <param name="adapter">the adapter that the model wears</param>
    /// <param name="logProbs">how many of the likeliest tokens are told beside each</param>
    /// <param name="promptLogProbs">whether those of the prompt are wanted, too</param>
    /// <inheritdoc cref="Start"/>
    public Answers Continue(
        IReadOnlyList<int[]> prompts,
        SamplingParams sampling,
        int count = 1,
        AnswerConstraint? constraint = null,
        string? adapter = null,
        int? logProbs = null,
        bool promptLogProbs = false
    )
    {
        List<Generation> generations = [];
        try
        {
            foreach (int[] prompt in prompts)
            {
                SamplingParams p = Fit(sampling, prompt.Length);
                for (int i = 0; i < count; i++)
                {
                    generations.Add(
                        Engine.Submit(
                            new GenerationRequest(prompt, p with { Seed = p.Seed + (ulong)i })
                            {
                                Adapter = adapter,
                                LogProbs = logProbs,
                                PromptLogProbs = promptLogProbs ? 1 : null,
                                Mask = constraint is null ? null : _masks.GetMask(constraint),
                            }
                        )
                    );
                }
            }
        }
        catch
        {
            generations.ForEach(g => g.Cancel());
            throw;
        }
        return new Answers(
            Engine.Tokenizer,
            prompts.Sum(p => p.Length),
            generations,
            new AnswerShape(null, false, false, null, true, logProbs is not null)
        );
    }

    /// <summary>At most as many tokens as the context has room for.</summary>
    private SamplingParams Fit(SamplingParams p, int promptTokens)
    {
        int room = Engine.MaxLength - promptTokens;
        return room > 0
            ? p with
            {
                MaxTokens = Math.Min(p.MaxTokens, room),
                MaxLength = null,
            }
            : throw new PromptTooLongException(promptTokens, Engine.MaxLength);
    }
}

/// <summary>A prompt that leaves no room in the model's context.</summary>
public sealed class PromptTooLongException(int tokens, int context)
    : ArgumentException(
        $"the prompt has {tokens} tokens and is too large: the model's context holds {context} and one must be left; shorten it."
    )
{
    /// <summary>Tokens of the prompt.</summary>
    public int Tokens => tokens;

    /// <summary>Tokens of the context.</summary>
    public int Context => context;
}
