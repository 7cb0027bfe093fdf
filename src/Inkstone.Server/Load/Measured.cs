using System.Text;

namespace Inkstone.Server;

/// <summary>One streamed answer as its client saw it.</summary>
internal sealed class Measured
{
    public int Status { get; set; }

    public string? Error { get; set; }

    public double FirstSeconds { get; set; }

    public double TotalSeconds { get; set; }

    public List<double> Gaps { get; } = [];

    public int PromptTokens { get; set; }

    public int CompletionTokens { get; set; }

    public string? Finish { get; set; }

    public bool Done { get; set; }

    /// <summary>The client went away on purpose.</summary>
    public bool Left { get; set; }

    public StringBuilder Text { get; } = new();

    public bool Ok => Status == 200 && Error is null && (Finish is not null || Left);
}
