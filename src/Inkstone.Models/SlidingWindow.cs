using Inkstone.Formats;

namespace Inkstone.Models;

/// <summary>Which layers see only a window of keys: <c>layer_types</c> (transformers 5), or <c>use_sliding_window</c> with <c>max_window_layers</c> (before).</summary>
internal static class SlidingWindow
{
    /// <summary>Per layer the number of keys that a query sees, or null where it sees all.</summary>
    public static int?[] From(HfConfig c, int layers)
    {
        int?[] windows = new int?[layers];
        if (!c.Bool("use_sliding_window", false) || !c.Has("sliding_window"))
        {
            return windows;
        }
        string[] types = c.Texts("layer_types");
        int window = c.Int("sliding_window"), full = c.Int("max_window_layers", 28);
        ConfigCheck.Positive(c, ("sliding_window", window));
        for (int i = 0; i < layers; i++)
        {
            bool sliding = types.Length > 0 ? i < types.Length && types[i] == "sliding_attention" : i >= full;
            windows[i] = sliding ? window : null;
        }
        return windows;
    }
}
