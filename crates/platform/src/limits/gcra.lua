-- The arithmetic of gcra.rs, on Redis: one key, one round trip, atomic. Microseconds, counted from 2023-11-14 so that
-- a double keeps fractions of them.
-- KEYS[1] the bucket. ARGV: limit, microseconds a unit takes to come back, cost.
-- Redis's own clock counts: processes whose clocks differ still agree on every bucket.
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1700000000) * 1000000 + tonumber(time[2])
local limit, unit, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole = limit * unit
local tat = tonumber(redis.call('GET', KEYS[1]) or '') or now
-- Beyond empty: the clock went back, or the limit was larger once.
if tat > now + whole then tat = now + whole end
if tat < now then tat = now end
local next = tat + cost * unit
local used = next - now
-- Half a microsecond forgives what rounding took: today is some 10^14 microseconds, where a double has steps of 0.02.
if cost > limit or used > whole + 0.5 then
  local left = math.floor((whole - (tat - now) + 0.5) / unit)
  local retry = -1
  if cost <= limit then retry = math.ceil(used - whole) end
  return { 0, left, math.ceil(tat - now), retry }
end
if cost > 0 then
  redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.ceil(used / 1000) + 1)
end
return { 1, math.floor((whole - used + 0.5) / unit), math.ceil(used), -1 }
