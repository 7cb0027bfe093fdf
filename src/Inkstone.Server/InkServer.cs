using System.Diagnostics;
using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using Inkstone.Chat;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Inkstone.Server;

/// <summary>A model behind HTTP: the APIs of OpenAI, Ollama, Anthropic and llama.cpp, and a chat page at /.</summary>
public sealed partial class InkServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ServedModel _model;
    private readonly ApiKeys _keys;
    private readonly RepeatedRequests _repeated = new(TimeProvider.System);

    /// <summary>Makes it ready. The model stays the caller's.</summary>
    public InkServer(ChatModel chat, ServerOptions options)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { ApplicationName = "Inkstone.Server", ContentRootPath = AppContext.BaseDirectory }
        );
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(5);
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
            kestrel.Listen(Address(options.Host), options.Port);
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddSingleton<Microsoft.Extensions.Hosting.IHostLifetime, NoLifetime>();
        Log(builder.Logging, options);
        Export(builder);
        _app = builder.Build();
        _model = new ServedModel(chat, options, new Telemetry(_app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("ink")));
        _keys = new ApiKeys(options.ApiKeys);
        _app.Use(next => http => AnswerAsync(http, next));
        Map();
    }

    /// <summary>Where it listens, once it is started.</summary>
    public Uri Address() => new(_app.Urls.First());

    /// <summary>Begins to listen.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public Task StartAsync() => _app.StartAsync();

    /// <summary>Refuses what is new, lets answers end for <see cref="ServerOptions.DrainTime"/>, ends the rest with a word of why, and
    /// stops listening.</summary>
    public async Task StopAsync()
    {
        _model.Draining = true;
        await _model.Engine.DrainAsync(_model.Options.DrainTime).ConfigureAwait(false);
        await _app.StopAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync().ConfigureAwait(false);
        _model.Telemetry.Dispose();
    }

    private void Map()
    {
        ChatCompletions chat = new(_model);
        Completions completions = new(_model);
        Responses responses = new(_model);
        Embeddings embeddings = new(_model);
        Messages messages = new(_model);
        OllamaChat ollama = new(_model);
        OllamaModels ollamaModels = new(_model);
        NativeCompletion native = new(_model);
        Tokens tokens = new(_model);
        State state = new(_model);
        // Clients take the address as it is given to them, with /v1 or without.
        foreach (string root in (string[])["/v1", ""])
        {
            Post($"{root}/chat/completions", chat.HandleAsync);
            Post($"{root}/responses", responses.HandleAsync);
            Post($"{root}/embeddings", embeddings.HandleAsync);
            Post($"{root}/messages", messages.HandleAsync);
            Post($"{root}/messages/count_tokens", messages.CountAsync);
            Get($"{root}/models", state.ModelsAsync);
            Get($"{root}/models/{{**name}}", state.ModelAsync);
            Get($"{root}/health", state.HealthAsync);
        }
        Post("/v1/completions", completions.HandleAsync);
        Post("/completions", native.HandleAsync);
        Post("/completion", native.HandleAsync);
        Post("/tokenize", tokens.TokenizeAsync);
        Post("/detokenize", tokens.DetokenizeAsync);
        Post("/apply-template", tokens.ApplyTemplateAsync);
        Get("/metrics", state.MetricsAsync);
        Get("/props", state.PropsAsync);
        Post("/api/chat", ollama.ChatAsync);
        Post("/api/generate", ollama.GenerateAsync);
        Post("/api/embed", ollamaModels.EmbedAsync);
        Post("/api/embeddings", ollamaModels.OldEmbedAsync);
        Post("/api/show", ollamaModels.ShowAsync);
        Get("/api/tags", ollamaModels.TagsAsync);
        Get("/api/ps", ollamaModels.RunningAsync);
        Get("/api/version", OllamaModels.VersionAsync);
        Get("/", PageAsync);
        Get(
            "/favicon.ico",
            http =>
            {
                http.Response.StatusCode = 204;
                return Task.CompletedTask;
            }
        );

        void Post(string path, RequestDelegate handle) => _app.MapMethods(path, ["POST"], handle);

        void Get(string path, RequestDelegate handle) => _app.MapMethods(path, ["GET", "HEAD"], handle);
    }

    private static async Task PageAsync(HttpContext http)
    {
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        // The page needs nothing from elsewhere, and what a model writes can bring nothing in.
        http.Response.Headers.ContentSecurityPolicy =
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        using Stream page = Assembly.GetExecutingAssembly().GetManifestResourceStream("index.html")!;
        await page.CopyToAsync(http.Response.Body, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Around every request: its id, CORS, the key, the log line, and faults as errors in the shape that the endpoint's clients
    /// read.</summary>
    private async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        long began = Stopwatch.GetTimestamp();
        string? given = http.Request.Headers["x-request-id"];
        http.TraceIdentifier = given is not null && RequestId().IsMatch(given) ? given : Wire.Id("req_");
        http.Response.Headers["x-request-id"] = http.TraceIdentifier;
        try
        {
            if (AllowOrigin(http))
            {
                return;
            }
            if (!IsOpen(http.Request) && !_keys.Opens(http.Request))
            {
                throw new ApiException(
                    401,
                    "the API key is missing or wrong; send it as Authorization: Bearer KEY.",
                    "authentication_error",
                    code: "invalid_api_key"
                );
            }
            if (_model.Options.LogPrompts && http.Request.Method == "POST")
            {
                await LogBodyAsync(http).ConfigureAwait(false);
            }
            await _repeated.AnswerAsync(http, next).ConfigureAwait(false);
            if (http.Response is { StatusCode: 404 or 405, HasStarted: false } empty)
            {
                throw empty.StatusCode == 404
                    ? new ApiException(404, $"there is nothing at {http.Request.Path}.")
                    : new ApiException(405, $"{http.Request.Path} does not take {http.Request.Method}.");
            }
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
        catch (Exception fault) when (!http.Response.HasStarted)
        {
            await FaultAsync(http, fault).ConfigureAwait(false);
        }
        catch (CutException)
        {
            throw;
        }
        catch (IOException)
        {
            // The client has gone in the midst of an answer.
        }
        catch (Exception fault)
        {
            _model.Telemetry.Failed(fault);
            http.Abort();
        }
        finally
        {
            string path = http.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } route } ? route : "other";
            _model.Telemetry.Request(http, path, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
    }

    private async Task FaultAsync(HttpContext http, Exception fault)
    {
        ApiException told = fault switch
        {
            ApiException api => api,
            BadHttpRequestException { StatusCode: 413 } => new(
                413,
                $"the body is larger than {_model.Options.MaxBodyBytes} bytes, the limit of this server.",
                code: "request_too_large"
            ),
            BadHttpRequestException bad => new(bad.StatusCode is >= 400 and < 500 ? bad.StatusCode : 400, bad.Message),
            _ => new(500, "the server failed; its log says how.", "server_error", code: "internal_error"),
        };
        if (told.Status >= 500 && fault is not ApiException)
        {
            _model.Telemetry.Failed(fault);
        }
        http.Response.Headers.CacheControl = "no-store";
        if (told.Status is 429 or 503)
        {
            http.Response.Headers.RetryAfter = $"{told.RetryAfter ?? 2}";
        }
        if (told.Status == 401)
        {
            http.Response.Headers.WWWAuthenticate = "Bearer";
        }
        string path = http.Request.Path.Value ?? "";
        await Wire.SendAsync(
                http,
                path.EndsWith("/messages", StringComparison.Ordinal) || path.Contains("/messages/", StringComparison.Ordinal)
                        ? Messages.Error(told)
                    : path.StartsWith("/api/", StringComparison.Ordinal) ? OllamaChat.Error(told)
                    : Wire.Error(told),
                told.Status
            )
            .ConfigureAwait(false);
    }

    /// <summary>What anybody may see: that the server lives, what it serves, and the page, which asks for the key itself.</summary>
    private static bool IsOpen(HttpRequest request) =>
        request.Path.Value is "/" or "/favicon.ico" or "/health" or "/v1/health" or "/models" or "/v1/models" or "/api/version";

    /// <summary>Lets pages of listed origins in; true: this was only a browser's question.</summary>
    private bool AllowOrigin(HttpContext http)
    {
        string? origin = http.Request.Headers.Origin;
        bool allowed =
            origin is not null
            && (_model.Options.Origins.Contains("*") || _model.Options.Origins.Contains(origin, StringComparer.OrdinalIgnoreCase));
        if (allowed)
        {
            http.Response.Headers.AccessControlAllowOrigin = origin;
            http.Response.Headers.AccessControlAllowCredentials = "true";
            http.Response.Headers.AccessControlExposeHeaders = "x-request-id";
            http.Response.Headers.Vary = "Origin";
        }
        if (http.Request.Method != "OPTIONS")
        {
            return false;
        }
        if (allowed)
        {
            http.Response.Headers.AccessControlAllowMethods = "GET, POST";
            http.Response.Headers.AccessControlAllowHeaders = http.Request.Headers.AccessControlRequestHeaders is { Count: > 0 } asked
                ? asked
                : "*";
            http.Response.Headers.AccessControlMaxAge = "600";
        }
        http.Response.StatusCode = allowed || origin is null ? 200 : 403;
        return true;
    }

    private async Task LogBodyAsync(HttpContext http)
    {
        http.Request.EnableBuffering();
        using StreamReader reader = new(http.Request.Body, leaveOpen: true);
        _model.Telemetry.Prompt(http.TraceIdentifier, await reader.ReadToEndAsync(http.RequestAborted).ConfigureAwait(false));
        http.Request.Body.Position = 0;
    }

    /// <summary>Log lines go to stderr.</summary>
    internal static void Log(ILoggingBuilder logging, ServerOptions options)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(options.Quiet ? LogLevel.Warning : LogLevel.Information);
        logging
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.None)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a cut stream is no fault of the program
        if (options.LogJson)
        {
            logging.AddJsonConsole(json => (json.UseUtcTimestamp, json.TimestampFormat) = (true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        }
        else
        {
            logging.AddSimpleConsole(text => (text.SingleLine, text.TimestampFormat) = (true, "HH:mm:ss "));
        }
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console =>
            console.LogToStandardErrorThreshold = LogLevel.Trace
        );
    }

    /// <summary>OpenTelemetry by OTLP, where its usual variable names a collector.</summary>
    private static void Export(WebApplicationBuilder builder)
    {
        if (Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is not { Length: > 0 })
        {
            return;
        }
        builder
            .Services.AddOpenTelemetry()
            .ConfigureResource(resource =>
            {
                if (Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME") is not { Length: > 0 })
                {
                    resource.AddService("inkstone");
                }
            })
            .WithTracing(traces => traces.AddSource(Telemetry.Name, "Microsoft.AspNetCore").AddOtlpExporter())
            .WithMetrics(metrics =>
                metrics.AddMeter(Telemetry.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel").AddOtlpExporter()
            );
    }

    internal static IPAddress Address(string host) =>
        host is "localhost" ? IPAddress.Loopback
        : host is "*" or "+" ? IPAddress.Any
        : IPAddress.TryParse(host, out IPAddress? address) ? address
        : throw new ArgumentException($"--host must be an IP address such as 127.0.0.1 or 0.0.0.0, or localhost; it is '{host}'.");

    [GeneratedRegex(@"\A[\w.:-]{1,128}\z", RegexOptions.CultureInvariant)]
    private static partial Regex RequestId();

    /// <summary>Signals are the program's business, which stops the server.</summary>
    internal sealed class NoLifetime : Microsoft.Extensions.Hosting.IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
