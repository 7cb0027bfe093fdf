using Inkstone.Formats;
using Inkstone.Models.DeepseekV3;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>What must hold of sparse models and latent caches, tried on small random ones.</summary>
public sealed class SparseModelTests : IDisposable
{
    private const string Qwen3Moe = """
        {"model_type":"qwen3_moe","vocab_size":97,"hidden_size":48,"intermediate_size":80,"moe_intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":4,
         "num_key_value_heads":2,"head_dim":12,"num_experts":6,"num_experts_per_tok":2,"mlp_only_layers":[1],"norm_topk_prob":true,"output_router_logits":true,
         "router_aux_loss_coef":0.05,"max_position_embeddings":64,"initializer_range":0.1}
        """;

    private const string DeepseekV3 = """
        {"model_type":"deepseek_v3","vocab_size":97,"hidden_size":48,"intermediate_size":80,"moe_intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":4,
         "q_lora_rank":20,"kv_lora_rank":16,"qk_nope_head_dim":10,"qk_rope_head_dim":6,"v_head_dim":8,"first_k_dense_replace":1,"n_routed_experts":6,
         "n_shared_experts":2,"num_experts_per_tok":2,"n_group":3,"topk_group":2,"routed_scaling_factor":1.5,"sequence_balance_loss_weight":0.02,"num_nextn_predict_layers":2,
         "max_position_embeddings":64,"rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":16,"mscale":0.8,"mscale_all_dim":0.6},"initializer_range":0.1}
        """;

    private readonly Device _device = new(threads: 2);

    public void Dispose() => _device.Dispose();

    [Theory]
    [InlineData(Qwen3Moe)]
    [InlineData(DeepseekV3)]
    public void Prefill_and_decode_give_the_logits_of_the_whole(string config)
    {
        using CausalLm model = New(config);
        int[] ids = Ids(23, 1);
        float[] whole = Logits(model, ids, 1);
        using PagedCache cache = model.NewCache(40);
        CachedSequence text = cache.TryNew()!;
        List<float> parts = [];
        int at = 0;
        foreach (int length in new[] { 9, 1, 1, 5, 1, 6 })
        {
            using StepScope step = _device.Step();
            parts.AddRange(
                model
                    .Logits(model.Hidden(_device.Rent(new Shape(1, length), ids.AsSpan(at, length)), ForwardContext.Next(text, length)))
                    .Span
            );
            at += length;
        }
        ShouldBeNear([.. parts], whole);
        text.TryTruncate(9).ShouldBeTrue();
        using StepScope again = _device.Step();
        ShouldBeNear(
            model.Logits(model.Hidden(_device.Rent(new Shape(1, 1), ids.AsSpan(9, 1)), ForwardContext.Next(text, 1))).Span.ToArray(),
            whole[(9 * 97)..(10 * 97)]
        );
    }

    [Fact]
    public void A_cache_of_latents_holds_the_latent_and_one_rotated_key_for_a_token()
    {
        using CausalLm model = New(DeepseekV3);
        using PagedCache cache = model.NewCache(48);
        cache.Bytes.ShouldBe(3 * 48 * (16 + 6) * sizeof(float));
    }

    [Fact]
    public void Latent_attention_with_stretched_positions_scales_scores_by_the_square_of_the_magnitude()
    {
        double magnitude = 0.1 * 0.6 * Math.Log(4) + 1;
        DeepseekV3Config.From(HfConfig.Parse(DeepseekV3)).SoftmaxScale.ShouldBe((float)(magnitude * magnitude / 4), 1e-6f);
        DeepseekV3Config
            .From(HfConfig.Parse(DeepseekV3.Replace("mscale_all_dim\":0.6", "mscale_all_dim\":0", StringComparison.Ordinal)))
            .SoftmaxScale.ShouldBe(0.25f, 1e-6f);
    }

    [Theory]
    [InlineData(Qwen3Moe)]
    [InlineData(DeepseekV3)]
    public void A_batch_of_two_is_two_batches_of_one(string config)
    {
        using CausalLm model = New(config);
        int[] a = Ids(17, 1),
            b = Ids(17, 2);
        ShouldBeNear(Logits(model, [.. a, .. b], 2), [.. Logits(model, a, 1), .. Logits(model, b, 1)]);
    }

    /// <summary>Main loss, further tokens and balance together: the gradient is the slope along a random direction of each
    /// parameter.</summary>
    [Theory]
    [InlineData(Qwen3Moe)]
    [InlineData(DeepseekV3)]
    public void Gradients_are_slopes_of_the_whole_loss(string config)
    {
        using CausalLm model = New(config);
        int[] ids = Ids(40, 1),
            labels = [.. Ids(39, 2), -100];
        _ = Loss(model, ids, labels);
        Dictionary<string, float[]> gradients = model
            .Parameters.Where(p => p.Tensor.RequiresGrad)
            .ToDictionary(p => p.Name, p => p.Tensor.Grad!.Span.ToArray());
        Random random = new(4);
        int measured = 0;
        foreach (Parameter p in model.Parameters.Where(p => p.Tensor.RequiresGrad))
        {
            float[] start = p.Tensor.Span.ToArray(),
                direction = [.. start.Select(_ => random.Next(2) * 2f - 1)];
            double slope = gradients[p.Name].Select((g, i) => (double)g * direction[i]).Sum();
            // Where a shift sends a token to another expert the loss has a step and no slope: then two widths disagree.
            double wide = Slope(5e-4f),
                narrow = Slope(2.5e-4f),
                allowed = 0.01 + 0.04 * Math.Abs(slope);
            if (Math.Abs(wide - narrow) < allowed / 2)
            {
                Math.Abs(narrow - slope).ShouldBeLessThan(allowed, p.Name);
                measured++;
            }
            start.CopyTo(p.Tensor.Span);

            double Slope(float h) => (Shifted(h) - Shifted(-h)) / (2 * h);

            double Shifted(float h)
            {
                for (int i = 0; i < start.Length; i++)
                {
                    p.Tensor.Span[i] = start[i] + h * direction[i];
                }
                return Loss(model, ids, labels);
            }
        }
        measured.ShouldBeGreaterThan(gradients.Count * 2 / 3);
    }

    [Fact]
    public void The_correction_bias_moves_once_a_step_by_the_counts_of_all_micro_batches()
    {
        using CausalLm model = New(DeepseekV3);
        DeepseekV3Model deepseek = (DeepseekV3Model)model;
        ExpertRouter router = deepseek.SparseLayers[0].Router;
        Tensor bias = model.Parameters["model.layers.1.mlp.gate.e_score_correction_bias"];
        bias.RequiresGrad.ShouldBeFalse();
        _ = Loss(model, Ids(20, 1), Ids(20, 2));
        float[] first = router.Counts.ToArray();
        _ = Loss(model, Ids(20, 3), Ids(20, 4));
        float[] counts = router.Counts.ToArray();
        first.Sum().ShouldBe(2 * 20);
        counts.Sum().ShouldBe(2 * 40);
        bias.Span.ToArray().ShouldAllBe(b => b == 0);
        _ = Logits(model, Ids(20, 5), 1);
        router.Counts.ToArray().ShouldBe(counts, "what is not learned from does not count");
        model.AfterStep();
        float mean = counts.Sum() / 6;
        bias.Span.ToArray().ShouldBe([.. counts.Select(c => 0.001f * Math.Sign(mean - c))]);
        model.Metrics.Single(f => f.Name == "router_most.1").Value.ShouldBe(counts.Max() / mean, 1e-6);
        router.Counts.ToArray().ShouldAllBe(c => c == 0);
        model.Pretraining = false;
        float[] before = bias.Span.ToArray();
        double plain = Loss(model, Ids(20, 1), Ids(20, 2));
        model.AddedLoss.ShouldBe(0);
        model.AfterStep();
        bias.Span.ToArray().ShouldBe(before);
        double.IsFinite(plain).ShouldBeTrue();
    }

    [Fact]
    public void Further_tokens_are_not_predicted_across_the_border_of_a_document()
    {
        using CausalLm model = New(DeepseekV3);
        ((DeepseekV3Model)model).Objective = new DeepseekV3Objective(0, 1, 0);
        int[] ids = Ids(20, 1),
            labels = Ids(20, 2),
            starts = [.. Enumerable.Repeat(0, 8), .. Enumerable.Repeat(8, 12)];
        labels[7] = -100; // as the loader has it: what follows a document is not learned
        double packed = Added(ids, labels, starts);
        // Each document alone; what a packed row has of them is their sum, weighed by the number of labels of each depth.
        (double First, double Second) a = Parts(ids[..8], labels[..8]),
            b = Parts(ids[8..], labels[8..]);
        (int, int) inA = (6, 5),
            inB = (11, 10);
        double expected =
            (
                (inA.Item1 * a.First + inB.Item1 * b.First) / (inA.Item1 + inB.Item1)
                + (inA.Item2 * a.Second + inB.Item2 * b.Second) / (inA.Item2 + inB.Item2)
            ) / 2;
        packed.ShouldBe(expected, 1e-5);

        double Added(int[] x, int[] y, int[] documentStarts)
        {
            using StepScope step = _device.Step(record: true);
            Shape shape = new(1, x.Length);
            _ = model.Loss(
                _device.Rent(shape, x),
                _device.Rent(shape, y),
                y.Count(l => l >= 0),
                ForwardContext.Packed(_device.Rent(shape, documentStarts))
            );
            double added = model.AddedLoss;
            model.AfterStep();
            return added;
        }

        // Mean loss of depth 1 and of depth 2, from the hidden states.
        (double, double) Parts(int[] x, int[] y)
        {
            using StepScope step = _device.Step();
            Tensor tokens = _device.Rent(new Shape(1, x.Length), x);
            ForwardContext ctx = ForwardContext.Rows(_device, 1, x.Length);
            DeepseekV3Model deepseek = (DeepseekV3Model)model;
            Tensor one = deepseek.Ahead(1, deepseek.Hidden(tokens, ctx), tokens, ctx),
                two = deepseek.Ahead(2, one, tokens, ctx);
            return (Mean(one, y[1..]), Mean(two, y[2..]));
        }

        double Mean(Tensor hidden, int[] y) =>
            Ops.LinearCrossEntropy(hidden, model.OutputWeight, _device.Rent(new Shape(1, y.Length), y), y.Count(l => l >= 0)).Item();
    }

    /// <summary>Padding behind a sequence changes neither what is counted of it nor its balance: the balance of two sequences is the mean
    /// of both.</summary>
    [Fact]
    public void Padding_is_neither_counted_nor_balanced()
    {
        using CausalLm model = New(DeepseekV3);
        ((DeepseekV3Model)model).Objective = new DeepseekV3Objective(1, 0, 0);
        ExpertRouter router = ((DeepseekV3Model)model).SparseLayers[0].Router;
        int[] a = Ids(20, 1),
            b = Ids(12, 2);
        (double balanceOfA, float[] countsOfA) = Balance([.. a], 1, 20, null);
        (double balanceOfB, float[] countsOfB) = Balance([.. b], 1, 12, null);
        int[] mask = [.. Enumerable.Repeat(1, 32), .. Enumerable.Repeat(0, 28)];
        // The third row is padding alone.
        (double balance, float[] counts) = Balance([.. a, .. b, .. new int[28]], 3, 20, mask);
        balanceOfA.ShouldBeGreaterThan(0.1);
        balance.ShouldBe((balanceOfA + balanceOfB) / 2, 1e-5);
        counts.ShouldBe([.. countsOfA.Zip(countsOfB, (x, y) => x + y)]);

        (double, float[]) Balance(int[] ids, int rows, int length, int[]? attentionMask)
        {
            using StepScope step = _device.Step(record: true);
            Shape shape = new(rows, length);
            int[] labels = [.. ids.Select((id, i) => attentionMask is null || attentionMask[i] == 1 ? id : -100)];
            ForwardContext ctx = ForwardContext.Rows(_device, rows, length) with
            {
                AttentionMask = attentionMask is null ? null : _device.Rent(shape, attentionMask),
            };
            _ = model.Loss(_device.Rent(shape, ids), _device.Rent(shape, labels), labels.Count(l => l >= 0), ctx);
            (double added, float[] found) = (model.AddedLoss, router.Counts.ToArray());
            model.AfterStep();
            return (added, found);
        }
    }

    [Fact]
    public void Micro_batches_of_a_step_add_up_to_the_step()
    {
        using CausalLm whole = New(DeepseekV3),
            parts = New(DeepseekV3);
        int[] ids = Ids(40, 1),
            labels = Ids(40, 2);
        double a = Loss(whole, ids, labels, rows: 2, normalizer: 40);
        double b = Loss(parts, ids[..20], labels[..20], normalizer: 40) + Loss(parts, ids[20..], labels[20..], normalizer: 40);
        b.ShouldBe(a, 1e-5);
        parts.AddedLoss.ShouldBe(whole.AddedLoss, 1e-6);
        foreach (Parameter p in whole.Parameters.Where(p => p.Tensor.RequiresGrad))
        {
            ShouldBeNear(parts.Parameters[p.Name].Grad!.Span.ToArray(), p.Tensor.Grad!.Span.ToArray(), 1e-4f);
        }
    }

    [Fact]
    public void Saved_models_load_with_and_without_prediction_modules()
    {
        string place = Path.Combine(Directory.CreateTempSubdirectory("ink-sparse-").FullName, "model");
        using CausalLm model = New(DeepseekV3);
        model.Parameters["model.layers.1.mlp.gate.e_score_correction_bias"].Span.Fill(0.25f);
        Pretrained.Save(model, place);
        using (DeepseekV3Model loaded = (DeepseekV3Model)Pretrained.Open(place, _device))
        {
            loaded.PredictionDepth.ShouldBe(2);
            loaded.Parameters["model.layers.1.mlp.gate.e_score_correction_bias"].Span.ToArray().ShouldAllBe(b => b == 0.25f);
            ShouldBeNear(Logits(loaded, Ids(9, 1), 1), Logits(model, Ids(9, 1), 1), 0);
        }
        SafetensorsWriter.Write(
            Path.Combine(place, "model.safetensors"),
            [
                .. model
                    .Parameters.Where(p =>
                        !p.Name.StartsWith("model.layers.3.", StringComparison.Ordinal)
                        && !p.Name.StartsWith("model.layers.4.", StringComparison.Ordinal)
                    )
                    .Select(p => new NamedTensor(p.Name, p.Tensor)),
            ]
        );
        using (DeepseekV3Model loaded = (DeepseekV3Model)Pretrained.Open(place, _device))
        {
            loaded.PredictionDepth.ShouldBe(0);
            ShouldBeNear(Logits(loaded, Ids(9, 1), 1), Logits(model, Ids(9, 1), 1), 0);
        }
        Directory.Delete(Path.GetDirectoryName(place)!, recursive: true);
    }

    [Theory]
    [InlineData(Qwen3Moe, "\"num_experts_per_tok\":2", "\"num_experts_per_tok\":7", "num_experts_per_tok 7 must be at most num_experts 6")]
    [InlineData(DeepseekV3, "\"n_group\":3", "\"n_group\":4", "n_routed_experts 6 must be a multiple of n_group 4")]
    [InlineData(DeepseekV3, "\"topk_group\":2", "\"topk_group\":4", "topk_group 4 must be at most n_group 3")]
    [InlineData(
        DeepseekV3,
        "\"num_experts_per_tok\":2",
        "\"num_experts_per_tok\":5",
        "num_experts_per_tok 5 must be at most the experts of topk_group groups 4"
    )]
    [InlineData(DeepseekV3, "\"qk_rope_head_dim\":6", "\"qk_rope_head_dim\":5", "qk_rope_head_dim 5 must be even")]
    public void A_configuration_that_cannot_be_says_why(string config, string was, string becomes, string because)
    {
        config.ShouldContain(was);
        Should
            .Throw<InvalidDataException>(() => New(config.Replace(was, becomes, StringComparison.Ordinal)))
            .Message.ShouldContain(because);
    }

    [Theory]
    [InlineData(Qwen3Moe)]
    [InlineData(DeepseekV3)]
    public void Threads_do_not_change_a_bit_of_a_gradient(string config)
    {
        using Device three = new(threads: 3);
        using CausalLm a = New(config),
            b = Pretrained.New(HfConfig.Parse(config), three, 3);
        Loss(b, Ids(40, 1), Ids(40, 2)).ShouldBe(Loss(a, Ids(40, 1), Ids(40, 2)));
        foreach (Parameter p in a.Parameters.Where(p => p.Tensor.RequiresGrad))
        {
            b.Parameters[p.Name].Grad!.Bytes.SequenceEqual(p.Tensor.Grad!.Bytes).ShouldBeTrue(p.Name);
        }
    }

    private CausalLm New(string config) => Pretrained.New(HfConfig.Parse(config), _device, seed: 3);

    private static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(8, 97))];
    }

    private float[] Logits(CausalLm model, int[] ids, int rows)
    {
        using StepScope step = _device.Step();
        Tensor tokens = _device.Rent(new Shape(rows, ids.Length / rows), ids);
        return model.Logits(model.Hidden(tokens, ForwardContext.Rows(_device, rows, ids.Length / rows))).Span.ToArray();
    }

    private static double Loss(CausalLm model, int[] ids, int[] labels, int rows = 1, int normalizer = 0)
    {
        using StepScope step = model.Device.Step(record: true);
        Shape shape = new(rows, ids.Length / rows);
        Tensor loss = model.Loss(
            model.Device.Rent(shape, ids),
            model.Device.Rent(shape, labels),
            normalizer > 0 ? normalizer : labels.Count(l => l >= 0),
            ForwardContext.Rows(model.Device, rows, ids.Length / rows)
        );
        model.Device.Tape.Backward(loss);
        return loss.Item();
    }

    private static void ShouldBeNear(float[] actual, float[] expected, float tolerance = 5e-6f)
    {
        actual.Length.ShouldBe(expected.Length);
        float largest = expected.Max(Math.Abs);
        for (int i = 0; i < actual.Length; i++)
        {
            Math.Abs(actual[i] - expected[i]).ShouldBeLessThanOrEqualTo(tolerance * largest, $"element {i}");
        }
    }
}
