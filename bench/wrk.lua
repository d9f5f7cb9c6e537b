-- Each request is a line of a file, chosen at random: path, tab, Authorization (may be empty), and maybe a tab and
-- If-None-Match. Ends with a line of JSON.
local prepared = {}
local count = 0
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", os.time() + threads)
end

function init(arguments)
  math.randomseed(seed)
  for line in io.lines(arguments[1]) do
    local path, token, tag = line:match("^([^\t]*)\t([^\t]*)\t?(.*)$")
    local headers = {}
    if token ~= "" then headers["Authorization"] = token end
    if tag ~= "" then headers["If-None-Match"] = tag end
    count = count + 1
    prepared[count] = wrk.format("GET", path, headers)
  end
end

function request()
  return prepared[math.random(count)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "failed": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
