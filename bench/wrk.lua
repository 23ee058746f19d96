-- The load of wrk: GETs of random keys, or PUTs of values that are new each time, in a given share.
-- wrk ... -s wrk.lua https://HOST:PORT/PREFIX/ -- KEYS PERCENT-OF-WRITES AUTHORIZATION
-- The requests are made before the load starts, so that making them costs the load generator little.

local VALUE_BYTES = 1536
local reads, writeHeads = {}, {}
local keys, writes, counter, stamp, filler

function init(args)
  keys, writes, counter = tonumber(args[1]), tonumber(args[2]), 0
  math.randomseed(os.time())
  stamp = string.format("%010d", os.time())
  filler = string.rep("x", VALUE_BYTES - 10 - 16)
  local body = string.rep("x", VALUE_BYTES)
  for n = 0, keys - 1 do
    local path = string.format("%ssession-%035d", wrk.path, n)
    local headers = { Authorization = args[3], ["Content-Type"] = "application/octet-stream" }
    -- wrk.format puts the body's length into the head; the body is cut off again.
    if writes > 0 then writeHeads[n] = wrk.format("PUT", path, headers, body):sub(1, -VALUE_BYTES - 1) end
    if writes < 100 then reads[n] = wrk.format("GET", path, { Authorization = args[3] }) end
  end
end

function request()
  local n = math.random(0, keys - 1)
  if writes > 0 and math.random(1, 100) <= writes then
    counter = counter + 1
    return writeHeads[n] .. stamp .. string.format("%016d", counter) .. filler
  end
  return reads[n]
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,' ..
    '"errors":{"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect, e.read, e.write, e.timeout))
end
