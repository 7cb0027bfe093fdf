using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>What a reward model of the same vocabulary, such as <c>ink reward</c> makes, says of prompt and answer.</summary>
internal sealed class ModelReward : IReward
{
    private const int TokensAtOnce = 1024;

    private readonly ScoredModel _model;
    private readonly AnswerBatch _batch;

    private ModelReward(string name, string path, RewardSetting setting)
    {
        string place = Directory.Exists(path)
            ? CheckpointFolder.Resolve(path)
            : throw new FileNotFoundException(
                $"the reward {name} names {path}, which does not exist; name a reward model: ink reward makes one"
            );
        if (!ScoredModel.IsScored(place))
        {
            throw new InvalidDataException(
                $"{path} of the reward {name} is no reward model (its config.json names no ForSequenceClassification); ink reward makes one"
            );
        }
        _model = ScoredModel.Open(place, setting.Device, trained: false);
        if (_model.Model.VocabSize != setting.Vocabulary)
        {
            int size = _model.Model.VocabSize;
            _model.Dispose();
            throw new InvalidDataException(
                $"the reward model {path} has {size} ids and the model that writes has {setting.Vocabulary}; take a reward model of the same tokenizer"
            );
        }
        _batch = new AnswerBatch(_model.Model.SharesPrompts, ends: true);
    }

    public static Func<RewardSetting, IReward> From(RecipeSection s)
    {
        string path = s.RequiredText("path"),
            name = s.Name;
        return setting => new ModelReward(name, path, setting);
    }

    public double?[] Score(IReadOnlyList<JudgedAnswer> answers)
    {
        double?[] scores = new double?[answers.Count];
        for (int from = 0; from < scores.Length; )
        {
            int to = from;
            _batch.Clear();
            do
            {
                int group = to + 1;
                while (group < scores.Length && ReferenceEquals(answers[group].PromptIds, answers[to].PromptIds))
                {
                    group++;
                }
                _batch.Add([.. answers[to].PromptIds], [.. answers.Skip(to).Take(group - to).Select(a => a.AnswerIds.ToArray())]);
                to = group;
            } while (to < scores.Length && _batch.TokenCount < TokensAtOnce);
            _batch.Close();
            using StepScope step = _model.Model.Device.Step();
            Tensor rewards = _model.Rewards(_batch.Hidden(_model.Model));
            for (int i = from; i < to; i++)
            {
                scores[i] = rewards.Item(i - from);
            }
            from = to;
        }
        return scores;
    }

    public void Dispose() => _model.Dispose();
}
