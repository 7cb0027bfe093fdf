// A base model learns one habit; an adapter on top of it learns another, and is a file of its own. The base stays as it was.
using Inkstone.Inference;
using Inkstone.Nn;
using Inkstone.Text;
using Inkstone.Training;

File.WriteAllLines("base.txt", Enumerable.Range(0, 300).Select(_ => "The cat sat on the mat. The dog lay on the rug."));
File.WriteAllLines("tuned.txt", Enumerable.Range(0, 300).Select(_ => "The cat sat on the moon. The dog lay on the star."));
Tokenizer tokenizer = BpeTrainer.Train(["base.txt", "tuned.txt"], new BpeTrainerOptions(300, SpecialTokens: ["<|endoftext|>"]));
OptimizerOptions fast = new(LearningRate: 3e-3);
SamplingParams likeliest = new(Temperature: 0, MaxTokens: 8);

using (LanguageModel untuned = LanguageModel.New(tokenizer, ModelOptions.Llama(hiddenSize: 64, layers: 2)))
{
    untuned.TrainerOn(["base.txt"], new TrainOptions(Steps: 60), length: 64, fast).Run();
    untuned.Save("base", overwrite: true);
}

using LanguageModel model = LanguageModel.Open("base", adapter: new LoraConfig(Rank: 8, Alpha: 16, Targets: [LoraConfig.AllLinear]));
model.TrainerOn(["tuned.txt"], new TrainOptions(Steps: 60), length: 64, fast).Run();
Console.WriteLine("with the adapter:    The cat" + model.Generate("The cat", likeliest));
using (model.Model.Adapter!.Disabled())
{
    Console.WriteLine("without the adapter: The cat" + model.Generate("The cat", likeliest));
}
model.Save("adapter", overwrite: true); // adapter_config.json and adapter_model.safetensors, as PEFT has them
