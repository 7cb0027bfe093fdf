using Inkstone.Data;

namespace Inkstone.Training;

/// <summary>How a <see cref="PolicySource"/> makes batches.</summary>
/// <param name="Group">answers to each prompt</param>
/// <param name="Rows">answers of a micro-batch</param>
/// <param name="MicroBatches">micro-batches of a rollout</param>
/// <param name="PerStep">those of a step</param>
/// <param name="Passes">how often a rollout is learned from</param>
/// <param name="PerAnswer">whether losses are divided by answers; else by tokens</param>
/// <param name="MaskTruncated">whether answers that were cut teach nothing</param>
/// <param name="Share">whether answers share their prompt</param>
/// <param name="ShuffleSeed">seed of a new order of prompts in each pass; null keeps the order</param>
internal sealed record PolicySourceOptions(
    int Group,
    int Rows,
    int MicroBatches,
    int PerStep,
    int Passes,
    bool PerAnswer,
    bool MaskTruncated,
    bool Share,
    ulong? ShuffleSeed
)
{
    /// <summary>Prompts of a rollout.</summary>
    public int Prompts => Rows * MicroBatches / Group;
}

/// <summary>Micro-batches of the policy's own answers. When they are used up, the next prompts are answered anew, by the weights as they
/// are then.</summary>
/// <param name="prompts">the prompts</param>
/// <param name="maxTokens">most tokens of an answer</param>
/// <param name="options">how</param>
/// <param name="roll">writes and judges answers: prompts with the pass and the place in it that they were taken at</param>
internal sealed class PolicySource(
    IReadOnlyList<PolicyPrompt> prompts,
    int maxTokens,
    PolicySourceOptions options,
    Func<IReadOnlyList<(PolicyPrompt Prompt, long Pass, long Place)>, Rollout> roll
) : IBatchSource<PolicyBatch>
{
    private readonly RowCursor _cursor = new(prompts.Count, options.ShuffleSeed, finite: false, epochs: null);
    private Rollout? _rollout;
    private int _taken;

    /// <summary>The rollout that the last micro-batch came from.</summary>
    public Rollout? Last { get; private set; }

    /// <inheritdoc/>
    public long RowCount => (long)prompts.Count * options.Group * options.Passes;

    /// <inheritdoc/>
    public int RowLength { get; } = prompts.Max(p => p.Ids.Length) + maxTokens;

    /// <inheritdoc/>
    public LoaderState State
    {
        get => _cursor.State;
        set => _cursor.State = value;
    }

    /// <inheritdoc/>
    public bool PassEnded => false;

    /// <inheritdoc/>
    public bool ReadsModel => _rollout is null;

    /// <inheritdoc/>
    public PolicyBatch NewBatch(int rows) => new(options.Share);

    /// <inheritdoc/>
    public bool Next(PolicyBatch batch)
    {
        if (_rollout is null)
        {
            List<(PolicyPrompt, long, long)> taken = [];
            while (taken.Count < options.Prompts)
            {
                long row = _cursor.Take(first: true)!.Value;
                taken.Add((prompts[(int)row], _cursor.State.Epoch, _cursor.State.Position));
            }
            (Last, _taken) = (_rollout = roll(taken), 0);
        }
        Fill(batch, _rollout, _taken % options.MicroBatches);
        batch.Told = _taken % options.PerStep == 0 ? _rollout.Told : [];
        if (++_taken == options.MicroBatches * options.Passes)
        {
            _rollout = null;
        }
        return true;
    }

    /// <summary>Keeps what is left of a rollout in a checkpoint.</summary>
    public void Write(string directory)
    {
        if (_rollout is not null)
        {
            StoredRollout.Write(directory, _rollout, _taken);
        }
    }

    /// <summary>Goes on with what a checkpoint has left.</summary>
    public void Read(string directory)
    {
        if (StoredRollout.Read(directory) is not { } stored)
        {
            return;
        }
        if (stored.Rollout.Answers.Count != options.Rows * options.MicroBatches || stored.Taken >= options.MicroBatches * options.Passes)
        {
            throw new InvalidDataException(
                $"{Path.Combine(directory, StoredRollout.FileName)} holds {stored.Rollout.Answers.Count} answers of which others are left than the recipe says; resume with the train.batch_size, train.accumulation and rollout section as they were"
            );
        }
        (Last, _rollout, _taken) = (stored.Rollout, stored.Rollout, stored.Taken);
    }

    /// <summary>The micro-batches of a rollout one by one, such as to compute what is known of their answers before the first
    /// step.</summary>
    public void ForEach(Rollout rollout, Action<PolicyBatch, IReadOnlyList<RolledAnswer>> action)
    {
        PolicyBatch batch = NewBatch(options.Rows);
        for (int i = 0; i < options.MicroBatches; i++)
        {
            action(batch, Fill(batch, rollout, i));
        }
    }

    private List<RolledAnswer> Fill(PolicyBatch batch, Rollout rollout, int index)
    {
        List<RolledAnswer> answers = rollout.Answers.GetRange(index * options.Rows, options.Rows);
        batch.Answers.Clear();
        for (int from = 0; from < answers.Count; )
        {
            int to = from + 1;
            while (to < answers.Count && answers[to].Prompt.AsSpan().SequenceEqual(answers[from].Prompt))
            {
                to++;
            }
            batch.Answers.Add(answers[from].Prompt, [.. answers[from..to].Select(a => a.Ids)]);
            from = to;
        }
        batch.Answers.Close();
        bool masked = options.MaskTruncated && answers.Exists(a => !a.Ended);
        batch.OldIsNow = answers[0].Old is null;
        batch.Known = new PolicyAnswers(
            answers[0].Old is null ? new TokenRuns() : TokenRuns.FromLists(answers.Select(a => a.Old!)),
            TokenRuns.FromLists(answers.Select(a => a.Advantages))
        )
        {
            Reference = answers[0].Reference is null ? null : TokenRuns.FromLists(answers.Select(a => a.Reference!)),
            Mask = masked ? TokenRuns.FromLists(answers.Select(a => Enumerable.Repeat(a.Ended ? 1.0 : 0, a.Ids.Length).ToArray())) : null,
            SampledBy = TokenRuns.FromLists(answers.Select(a => a.Sampled)),
        };
        if (answers[0].Values is not null)
        {
            (batch.Values, batch.Returns) = (
                TokenRuns.FromLists(answers.Select(a => a.Values!)),
                TokenRuns.FromLists(answers.Select(a => a.Returns!))
            );
        }
        batch.LabelCount = options.PerAnswer ? answers.Count : answers.Where(a => a.Ended || !masked).Sum(a => a.Ids.Length);
        return answers;
    }
}
