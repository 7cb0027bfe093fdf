using System.Text;
using Inkstone.Data;
using Inkstone.Text;

namespace Inkstone.Cli.Tests;

/// <summary>A directory with a tokenizer, token shards and a recipe of a very small run, made once for all tests of a class.</summary>
public sealed class Workplace : IDisposable
{
    public Workplace()
    {
        Path = Directory.CreateTempSubdirectory("ink-cli-").FullName;
        Tokenizer tokenizer = BpeTrainer.TrainText(
            [Text(0, 400)],
            new BpeTrainerOptions(300, SplitPattern.Gpt2, SpecialTokens: ["<|endoftext|>"])
        );
        tokenizer.Save(this["tok"]);
        Shard(tokenizer, "train", 0, 300);
        Shard(tokenizer, "valid", 300, 40);
        File.WriteAllText(
            this["r.yaml"],
            """
            model: {model_type: llama, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2,
                    num_key_value_heads: 1, max_position_embeddings: 64, rms_norm_eps: 1e-5, tie_word_embeddings: true}
            tokenizer: tok
            data: {train: tokens, valid: tokens, sequence_length: 32}
            optimizer: {name: muon, lr: 3e-3}
            schedule: {warmup_steps: 5}
            train: {steps: 24, batch_size: 4, accumulation: 2, eval_every: 6, eval_batches: 2, sample_every: 8, sample_prompts: [two], sample_tokens: 8, save_every: 3, keep: 2}
            out: run
            """
        );
        File.WriteAllText(
            this["sparse.yaml"],
            """
            model: {model_type: deepseek_v3, hidden_size: 32, intermediate_size: 64, moe_intermediate_size: 16, num_hidden_layers: 2, num_attention_heads: 2, q_lora_rank: 16,
                    kv_lora_rank: 12, qk_nope_head_dim: 8, qk_rope_head_dim: 4, v_head_dim: 8, first_k_dense_replace: 1, n_routed_experts: 4, n_shared_experts: 1,
                    num_experts_per_tok: 2, n_group: 2, topk_group: 2, routed_scaling_factor: 1, num_nextn_predict_layers: 1, sequence_balance_loss_weight: 1e-3,
                    router_bias_update_rate: 0.05, max_position_embeddings: 64, tie_word_embeddings: true}
            tokenizer: tok
            data: {train: tokens, valid: tokens, sequence_length: 32}
            optimizer: {lr: 3e-3}
            schedule: {warmup_steps: 5}
            train: {steps: 24, batch_size: 4, accumulation: 2, eval_every: 6, eval_batches: 2, sample_every: 8, sample_prompts: [two], sample_tokens: 8, save_every: 3, keep: 2}
            out: run
            """
        );
        File.WriteAllText(
            this["linear.yaml"],
            """
            model: {model_type: qwen3_next, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, layer_types: [linear_attention, full_attention], num_attention_heads: 2,
                    num_key_value_heads: 1, head_dim: 16, partial_rotary_factor: 0.25, linear_conv_kernel_dim: 4, linear_key_head_dim: 16, linear_value_head_dim: 16,
                    linear_num_key_heads: 1, linear_num_value_heads: 2, mlp_only_layers: [0], decoder_sparse_step: 1, num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 16,
                    shared_expert_intermediate_size: 16, norm_topk_prob: true, output_router_logits: true, router_aux_loss_coef: 0.01, max_position_embeddings: 64, rms_norm_eps: 1e-6,
                    rope_theta: 10000, tie_word_embeddings: false, hidden_act: silu, attention_bias: false}
            tokenizer: tok
            data: {train: tokens, valid: tokens, sequence_length: 32}
            optimizer: {lr: 3e-3}
            schedule: {warmup_steps: 5}
            train: {steps: 24, batch_size: 4, accumulation: 2, eval_every: 6, eval_batches: 2, save_every: 3, keep: 2}
            out: run
            """
        );
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private void Shard(Tokenizer tokenizer, string split, int from, int documents)
    {
        Directory.CreateDirectory(this["tokens"]);
        using TokenShardWriter writer = new(
            this[$"tokens/{split}-00000.bin"],
            TokenShardFormat.Inkstone,
            new ShardVocabulary(tokenizer.VocabularySize, tokenizer.VocabularyHash, tokenizer.EosId!.Value)
        );
        for (int i = from; i < from + documents; i++)
        {
            string text = Text(i, 1);
            writer.Append(tokenizer.Encode(text), Encoding.UTF8.GetByteCount(text));
        }
        writer.Complete();
    }

    private static string Text(int from, int count)
    {
        string[] words = ["one", "two", "three", "four", "five", "six", "seven"];
        StringBuilder text = new();
        for (int i = from; i < from + count; i++)
        {
            text.Append($"{words[i % 7]} and {words[i * 3 % 7]} are not {words[i * 5 % 7]}, 今天是第{i % 31}天。\n");
        }
        return text.ToString();
    }
}
