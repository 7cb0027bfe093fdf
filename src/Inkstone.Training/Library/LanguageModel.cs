using Inkstone.Data;
using Inkstone.Files;
using Inkstone.Formats;
using Inkstone.Inference;
using Inkstone.Models;
using Inkstone.Nn;
using Inkstone.Tensors;
using Inkstone.Text;

namespace Inkstone.Training;

/// <summary>A model with its tokenizer on a device of its own: made or opened, trained through a <see cref="Trainer{TBatch}"/>, asked for
/// text, saved.</summary>
public sealed class LanguageModel : IDisposable
{
    private readonly string? _path;

    private LanguageModel(CausalLm model, Tokenizer tokenizer, string? path) => (Model, Tokenizer, _path) = (model, tokenizer, path);

    /// <summary>The network.</summary>
    public CausalLm Model { get; }

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>A model with random weights.</summary>
    /// <param name="tokenizer">whose vocabulary it gets</param>
    /// <param name="options">its sizes</param>
    /// <param name="seed">the same seed gives the same weights</param>
    /// <param name="device">what computes; null: all cores, fp32</param>
    /// <exception cref="InvalidDataException">A size or key is wrong; the message names it.</exception>
    public static LanguageModel New(Tokenizer tokenizer, ModelOptions options, ulong seed = 42, DeviceOptions? device = null)
    {
        HfConfig config = HfConfig.Parse(
            options.Config(tokenizer.VocabularySize, TokenIds.FromTokenizer(tokenizer)).ToJsonString(),
            "the model's options"
        );
        return OnDevice(device, d => new LanguageModel(Pretrained.New(config, d, seed), tokenizer, null));
    }

    /// <summary>A model from a directory, a .gguf file, or a run, whose best checkpoint is meant.</summary>
    /// <param name="path">where</param>
    /// <param name="adapter">a new low-rank adapter that it wears and that alone is trained; null: none</param>
    /// <param name="seed">seed of the adapter's weights</param>
    /// <param name="device">what computes; null: all cores, fp32</param>
    /// <exception cref="FileNotFoundException">There is no such model.</exception>
    /// <exception cref="InvalidDataException">Something in its files is not what it should be; the message names it.</exception>
    public static LanguageModel Open(string path, LoraConfig? adapter = null, ulong seed = 42, DeviceOptions? device = null)
    {
        string found = CheckpointFolder.Resolve(path);
        Tokenizer tokenizer = ModelTokenizer.Load(found);
        return OnDevice(
            device,
            d => new LanguageModel(adapter is null ? Pretrained.Open(found, d) : PeftAdapter.New(found, adapter, seed, d), tokenizer, found)
        );
    }

    /// <summary>The text that follows a prompt.</summary>
    /// <param name="prompt">its beginning; empty: the beginning of a document</param>
    /// <param name="sampling">how tokens are chosen and when to stop; null: temperature 0.8, top-p 0.95, 64 tokens</param>
    public string Generate(string prompt, SamplingParams? sampling = null)
    {
        int[] ids = Tokenizer.Encode(prompt);
        return string.Concat(
            new TextGenerator(Model, Tokenizer).Generate(
                ids.Length > 0 ? ids : [Tokenizer.EosId ?? Tokenizer.BosId ?? 0],
                sampling ?? new SamplingParams(Temperature: 0.8f, TopP: 0.95f, MaxTokens: 64)
            )
        );
    }

    /// <summary>
    /// Training on files of text (.txt, .jsonl with a key text, .parquet; gzipped or not), held in memory as tokens: each token is
    /// predicted from those before it.
    /// For more text than memory holds make token shards, and give a <see cref="PackedLoader"/> over them to a
    /// <see cref="Trainer{TBatch}"/>.
    /// </summary>
    /// <param name="files">files, or directories of them</param>
    /// <param name="options">how long, and how much at once</param>
    /// <param name="length">tokens per row</param>
    /// <param name="optimizer">how gradients become steps; null: the defaults</param>
    /// <param name="schedule">how the learning rate moves; null: cosine</param>
    /// <exception cref="ArgumentException">An option is wrong, or there is less text than one row.</exception>
    public Trainer<Batch> TrainerOn(
        IEnumerable<string> files,
        TrainOptions options,
        int length = 128,
        OptimizerOptions? optimizer = null,
        ScheduleOptions? schedule = null
    ) =>
        TrainerOn(
            Batches(
                new DocumentReader(new ReadOptions()).Read(InputFiles.Find([.. files])).Select(document => document.Text),
                length,
                (ulong)options.Seed,
                options.Epochs
            ),
            options,
            optimizer,
            schedule
        );

    /// <summary>Training on rows of tokens: each is predicted from those before it.</summary>
    /// <param name="batches">rows of tokens</param>
    /// <param name="options">how long, and how much at once</param>
    /// <param name="optimizer">how gradients become steps; null: the defaults</param>
    /// <param name="schedule">how the learning rate moves; null: cosine</param>
    public Trainer<Batch> TrainerOn(
        IBatchSource<Batch> batches,
        TrainOptions options,
        OptimizerOptions? optimizer = null,
        ScheduleOptions? schedule = null
    ) => new(Model, batches, NextToken.Create(Model), options, optimizer, schedule) { TextBytes = new LabelBytes(Tokenizer).Count };

    /// <summary>Rows of the tokens of documents in memory, in a new order in each pass; attention ends at the border of documents where the
    /// tokenizer has an end token.</summary>
    /// <param name="documents">texts</param>
    /// <param name="length">tokens per row</param>
    /// <param name="seed">seed of the order</param>
    /// <param name="epochs">passes that are kept apart, as in <see cref="TrainOptions.Epochs"/>; null lets them run into each other</param>
    /// <exception cref="ArgumentException">There is less text than one row.</exception>
    public IBatchSource<Batch> Batches(IEnumerable<string> documents, int length, ulong seed = 42, double? epochs = null)
    {
        List<int> ids = [];
        foreach (string document in documents)
        {
            Tokenizer.Encode(document, addSpecialTokens: false, ids);
            if (Tokenizer.EosId is { } end)
            {
                ids.Add(end);
            }
        }
        return new PackedLoader(
            [TokenShard.FromTokens(ids.ToArray(), Tokenizer.EosId)],
            new PackedLoaderOptions(length, DocumentAware: Tokenizer.EosId is not null, ShuffleSeed: seed, Epochs: epochs)
        );
    }

    /// <summary>Writes a whole directory, or nothing: the adapter where the model wears one, else configuration and weights; and the
    /// tokenizer.</summary>
    /// <param name="directory">where</param>
    /// <param name="overwrite">replaces what is there</param>
    /// <exception cref="IOException">There is something already, and it is not to be replaced.</exception>
    public void Save(string directory, bool overwrite = false)
    {
        if (!overwrite && Path.Exists(directory))
        {
            throw new IOException($"{directory} exists already; name another directory or say overwrite: true");
        }
        AtomicDirectory.Write(
            directory,
            overwrite,
            place =>
            {
                if (Model.Adapter is { } adapter)
                {
                    PeftAdapter.Write(adapter, place, Path.GetFullPath(_path!));
                }
                else
                {
                    RunModel.Write(Model, Tokenizer, [], place);
                }
                Tokenizer.Save(place);
            }
        );
    }

    /// <summary>Frees the weights and the device.</summary>
    public void Dispose()
    {
        Model.Dispose();
        Model.Device.Dispose();
    }

    private static LanguageModel OnDevice(DeviceOptions? options, Func<Device, LanguageModel> make)
    {
        DeviceOptions wanted = options ?? new DeviceOptions();
        Device device = new(
            wanted.Threads,
            matMulType: wanted.Precision switch
            {
                "fp32" => DType.Float32,
                "bf16" => DType.BFloat16,
                _ => throw new ArgumentException($"there is no precision '{wanted.Precision}'; known are fp32 and bf16"),
            }
        );
        try
        {
            return make(device);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }
}
