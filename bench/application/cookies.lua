-- The load of wrk on an application: GETs, each with one of many cookies.
-- wrk ... -s cookies.lua http://HOST:PORT/PATH -- FILE    (FILE: a Cookie header a line)
-- The requests are made before the load starts, so that making them costs the load generator little.

local requests = {}

function init(args)
  math.randomseed(os.time())
  for cookie in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", nil, { Cookie = cookie }) end
end

function request() return requests[math.random(1, #requests)] end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status + e.connect + e.read + e.write + e.timeout))
end
