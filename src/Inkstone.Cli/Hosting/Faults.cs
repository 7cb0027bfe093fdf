using Inkstone.Jinja;
using Inkstone.Text;
using Inkstone.Training;

namespace Inkstone.Cli;

/// <summary>Which faults are the user's to mend (one sentence, exit code 2) and which are ours (exit code 1).</summary>
internal static class Faults
{
    public static int Report(Exception fault, TextWriter error, bool withStack)
    {
        while (fault is AggregateException { InnerExceptions: [Exception only] })
        {
            fault = only;
        }
        switch (fault)
        {
            case OperationCanceledException:
                error.WriteLine("ink: interrupted");
                return Signals.Interrupted;
            case Exception when IsUsers(fault):
                error.WriteLine("ink: " + Sentence(fault));
                Stack();
                return 2;
            default:
                error.WriteLine($"ink: internal fault: {Sentence(fault)} ({fault.GetType().Name}); run again with --debug for the stack");
                Stack();
                return 1;
        }

        void Stack()
        {
            if (withStack)
            {
                error.WriteLine(fault);
            }
        }
    }

    /// <summary>Whether the user can mend it.</summary>
    public static bool IsUsers(Exception fault) =>
        fault
            is InvalidDataException
                or ArgumentException
                or FileNotFoundException
                or DirectoryNotFoundException
                or IOException
                or UnauthorizedAccessException
                or TemplateException
                or DivergenceException
                or OutOfMemoryException;

    /// <summary>The message on one line, without the parameter name that .NET appends.</summary>
    public static string Sentence(Exception fault)
    {
        string message = (SystemWords.Explain(fault) ?? fault.Message).ReplaceLineEndings(" ");
        int parameter = fault is ArgumentException ? message.LastIndexOf(" (Parameter '", StringComparison.Ordinal) : -1;
        return (parameter < 0 ? message : message[..parameter]).TrimEnd('.', ' ');
    }
}
