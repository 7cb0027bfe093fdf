namespace Inkstone.Cli;

/// <summary>How the user calls this program from where they are, so that commands that are printed can be run as they stand.</summary>
internal static class ProgramName
{
    public static string Current { get; } =
        Find(Environment.ProcessPath, AppContext.BaseDirectory, Environment.GetEnvironmentVariable("PATH"), Environment.CurrentDirectory);

    /// <param name="process">path of the process: the program itself, or dotnet</param>
    /// <param name="home">the program's own directory</param>
    /// <param name="path">the directories in which a shell looks</param>
    /// <param name="here">the current directory</param>
    public static string Find(string? process, string home, string? path, string here)
    {
        if (process is not null && Path.GetFileNameWithoutExtension(process) == "dotnet")
        {
            return "dotnet " + Quoted(Near(Path.Combine(home, "ink.dll"), here));
        }
        string program = Path.GetFullPath(Checkout(process) ?? process ?? "ink", here);
        string name = Path.GetFileName(program);
        string? first = path
            ?.Split(Path.PathSeparator)
            .Where(d => d.Length > 0)
            .Select(d => Path.Combine(d, name))
            .FirstOrDefault(File.Exists);
        return first is not null && Real(Path.GetFullPath(first, here)) == Real(program)
            ? Path.GetFileNameWithoutExtension(name)
            : Quoted(Near(program, here));
    }

    /// <summary>The script at the root of the checkout in which the program was built, if that is where it lies.</summary>
    private static string? Checkout(string? process)
    {
        int artifacts = process?.IndexOf(Path.Combine("artifacts", "bin", "Inkstone.Cli"), StringComparison.Ordinal) ?? -1;
        string? script = artifacts > 0 ? Path.Combine(process![..artifacts], OperatingSystem.IsWindows() ? "ink.cmd" : "ink") : null;
        return File.Exists(script) ? script : null;
    }

    private static string Real(string file) => File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file;

    private static string Near(string program, string here)
    {
        string relative = Path.GetRelativePath(here, program);
        return relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? program
            : relative.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) ? relative
            : Path.Combine(".", relative);
    }

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"\"{path}\"" : path;
}
