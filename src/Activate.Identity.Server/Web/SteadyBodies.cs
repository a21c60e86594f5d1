using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Reads a body to its end although the server is stopping. Kestrel then wakes whoever waits for the rest of a body, to see whether it is between two requests; who reads JSON takes
/// that for the end of everything, and a request that was begun would be answered with 500.
/// </summary>
internal sealed class SteadyBodies(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && context.Features.Get<IRequestBodyPipeFeature>() is { } body)
            context.Features.Set<IRequestBodyPipeFeature>(new SteadyBody(body.Reader));
        return next(context);
    }

    private sealed class SteadyBody(PipeReader body) : PipeReader, IRequestBodyPipeFeature
    {
        public PipeReader Reader => this;

        /// <summary>Woken without an end, the reader finds what it has already, and waits again.</summary>
        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            var read = await body.ReadAsync(cancellationToken);
            return read.IsCanceled ? new ReadResult(read.Buffer, isCanceled: false, read.IsCompleted) : read;
        }

        public override bool TryRead(out ReadResult result)
        {
            var any = body.TryRead(out result);
            if (any && result.IsCanceled)
                result = new ReadResult(result.Buffer, isCanceled: false, result.IsCompleted);
            return any;
        }

        public override void AdvanceTo(SequencePosition consumed) => body.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => body.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => body.CancelPendingRead();

        public override void Complete(Exception? exception = null) => body.Complete(exception);
    }
}
