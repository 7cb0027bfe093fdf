using System.ComponentModel;
using System.Diagnostics;

namespace Inkstone.Hub;

/// <summary>The registry that npm is set up to ask. This program names none of its own.</summary>
internal static class NpmRegistry
{
    private const string Setting = "npm_config_registry";

    /// <summary>Its address: npm's environment variable, else what npm answers, which has read its files and knows its default.</summary>
    /// <param name="program">npm</param>
    /// <param name="cancelled">ends the wait for npm</param>
    /// <exception cref="RefusedException">Nobody says; the message tells what to set.</exception>
    public static async Task<string> Find(string program, CancellationToken cancelled)
    {
        string said = Environment.GetEnvironmentVariable(Setting) is { Length: > 0 } own
            ? own
            : await Ask(program, cancelled).ConfigureAwait(false);
        return Uri.TryCreate(said, UriKind.Absolute, out Uri? address) && address.Scheme is "https" or "http"
            ? said.TrimEnd('/')
            : throw new RefusedException(
                $"which registry has npm's packages? {(said.Length > 0 ? $"'{said}' is no address of one" : "npm is not installed, so nothing says it")}: set the environment variable {Setting} to the address of one"
            );
    }

    /// <summary>What the program npm is set up for, or nothing where it is not installed.</summary>
    private static async Task<string> Ask(string program, CancellationToken cancelled)
    {
        try
        {
            using Process npm = Process.Start(
                new ProcessStartInfo(program, ["config", "get", "registry"]) { RedirectStandardOutput = true, RedirectStandardError = true }
            )!;
            _ = npm.StandardError.ReadToEndAsync(cancelled);
            string said = await npm.StandardOutput.ReadToEndAsync(cancelled).ConfigureAwait(false);
            await npm.WaitForExitAsync(cancelled).ConfigureAwait(false);
            return said.Trim();
        }
        catch (Win32Exception) // there is no such program
        {
            return "";
        }
    }
}
