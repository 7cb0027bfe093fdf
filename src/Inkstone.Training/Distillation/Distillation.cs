using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;

namespace Inkstone.Training;

/// <summary>A run in which a student learns a teacher's distributions on conversations.</summary>
public sealed class Distillation : ITuningRun
{
    private readonly TunedModel _tuned;
    private readonly CausalLm _teacher;
    private readonly TrainRun<Batch> _run;
    private readonly bool _leads;

    /// <summary>Opens everything and checks it; nothing is written or deleted before all of it fits.</summary>
    public Distillation(DistillRecipe recipe, Device device, RunOptions options)
    {
        recipe = recipe with { Train = options.Deal(recipe.Train) };
        RunStart start = RunStart.Prepare(
            recipe,
            options,
            [
                .. recipe.Data.Train,
                .. recipe.Data.Valid,
                recipe.Model.Path,
                recipe.Teacher.Path,
                recipe.Tokenizer,
                File.Exists(recipe.Template) ? recipe.Template : null,
            ]
        );
        _leads = options.Leads;
        _tuned = new TunedModel(recipe, options.Warn);
        string teacher = CheckpointFolder.Resolve(recipe.Teacher.Path);
        if (!Path.Exists(teacher))
        {
            throw new FileNotFoundException(
                $"teacher.path names {recipe.Teacher.Path}, which does not exist; name a model directory, a .gguf file or a run"
            );
        }
        Conversations = Sft.Read(recipe.Data, recipe, _tuned, options.Warn);
        CausalLm student = _tuned.Open(start.Checkpoint, device, options.Warn);
        _teacher = Pretrained.Open(
            teacher,
            device,
            recipe.Teacher.Weights == "fp32" ? DType.Float32
                : recipe.Teacher.Weights == "keep" ? null
                : DType.BFloat16,
            trained: false
        );
        if (_teacher.VocabSize != student.VocabSize)
        {
            throw new InvalidDataException(
                $"the teacher {recipe.Teacher.Path} has {_teacher.VocabSize} ids and the student {student.VocabSize}; distributions are compared id by id, so take models of one vocabulary"
            );
        }
        (ExampleLoader source, ExampleLoader? held) = Sft.Loaders(Conversations, recipe.Data, recipe.Train, _tuned.Tokenizer);
        DistillObjective objective = new(student, _teacher, recipe.Loss.Beta, recipe.Loss.Temperature, recipe.Loss.LabelWeight);
        _run = new TrainRun<Batch>(
            recipe,
            start,
            new RunParts<Batch>(
                student,
                _tuned.Tokenizer,
                source,
                held,
                RunData.Describe(Conversations),
                FromNothing: false,
                objective.ComputeLoss,
                _tuned.Write,
                _tuned.Answer
            )
            {
                LossBound = double.PositiveInfinity,
            }
        );
    }

    /// <summary>What it is going to do.</summary>
    public RunPlan Plan => _run.Plan;

    /// <summary>What the data became.</summary>
    public ConversationSet Conversations { get; }

    /// <summary>Trains to the end, or until cancelled and saved. A whole adapter run leaves the last and the best adapter in OUT/final and
    /// OUT/best.</summary>
    public RunResult Run(ITrainLog? screen, CancellationToken cancelled)
    {
        RunResult result = _run.Run(screen, cancelled);
        _tuned.Keep(result, _leads);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tuned.Dispose();
        _teacher.Dispose();
    }
}
