using System.Reflection;
using Inkstone.Reports;
using Inkstone.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Inkstone.Studio;

/// <summary>One local page for everything that runs make, and what it asks for.</summary>
public sealed class StudioServer : IAsyncDisposable
{
    private const string Json = "application/json; charset=utf-8";

    private readonly WebApplication _app;
    private readonly ModelDesk _desk;
    private readonly byte[] _page = Page();
    private readonly Telemetry _telemetry;

    /// <summary>Makes it ready.</summary>
    /// <param name="options">what it shows</param>
    public StudioServer(StudioOptions options)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ApplicationName = "Inkstone.Studio", ContentRootPath = AppContext.BaseDirectory }
        );
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 4 << 20;
            kestrel.Listen(InkServer.Address(options.Host), options.Port);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddSingleton<IHostLifetime, InkServer.NoLifetime>();
        InkServer.Log(builder.Logging, new ServerOptions { Quiet = true });
        _app = builder.Build();
        _telemetry = new Telemetry(_app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("ink"));
        StudioFolder folder = new(options.Paths, options.HoldsModel);
        _desk = new ModelDesk(options, _telemetry);
        RequestGuard guard = new(options.Host);
        _app.Use(next => http => AnswerAsync(http, next, guard));
        RunRoutes runs = new(folder);
        TextRoutes texts = new(folder, _desk);
        ModelRoutes models = new(folder, _desk);
        Get("/", http => SendAsync(http, _page, "text/html; charset=utf-8"));
        Get("/api/runs", runs.ListAsync);
        Get("/api/metrics", runs.MetricsAsync);
        Get("/api/samples", runs.SamplesAsync);
        Get("/api/recipe", runs.RecipeAsync);
        Get("/api/tables", runs.TablesAsync);
        Get("/api/data", texts.FilesAsync);
        Post("/api/data", texts.RecordsAsync);
        Post("/api/tokens", texts.TokensAsync);
        Post("/api/next", models.NextAsync);
        Post("/api/attention", models.AttentionAsync);
        Post("/api/chat", models.ChatAsync);

        void Get(string path, RequestDelegate handle) => _app.MapMethods(path, ["GET", "HEAD"], handle);

        void Post(string path, RequestDelegate handle) => _app.MapMethods(path, ["POST"], handle);
    }

    /// <summary>Where it listens, once it is started.</summary>
    public Uri Address() => new(_app.Urls.First());

    /// <summary>Begins to listen.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public Task StartAsync() => _app.StartAsync();

    /// <summary>Stops listening.</summary>
    public Task StopAsync() => _app.StopAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync().ConfigureAwait(false);
        await _desk.DisposeAsync().ConfigureAwait(false);
        _telemetry.Dispose();
    }

    /// <summary>Faults are one sentence for the page.</summary>
    private async Task AnswerAsync(HttpContext http, RequestDelegate next, RequestGuard guard)
    {
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        try
        {
            guard.Check(http.Request);
            await next(http).ConfigureAwait(false);
            if (http.Response is { StatusCode: 404 or 405, HasStarted: false } empty)
            {
                throw new ApiException(empty.StatusCode, $"there is nothing at {http.Request.Method} {http.Request.Path}.");
            }
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested || http.Response.HasStarted)
        {
            http.Abort();
        }
        catch (Exception fault)
        {
            int status = fault switch
            {
                ApiException api => api.Status,
                BadHttpRequestException bad => bad.StatusCode,
                InvalidDataException
                or ArgumentException
                or IOException
                or FormatException
                or Jinja.TemplateException
                or InsufficientMemoryException => 400,
                _ => 500,
            };
            if (status == 500)
            {
                _telemetry.Failed(fault);
            }
            await Wire.SendAsync(
                    http,
                    Wire.Error(new ApiException(status, status == 500 ? "the studio failed; its log says how." : Serving.Sentence(fault))),
                    status
                )
                .ConfigureAwait(false);
        }
    }

    private static async Task SendAsync(HttpContext http, byte[] bytes, string type = Json)
    {
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        // The page needs nothing from elsewhere, and what files hold can bring nothing in.
        http.Response.Headers.ContentSecurityPolicy =
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted).ConfigureAwait(false);
    }

    private static byte[] Page()
    {
        string page = Own("studio.html")
            .Replace("/*style*/", ReportPage.Part("report.css") + Own("studio.css"), StringComparison.Ordinal)
            .Replace("/*curves*/", ReportPage.Part("curves.js"), StringComparison.Ordinal)
            .Replace("/*common*/", ReportPage.Part("common.js"), StringComparison.Ordinal)
            .Replace("/*script*/", Own("studio.js") + Own("look.js"), StringComparison.Ordinal);
        return System.Text.Encoding.UTF8.GetBytes(page);
    }

    private static string Own(string name)
    {
        using StreamReader reader = new(Assembly.GetExecutingAssembly().GetManifestResourceStream("Inkstone.Studio.Page." + name)!);
        return reader.ReadToEnd();
    }
}
