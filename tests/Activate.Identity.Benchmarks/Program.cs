using System.Globalization;
using Activate.Identity.Benchmarks.Load;
using BenchmarkDotNet.Running;

// "bare" and "seed" serve the scripts in load; everything else is for BenchmarkDotNet.
switch (args.FirstOrDefault())
{
    case "bare":
        await BareServer.RunAsync(args[1]);
        break;
    case "seed":
        await Seeder.RunAsync(args[1], Number(2, 0), Number(3, 0), args[4], Number(5, 30_000), args.ElementAtOrDefault(6));
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(BareServer).Assembly).Run(args);
        break;
}

int Number(int index, int otherwise) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : otherwise;
