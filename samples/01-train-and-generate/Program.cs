using Inkstone.Training;

File.WriteAllLines("bottles.txt", Enumerable.Range(0, 400).Select(i => $"{9 - i % 7} green bottles hanging on the wall, {9 - i % 7} green bottles."));
Inkstone.Text.Tokenizer tokenizer = Inkstone.Text.BpeTrainer.Train(["bottles.txt"], new(VocabularySize: 320, SpecialTokens: ["<|endoftext|>"]));
using LanguageModel model = LanguageModel.New(tokenizer, ModelOptions.Llama(hiddenSize: 64, layers: 2));
model.TrainerOn(["bottles.txt"], new TrainOptions(Steps: 80), length: 64, optimizer: new(LearningRate: 3e-3)).Run();
Console.WriteLine("5 green" + model.Generate("5 green"));
model.Save("bottles", overwrite: true);
