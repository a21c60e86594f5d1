-- Asks for the SSH keys of a user drawn at random from the first POOL_SIZE lines of POOL.
local pool = {}
function init(args)
  local most = tonumber(os.getenv("POOL_SIZE"))
  for line in io.lines(os.getenv("POOL")) do
    pool[#pool + 1] = line
    if #pool == most then break end
  end
  math.randomseed(42)
end
function request()
  return wrk.format("GET", "/api/v1/authorized-keys/" .. pool[math.random(#pool)], { ["Host"] = "localhost:5090", ["Authorization"] = "Bearer " .. os.getenv("CLUSTER") })
end
function done(summary, latency)
  io.write(string.format("RESULT %.0f %.0f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(99.0), summary.errors.status + summary.errors.connect + summary.errors.read))
end
