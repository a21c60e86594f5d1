using Activate.Identity.Cli;

return await new Actid(Surroundings.OfThisProcess()).RunAsync(args);
