using System.Globalization;
using System.Text.RegularExpressions;

namespace Inkstone.Hub;

/// <summary>How long to wait before a request is made again.</summary>
internal static partial class Pause
{
    /// <summary>Requests in a row that may fail without bringing anything.</summary>
    public const int Tries = 6;

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>0.5, 1, 2, 4, 8 seconds; longer where the server says so.</summary>
    /// <param name="failure">number of the failure, from 1</param>
    /// <param name="answer">what the server said, or null where it said nothing</param>
    /// <param name="cancelled">ends the wait</param>
    /// <exception cref="IOException">The server wants a pause that nobody would wait for.</exception>
    public static async Task After(int failure, HttpResponseMessage? answer, CancellationToken cancelled)
    {
        TimeSpan pause = TimeSpan.FromSeconds(Math.Min(8, 0.5 * Math.Pow(2, failure - 1)));
        if (answer is not null && Asked(answer, DateTimeOffset.UtcNow) is { } asked)
        {
            if (asked > Longest)
            {
                throw new IOException(
                    $"{answer.RequestMessage!.RequestUri!.Host} asks to wait for {asked.TotalMinutes:0} minutes: come back then; what was loaded is kept"
                );
            }
            pause = asked + TimeSpan.FromSeconds(0.5) > pause ? asked + TimeSpan.FromSeconds(0.5) : pause;
        }
        await Task.Delay(pause, cancelled).ConfigureAwait(false);
    }

    /// <summary>Whether the same request may succeed a little later.</summary>
    public static bool MayPass(int status) => status is 408 or 425 or 429 or >= 500 and not 501 and not 505;

    /// <summary><c>Retry-After</c> in seconds or as a date, and <c>RateLimit: "api";r=0;t=55</c>.</summary>
    internal static TimeSpan? Asked(HttpResponseMessage answer, DateTimeOffset now)
    {
        TimeSpan? after = answer.Headers.RetryAfter is { } header ? header.Delta ?? header.Date - now : null;
        if (answer.Headers.NonValidated.TryGetValues("RateLimit", out System.Net.Http.Headers.HeaderStringValues limits))
        {
            foreach (string limit in limits)
            {
                if (
                    Limit().Match(limit) is { Success: true } match
                    && double.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out double seconds)
                )
                {
                    TimeSpan reset = TimeSpan.FromSeconds(seconds);
                    after = after > reset ? after : reset;
                }
            }
        }
        return after > TimeSpan.Zero ? after : null;
    }

    [GeneratedRegex(@";\s*r=0\b.*;\s*t=(\d{1,9})")]
    private static partial Regex Limit();
}
