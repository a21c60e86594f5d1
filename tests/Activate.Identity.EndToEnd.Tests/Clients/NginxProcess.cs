using System.Diagnostics;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>The machine's nginx, with settings as a document has them but for addresses, in a folder of its own.</summary>
internal sealed class NginxProcess : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-nginx-").FullName;
    private readonly Process _process;

    private NginxProcess(string binary, string settings)
    {
        File.WriteAllText(Path.Combine(_folder, "nginx.conf"), $$"""
            daemon off;
            master_process off;
            pid {{_folder}}/pid;
            events { }
            http {
                access_log off;
                client_body_temp_path {{_folder}}/body;
                proxy_temp_path {{_folder}}/proxy;
                fastcgi_temp_path {{_folder}}/fastcgi;
                uwsgi_temp_path {{_folder}}/uwsgi;
                scgi_temp_path {{_folder}}/scgi;
            {{settings}}
            }
            """);
        _process = Process.Start(new ProcessStartInfo(binary) { ArgumentList = { "-p", _folder, "-c", Path.Combine(_folder, "nginx.conf"), "-e", Path.Combine(_folder, "errors") } })!;
    }

    /// <summary>What nginx says of what is behind it.</summary>
    public string Errors => Path.Combine(_folder, "errors") is var file && File.Exists(file) ? File.ReadAllText(file) : "";

    /// <param name="origin">Where it answers then.</param>
    /// <param name="documented">What stands within <c>http</c>.</param>
    /// <param name="places">What is there in the document, and here; each has to be there.</param>
    public static async Task<NginxProcess> StartAsync(Uri origin, string documented, params (string There, string Here)[] places)
    {
        foreach (var (there, here) in places)
        {
            Assert.Contains(there, documented, StringComparison.Ordinal);
            documented = documented.Replace(there, here, StringComparison.Ordinal);
        }

        var nginx = new NginxProcess(Tools.Require("nginx", "/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"), documented);
        await Waiting.ForAnswerAsync(origin, () => nginx._process.HasExited ? $"nginx ended: {nginx.Errors}" : null);
        return nginx;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
