using Activate.Identity.Benchmarks.Load;
using BenchmarkDotNet.Running;

// "bare" and "seed" serve load/run.sh; everything else is for BenchmarkDotNet.
switch (args.FirstOrDefault())
{
    case "bare":
        await BareServer.RunAsync(args[1]);
        break;
    case "seed":
        await Seeder.RunAsync(args[1], int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture), int.Parse(args[3], System.Globalization.CultureInfo.InvariantCulture), args[4]);
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(BareServer).Assembly).Run(args);
        break;
}
