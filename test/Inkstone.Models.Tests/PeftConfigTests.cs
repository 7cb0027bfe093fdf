using System.Text.Json.Nodes;
using Inkstone.Formats;
using Inkstone.Nn;
using Inkstone.Tensors;

namespace Inkstone.Models.Tests;

/// <summary>Every key of adapter_config.json does what PEFT does with it, does nothing, or is refused by name.</summary>
public sealed class PeftConfigTests : IDisposable
{
    private const int Hidden = 64;

    private readonly string _directory = Directory.CreateTempSubdirectory("ink-peft-").FullName;
    private readonly Device _device = new(threads: 2);
    private readonly string _model,
        _adapter;

    public PeftConfigTests()
    {
        (_model, _adapter) = (Path.Combine(_directory, "model"), Directory.CreateDirectory(Path.Combine(_directory, "adapter")).FullName);
        using CausalLm model = Pretrained.New(
            HfConfig.Parse(
                """
                {"model_type":"qwen2","vocab_size":61,"hidden_size":64,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":4,
                 "num_key_value_heads":2,"max_position_embeddings":64,"tie_word_embeddings":false,"eos_token_id":5}
                """
            ),
            _device,
            seed: 3
        );
        Pretrained.Save(model, _model);
        using CausalLm tuned = PeftAdapter.New(_model, new LoraConfig(4, 8, ["q_proj", "v_proj"]), 1, _device);
        foreach (Parameter p in tuned.Adapter!.Parameters)
        {
            new PhiloxRandom(7, 1).FillNormal(p.Tensor.Span, 0.1f);
        }
        PeftAdapter.Write(tuned.Adapter, _adapter, "../model");
    }

    public void Dispose()
    {
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("init_lora_weights", "\"corda\"")]
    [InlineData("init_lora_weights", "\"loftq\"")]
    [InlineData("init_lora_weights", "\"lora_ga\"")]
    [InlineData("init_lora_weights", "\"pissa_niter_16\"")]
    [InlineData("use_qalora", "true")]
    [InlineData("use_bdlora", """{"target_modules_bd_a": ["q_proj"]}""")]
    [InlineData("kasa_config", "{\"beta\": 1}")]
    [InlineData("layer_replication", "[[0, 2], [1, 2]]")]
    [InlineData("trainable_token_indices", "[1, 2]")]
    [InlineData("trainable_token_indices", "{\"embed_tokens\": [1]}")]
    [InlineData("target_parameters", "[\"mlp.experts.down_proj\"]")]
    [InlineData("alora_invocation_tokens", "[3]")]
    [InlineData("arrow_config", "{\"top_k\": 2}")]
    [InlineData("a_key_of_tomorrow", "1")]
    [InlineData("modules_to_save", "[\"lm_head\"]")]
    [InlineData("bias", "\"some\"")]
    [InlineData("lora_bias", "true", "lora_B.bias")]
    [InlineData("rank_pattern", "{\"q_(proj\": 2}", "q_(proj")]
    public void What_changes_the_numbers_is_refused_by_name(string key, string value, string? because = null)
    {
        Set(key, value);
        Should.Throw<InvalidDataException>(() => PeftAdapter.Open(_model, _adapter, _device)).Message.ShouldContain(because ?? key);
    }

    [Theory]
    [InlineData("target_parameters", "[]")]
    [InlineData("layer_replication", "[]")]
    [InlineData("use_bdlora", "null")]
    [InlineData("use_qalora", "false")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("init_lora_weights", "false")]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    [InlineData("init_lora_weights", "\"eva\"")]
    [InlineData("velora_config", "{\"rank\": 1}")]
    [InlineData("loftq_config", "{\"loftq_bits\": 4}")]
    [InlineData("a_key_of_tomorrow", "null")]
    [InlineData("target_modules", "null")]
    [InlineData("target_modules", "\".*(q|v)_proj\"")]
    [InlineData("target_modules", "[\"v_proj\", \"self_attn.q_proj\", \"query_key_value\"]")]
    public void What_changes_nothing_changes_nothing(string key, string value)
    {
        float[] before = Logits();
        Set(key, value);
        Logits().ShouldBe(before);
    }

    [Theory]
    [InlineData("(q|v)_proj", false)]
    [InlineData(".*(?P<letter>q|v)_proj", true)]
    [InlineData(@".*\.layers\.(?P<n>1)\..*_proj\Z", true)]
    [InlineData(@".*LAYERS(?i)\.1\..*", true)]
    [InlineData("model.layers.1", false)]
    public void A_text_is_a_regular_expression_of_Python_over_the_whole_path(string pattern, bool matches)
    {
        const string path = "model.layers.1.self_attn.q_proj";
        new LoraConfig(4, 8, []) { TargetPattern = pattern }
            .Matches(path)
            .ShouldBe(matches);
        new LoraConfig(4, 8, ["q_proj"]) { ExcludedPattern = pattern }
            .Matches(path)
            .ShouldBe(!matches);
    }

    [Theory]
    [InlineData(new string[0], "q_proj", true)]
    [InlineData(new[] { "layers" }, "q_proj", true)]
    [InlineData(new[] { "blocks", "layer." }, "q_proj", true)]
    [InlineData(new[] { "layer" }, "q_proj", false)]
    [InlineData(new[] { "blocks" }, "q_proj", false)]
    [InlineData(new[] { "blocks" }, "model.layers.1.self_attn.q_proj", true)] // a whole path asks for no number
    public void Layers_are_counted_behind_a_pattern(string[] patterns, string target, bool matches)
    {
        LoraConfig config = new(4, 8, [target]) { Layers = [1], LayerPatterns = patterns };
        config.Matches("model.layers.1.self_attn.q_proj").ShouldBe(matches);
        config.Matches("model.layers.0.self_attn.q_proj").ShouldBeFalse();
    }

    [Fact]
    public void The_first_pattern_of_the_file_counts()
    {
        const string path = "model.layers.1.self_attn.q_proj";
        new LoraConfig(4, 8, ["q_proj"])
        {
            AlphaPattern = new Dictionary<string, double> { [".*_proj"] = 12, ["q_proj"] = 4 },
        }
            .ScaleOf(path)
            .ShouldBe(3);
        new LoraConfig(4, 8, ["q_proj"])
        {
            AlphaPattern = new Dictionary<string, double> { ["_proj"] = 12, ["^model.layers.1.*q_proj"] = 4 },
        }
            .ScaleOf(path)
            .ShouldBe(1);
    }

    [Fact]
    public void An_expression_that_never_ends_is_named() =>
        Should
            .Throw<InvalidDataException>(() => new LoraConfig(4, 8, []) { TargetPattern = "(a+)+$b" }.Matches(new string('a', 40)))
            .Message.ShouldContain("(a+)+$b");

    /// <summary>A weight whose decompositions are known: Σ σᵢ hᵢ gᵢᵀ with orthonormal h and g, and the same with a triangle in
    /// between.</summary>
    [Theory]
    [InlineData("pissa", 1)]
    [InlineData("pissa", 3)]
    [InlineData("olora", 1)]
    [InlineData("olora", 3)]
    public void The_start_takes_its_part_out_of_the_base(string start, int rank)
    {
        double[,] h = Orthonormal(0),
            g = Orthonormal(1);
        // W = H·R, R = diag(σ)·Gᵀ for singular values, upper triangular for QR.
        double R(int i, int j) =>
            start == "pissa" ? 2.0 / (i + 1) * g[j, i]
            : j >= i ? 1.0 / (1 + i + j)
            : 0;
        float[] Product(int first) =>
            [
                .. from n in Enumerable.Range(0, Hidden)
                from k in Enumerable.Range(0, Hidden)
                select (float)Enumerable.Range(first, Hidden - first).Sum(i => h[n, i] * R(i, k)),
            ];
        using (CausalLm model = Pretrained.Open(_model, _device))
        {
            Product(0).CopyTo(model.Parameters["model.layers.0.self_attn.q_proj.weight"].Span);
            Pretrained.Save(model, _model, overwrite: true);
        }
        using (CausalLm tuned = PeftAdapter.New(_model, new LoraConfig(rank, rank, ["model.layers.0.self_attn.q_proj"]), 1, _device))
        {
            PeftAdapter.Write(tuned.Adapter!, _adapter, "../model"); // B is 0, s is 1
        }
        Set("init_lora_weights", $"\"{start}\"");
        using CausalLm opened = PeftAdapter.Open(_model, _adapter, _device);
        float[] rest = Product(rank);
        opened
            .Parameters["model.layers.0.self_attn.q_proj.weight"]
            .Span.ToArray()
            .Zip(rest, (a, b) => Math.Abs(a - b))
            .Max()
            .ShouldBeLessThan(1e-6f);
    }

    [Theory]
    [InlineData("model.norm.weight", "\"modules_to_save\": [\"model.norm\"]")]
    [InlineData("model.embed_tokens.weight", "\"modules_to_save\": [\"embed_tokens\"]")]
    [InlineData("model.layers.0.self_attn.k_proj.bias", "\"bias\": \"all\"")]
    [InlineData("model.layers.1.self_attn.q_proj.bias", "\"bias\": \"lora_only\"", "model.layers.1.self_attn.q_proj.base_layer.bias")]
    public void Whole_tensors_replace_those_of_the_model_and_are_trained(string parameter, string setting, string? inFile = null)
    {
        float[] values = Add(parameter, inFile ?? parameter, out int count);
        Set(setting.Split('"')[1], setting[(setting.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        using CausalLm opened = PeftAdapter.Open(_model, _adapter, _device);
        opened.Parameters[parameter].Span.ToArray().ShouldBe(values);
        opened.Parameters[parameter].RequiresGrad.ShouldBeTrue();
        opened.Adapter!.Parameters.Count.ShouldBe(count);
        opened.Parameters.Count(p => p.Tensor.RequiresGrad).ShouldBe(1, "nothing else of the model moves");

        string copy = Directory.CreateDirectory(Path.Combine(_directory, "copy")).FullName;
        PeftAdapter.Write(opened.Adapter, copy, "../model");
        using CausalLm again = PeftAdapter.Open(_model, copy, _device);
        again.Parameters[parameter].Span.ToArray().ShouldBe(values);
    }

    [Theory]
    [InlineData("model.embed_tokens.weight")]
    [InlineData("lm_head.weight")]
    public void A_side_of_a_tied_pair_is_not_replaced_alone(string parameter)
    {
        Add(parameter, parameter, out _);
        Set("modules_to_save", $"[\"{parameter.Split('.')[^2]}\"]");
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(_model, HfDirectory.ConfigFile)))!.AsObject();
        config["tie_word_embeddings"] = true;
        using (CausalLm tied = Pretrained.New(HfConfig.Parse(config.ToJsonString()), _device, seed: 3))
        {
            Pretrained.Save(tied, _model, overwrite: true);
        }
        Should.Throw<InvalidDataException>(() => PeftAdapter.Open(_model, _adapter, _device)).Message.ShouldContain("modules_to_save");
    }

    [Fact]
    public void A_bias_of_B_is_scaled_and_merged_into_the_layers_bias()
    {
        string[] layers =
        [
            .. from layer in Enumerable.Range(0, 2)
            from name in (string[])["q_proj", "v_proj"]
            select $"model.layers.{layer}.self_attn.{name}",
        ];
        foreach (string layer in layers)
        {
            Add(layer + ".bias", layer + ".lora_B.bias", out _);
        }
        Set("lora_bias", "true");
        using CausalLm plain = Pretrained.Open(_model, _device),
            opened = PeftAdapter.Open(_model, _adapter, _device, trained: false);
        float[] apart = Logits(opened);
        opened.Adapter!.Merge();
        float[] bias = opened.Adapter.Parameters[$"{Adapter.Prefix}{layers[0]}.lora_B.bias"].Span.ToArray(),
            was = plain.Parameters[layers[0] + ".bias"].Span.ToArray();
        opened.Parameters[layers[0] + ".bias"].Span.ToArray().ShouldBe([.. was.Zip(bias, (a, b) => a + 2 * b)]); // α / r
        float[] merged = Logits(opened);
        apart.Zip(merged, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5f * apart.Max(Math.Abs));
    }

    [Fact]
    public void All_linear_is_written_as_names_with_their_block()
    {
        using CausalLm tuned = PeftAdapter.New(_model, new LoraConfig(4, 8, [LoraConfig.AllLinear]), 1, _device);
        PeftAdapter.Write(tuned.Adapter!, _adapter, "../model");
        PeftAdapter
            .ReadConfig(_adapter)
            .Targets.ShouldBe([
                "self_attn.q_proj",
                "self_attn.k_proj",
                "self_attn.v_proj",
                "self_attn.o_proj",
                "mlp.gate_proj",
                "mlp.up_proj",
                "mlp.down_proj",
            ]);
        Logits().Length.ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData("attn_out", "q_proj")]
    [InlineData("up_prj", "up_proj")]
    [InlineData("model.layers.7.self_attn.q_proj", "model.layers.0.self_attn.q_proj")]
    public void A_target_that_no_layer_has_is_named_with_the_nearest(string target, string nearest) =>
        Should
            .Throw<InvalidDataException>(() => PeftAdapter.New(_model, new LoraConfig(4, 8, ["v_proj", target]), 1, _device))
            .Message.ShouldContain($"no layer is named {target}; the nearest is {nearest}");

    [Theory]
    [InlineData("../model", true)]
    [InlineData("model", true)] // from a directory above the adapter
    [InlineData("ORG/model-of-a-hub", false)]
    public void The_base_is_found_from_where_the_adapter_lies(string name, bool found)
    {
        Set("base_model_name_or_path", $"\"{name}\"");
        PeftAdapter.BaseOf(_adapter).ShouldBe(found ? _model : name);
    }

    [Theory]
    [InlineData("qwen3_next", ".mlp.", true)]
    [InlineData("qwen2", ".mlp.", false)]
    public void What_other_tools_leave_out_is_said(string family, string part, bool said)
    {
        string path = Path.Combine(_directory, family);
        using (
            CausalLm model = Pretrained.New(
                HfConfig.Parse(
                    family == "qwen2"
                        ? File.ReadAllText(Path.Combine(_model, "config.json"))
                        : """
                        {"model_type":"qwen3_next","vocab_size":61,"hidden_size":32,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":16,
                         "layer_types":["linear_attention","full_attention"],"linear_num_value_heads":2,"linear_num_key_heads":1,"linear_key_head_dim":16,"linear_value_head_dim":16,"linear_conv_kernel_dim":4,
                         "num_experts":2,"num_experts_per_tok":1,"moe_intermediate_size":16,"shared_expert_intermediate_size":16,"decoder_sparse_step":1,"mlp_only_layers":[],"norm_topk_prob":true,
                         "partial_rotary_factor":0.25,"max_position_embeddings":64,"rms_norm_eps":1e-6,"tie_word_embeddings":false}
                        """
                ),
                _device,
                1
            )
        )
        {
            Pretrained.Save(model, path);
        }
        using CausalLm all = PeftAdapter.New(path, new LoraConfig(2, 4, [LoraConfig.AllLinear]), 1, _device),
            attention = PeftAdapter.New(path, new LoraConfig(2, 4, ["q_proj", "v_proj"]), 1, _device);
        all.Adapter!.Paths.ShouldContain(p => p.Contains(part));
        (PeftAdapter.Caution(all) is not null).ShouldBe(said);
        PeftAdapter.Caution(attention).ShouldBeNull();
    }

    /// <summary>Puts other values for a parameter of the model into the adapter's file.</summary>
    private float[] Add(string parameter, string name, out int count)
    {
        using CausalLm model = Pretrained.Open(_model, _device);
        Tensor tensor = Tensor.Allocate(_device, model.Parameters[parameter].Shape);
        new PhiloxRandom(3, 9).FillNormal(tensor.Span, 0.5f);
        string file = Path.Combine(_adapter, PeftAdapter.WeightsFile);
        List<NamedTensor> tensors = [new(Adapter.Prefix + name, tensor)];
        using (HfWeights weights = HfWeights.OpenFile(file))
        {
            foreach (string other in weights.Names)
            {
                Tensor copy = Tensor.Allocate(_device, Shape.Create([.. weights.Entry(other).Shape]));
                weights.ReadInto(other, copy);
                tensors.Add(new(other, copy));
            }
        }
        SafetensorsWriter.Write(file, tensors);
        count = tensors.Count;
        return tensor.Span.ToArray();
    }

    private void Set(string key, string value)
    {
        string file = Path.Combine(_adapter, PeftAdapter.ConfigFile);
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(file, json.ToJsonString());
    }

    /// <summary>Columns of a Hadamard matrix in another order, each a vector of length 1; made triangular-friendly by nothing but their
    /// orthogonality.</summary>
    private static double[,] Orthonormal(int shift)
    {
        double[,] m = new double[Hidden, Hidden];
        for (int i = 0; i < Hidden; i++)
        {
            for (int j = 0; j < Hidden; j++)
            {
                m[i, j] =
                    (System.Numerics.BitOperations.PopCount((uint)(i & (j * 5 + shift) % Hidden)) % 2 == 0 ? 1 : -1) / Math.Sqrt(Hidden);
            }
        }
        return m;
    }

    private float[] Logits()
    {
        using CausalLm tuned = PeftAdapter.Open(_model, _adapter, _device, trained: false);
        return Logits(tuned);
    }

    private float[] Logits(CausalLm model)
    {
        int[] ids = [.. Enumerable.Range(0, 24).Select(i => i * 7 % 61)];
        using StepScope step = _device.Step();
        return model.Logits(model.Hidden(_device.Rent(new Shape(2, 12), ids), ForwardContext.Rows(_device, 2, 12))).Span.ToArray();
    }
}
