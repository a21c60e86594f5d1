function done(summary, latency)
  io.write(string.format("RESULT %.0f %.0f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(99.0), summary.errors.status + summary.errors.connect + summary.errors.read))
end
