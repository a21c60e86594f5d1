namespace Activate.Identity.Core.Applications;

/// <summary>What an application is registered as (contract §5): it decides how it authenticates, which grants it may have and which redirect URIs.</summary>
public enum ApplicationKind
{
    /// <summary>Runs on a server, keeps a secret or a key, signs people in by redirects.</summary>
    Web = 1,
    /// <summary>Runs in the browser; keeps no secret.</summary>
    Browser = 2,
    /// <summary>Runs on people's devices; keeps no secret; redirects to loopback or a scheme of its own.</summary>
    Native = 3,
    /// <summary>Acts for itself, without people: client credentials.</summary>
    Service = 4,
    /// <summary>Accepts our tokens and asks about them by introspection.</summary>
    ResourceServer = 5,
}
