using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Inkstone.Distributed;
using Inkstone.Tensors;
using Inkstone.Training;
using Inkstone.Verification;
using Spectre.Console;

namespace Inkstone.Cli;

/// <summary><c>ink verify</c>.</summary>
internal static class Verify
{
    public static CliCommand Create()
    {
        Argument<string[]> folders = new("DIR")
        {
            Description = "folders of reference numbers: model cases, training runs; none: every kernel, and a small model",
            Arity = ArgumentArity.ZeroOrMore,
        };
        return new CliCommand(
            "verify",
            "computes reference numbers on this machine and says how far off each is; exit code 1 if any is too far",
            [folders],
            Run,
            "ink verify",
            "ink verify goldens/models/llama goldens/training --precision bf16 --json"
        )
        {
            TakesRanks = true,
        };

        int Run(CommandContext call)
        {
            List<(string Folder, VerificationCheck Check)> checks = call.Compute(device =>
            {
                List<(string, VerificationCheck)> all = [];
                if (call.Get(folders) is not { Length: > 0 })
                {
                    call.Say("comparing every kernel at every instruction-set level with the portable one");
                    all.AddRange(KernelVerification.Run().Select(k => ("kernels", new VerificationCheck(k.Name, k.Worst, k.Tolerance))));
                    all.AddRange(BuiltInModel.Run(device).Select(c => ("model", c)));
                }
                foreach (string folder in call.Get(folders) ?? [])
                {
                    call.Cancelled.ThrowIfCancellationRequested();
                    call.Say($"verifying {folder}");
                    all.AddRange(
                        ReferenceCases
                            .Run(folder, device, Tell, new Cooperation(call.Ranks, new DistributedOptions()))
                            .Select(c => (folder, c))
                    );
                }
                return all;
            });
            checks = OfAll(call, checks);
            bool ok = checks.TrueForAll(c => c.Check.Ok);
            JsonArray list = [];
            foreach ((string folder, VerificationCheck c) in checks)
            {
                list.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["name"] = Name(folder, c),
                            ["worst"] = double.IsFinite(c.Worst) ? c.Worst : null,
                            ["tolerance"] = c.Tolerance,
                            ["ok"] = c.Ok,
                        }
                );
            }
            call.Result(new JsonObject { ["ranks"] = call.Ranks.Size, ["checks"] = list }, _ => Print(call, checks));
            return ok ? 0 : 1;

            void Tell(int step, double loss)
            {
                if (step % 20 == 0)
                {
                    call.Say(Format.Text($"step {step}: loss {loss:0.0000}"));
                }
            }
        }

        // Of several processes the one that is furthest off counts.
        static List<(string, VerificationCheck)> OfAll(CommandContext call, List<(string Folder, VerificationCheck Check)> own)
        {
            double[] worst = [.. own.Select(c => c.Check.Worst)];
            foreach (byte[] part in call.Ranks.GatherAll(MemoryMarshal.AsBytes(worst.AsSpan())))
            {
                ReadOnlySpan<double> other = MemoryMarshal.Cast<byte, double>(part);
                for (int i = 0; i < worst.Length; i++)
                {
                    worst[i] = double.IsNaN(other[i]) || other[i] > worst[i] ? other[i] : worst[i];
                }
            }
            return [.. own.Select((c, i) => (c.Folder, c.Check with { Worst = worst[i] }))];
        }

        static string Name(string folder, VerificationCheck c) => $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))}/{c.Name}";

        static void Print(CommandContext call, List<(string Folder, VerificationCheck Check)> checks)
        {
            Table table = new Table()
                .Border(TableBorder.Rounded)
                .AddColumn("check")
                .AddColumn("worst")
                .AddColumn("tolerance")
                .AddColumn("");
            foreach ((string folder, VerificationCheck c) in checks)
            {
                table.AddRow(
                    Markup.Escape(Name(folder, c)),
                    Format.Text($"{c.Worst:0.00e+0}"),
                    Format.Text($"{c.Tolerance:0.0e+0}"),
                    c.Ok ? "ok" : "FAILED"
                );
            }
            call.Page.Write(table);
            call.Out.WriteLine($"{checks.Count(c => c.Check.Ok)} of {checks.Count} checks passed");
        }
    }
}
