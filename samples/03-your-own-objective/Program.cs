// Any function of a batch can be minimised. Here it is the focal loss, −(1 − p)² log p (arXiv:1708.02002), which turns from tokens that the
// model knows already
// to those that it does not. Logs show what the objective reports, here the mean probability of the right token.
using Inkstone.Data;
using Inkstone.Models;
using Inkstone.Tensors;
using Inkstone.Text;
using Inkstone.Training;

string[] documents = [.. Enumerable.Range(0, 300).Select(i => $"{i % 9} and {i % 5} make {i % 9 + i % 5}.")];
Tokenizer tokenizer = BpeTrainer.TrainText(documents, new BpeTrainerOptions(280, SpecialTokens: ["<|endoftext|>"]));
using LanguageModel model = LanguageModel.New(tokenizer, ModelOptions.Llama(hiddenSize: 64, layers: 2));

Trainer<Batch> trainer = new(
    model.Model,
    model.Batches(documents, length: 64),
    Focal(model.Model),
    new TrainOptions(Steps: 60),
    new OptimizerOptions(LearningRate: 3e-3)
)
{
    Logs = [new EveryTwentySteps()],
};
trainer.Run();

static Objective<Batch> Focal(CausalLm model) =>
    (batch, normalizer) =>
    {
        Device device = model.Device;
        Tensor hidden = model.Hidden(NextToken.Ids(device, batch), NextToken.Context(device, batch)); // [B, T, C]
        Tensor logP = model.TokenLogProbs(hidden, NextToken.Labels(device, batch)); // [B, T]; 0 where nothing is learned
        Tensor p = Ops.Exp(logP);
        Tensor missing = Ops.Add(Ops.Scale(Ops.Multiply(p, logP), -2), Ops.Multiply(Ops.Multiply(p, p), logP));
        LossTerms loss = Ops.Scale(Ops.Sum(Ops.Add(logP, missing)), -1 / normalizer); // −Σ (1 − 2p + p²) log p / labels of the step
        int unlearned = batch.Rows * batch.Length - batch.LabelCount; // their p is exp(0) = 1
        return loss.With("mean_probability", Ops.Sum(p).Item() - unlearned, batch.LabelCount);
    };

internal sealed class EveryTwentySteps : ITrainLog
{
    public void Step(in StepMetrics step)
    {
        if (step.Step % 20 == 0)
        {
            Console.WriteLine(
                FormattableString.Invariant(
                    $"step {step.Step}: focal loss {step.Loss:0.000}, {step.Metrics![0].Name} {step.Metrics[0].Value:0.000}"
                )
            );
        }
    }
}
