using Inkstone.Formats;

namespace Inkstone.Models;

/// <summary>Keys of config.json that families with softmax routers share.</summary>
internal static class ExpertConfig
{
    /// <summary>The keys of config.json that it reads.</summary>
    public static readonly string[] Keys =
    [
        "num_experts",
        "num_local_experts",
        "decoder_sparse_step",
        "mlp_only_layers",
        "output_router_logits",
        "router_aux_loss_coef",
    ];

    /// <summary>Number of experts: hubs say num_experts, transformers 5 writes num_local_experts.</summary>
    public static int Experts(HfConfig c, int absent) => c.Int("num_experts", c.Int("num_local_experts", absent));

    /// <summary>Per layer whether it is sparse: every decoder_sparse_step-th, but none of mlp_only_layers.</summary>
    public static bool[] SparseLayers(HfConfig c, int layers)
    {
        int step = c.Int("decoder_sparse_step", 1);
        ConfigCheck.Positive(c, ("decoder_sparse_step", step));
        int[] dense = c.Ints("mlp_only_layers");
        return [.. Enumerable.Range(0, layers).Select(i => !dense.Contains(i) && (i + 1) % step == 0)];
    }

    /// <summary>Weight of the balance loss, or null where output_router_logits does not ask for it.</summary>
    public static double? AuxLoss(HfConfig c, double absent = 0.001) =>
        c.Bool("output_router_logits", false) ? c.Number("router_aux_loss_coef", absent) : null;
}
