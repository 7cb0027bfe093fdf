namespace Inkstone.Server;

/// <summary>How a model is served.</summary>
public sealed record ServerOptions
{
    /// <summary>The address to listen on; loopback unless others may come in.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0: any free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>What the model is called in /v1/models and in answers.</summary>
    public string ModelName { get; init; } = "inkstone";

    /// <summary>Keys of which requests must bring one; none: everybody may come in.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Origins of pages that browsers may let in (CORS); * for all.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <summary>Most bytes of a request.</summary>
    public long MaxBodyBytes { get; init; } = 16 << 20;

    /// <summary>Most tokens of one answer, whatever is asked for; null: what the context holds.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Most answers to one request (n), and prompts of one completion.</summary>
    public int MaxChoices { get; init; } = 64;

    /// <summary>Most texts of one request for embeddings.</summary>
    public int MaxEmbeddings { get; init; } = 2048;

    /// <summary>How long one answer may take.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long running answers may go on after the server was told to stop.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Whether logs hold what was asked and answered.</summary>
    public bool LogPrompts { get; init; }

    /// <summary>Whether log lines are JSON.</summary>
    public bool LogJson { get; init; }

    /// <summary>Whether only warnings are logged.</summary>
    public bool Quiet { get; init; }

    /// <summary>How a text becomes one vector where a request does not say.</summary>
    public Inference.Pooling Pooling { get; init; } = Inference.Pooling.Mean;
}
