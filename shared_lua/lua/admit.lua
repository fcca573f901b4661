-- Decides in one round trip whether a call is admitted: rate tokens, whether what the controller remembers is current,
-- and for a synchronous Invocation a concurrency permit and the lane: a worker's express lane, a short wait for
-- capacity, or the durable lane.
-- include lib/clock

local address_bucket = KEYS[1]       -- number: rate tokens of the caller's address
local tenant_bucket = KEYS[2]        -- the same of the tenant
local tenant_version = KEYS[3]       -- cache version of the tenant's keys and limits
local address_rate = tonumber(ARGV[1])       -- tokens per second; 0 = take none
local address_burst = tonumber(ARGV[2])
local tenant_rate = tonumber(ARGV[3])
local tenant_burst = tonumber(ARGV[4])
local known_tenant_version = ARGV[5]         -- as the controller remembers it; * = it does not matter

-- For an Invocation:
local has_invocation = #KEYS > 3
local function_version = KEYS[4]     -- cache version of the function
local function_permits = KEYS[5]     -- sorted sets of the Invocations that hold a permit, by deadline, ms
local tenant_permits = KEYS[6]
local tenant_fleet_permits = KEYS[7]
local fleet_permits = KEYS[8]
local able_workers = KEYS[9]         -- sorted set of the workers, `<id>|<runs at once>`, by when they expire, ms
local free_capacity = KEYS[10]       -- sorted set: how many more runs each worker can take
local warm_workers = KEYS[11]        -- sorted set of the workers with the version warm, by when they last ran it, ms
local lane_prefix = KEYS[12]         -- the beginning of the keys of the workers' express lanes
local waiting = KEYS[13]             -- list of the Invocations that wait for capacity
local known_function_version = ARGV[6]       -- as the controller remembers it
local invocation_id = ARGV[7]
local permit_ms = tonumber(ARGV[8])          -- how long its permit lasts at most; 0 = it takes none now
local reserved = tonumber(ARGV[9])           -- permits reserved for the function; -1 = none, it shares the tenant's
local shared = tonumber(ARGV[10])            -- permits that the tenant's functions without reserved ones share
local queue_behind = tonumber(ARGV[11])      -- permits beyond what the workers run at once: a short wait behind them
local item = ARGV[12]                -- the Invocation as contract JSON; empty = it must go by the durable lane

-- Answers {decision, wait_ms, remaining, limit, reset_ms, cache version of the tenant, cache version of the function}:
--   decision  go                            admitted, by the durable lane
--             express                       admitted, and lies on a worker's lane already
--             waits                         admitted, and waits for the next capacity that comes free
--             address, tenant               no rate token: nothing was taken
--             function, concurrency, fleet  no permit: its tokens are gone, as an attempt counts
--             credentials, record           what the controller remembers is stale: it looks again
--   wait_ms   until a refused call may be admitted; 0 when it is admitted
--   others    the tightest limit: what remains, of how many, and when it is full again
--
-- A bucket is one number, the moment at which it would be full again (GCRA, which is a token bucket): one read and one
-- write, and the key expires when the bucket is full, so idle callers cost no memory. A permit has a deadline, so that
-- a lost one comes back by itself. A cache version that Redis has lost is made anew from the clock, so that it differs
-- from every one that was remembered.

local DAY_MS = 86400000
local RETRY_MS = 1000   -- when a permit comes back is unknown; a second is a fair pause before a caller asks again
local FAIR = 8          -- how many times what is free a tenant may hold; why, is told where it is used
local LOOKED_AT = 4     -- workers looked at: the fleet is not searched through while a caller waits
local now_us = redis_now_us()
local now_ms = math.floor(now_us / 1000)

local function current(cache_version)
  local kept = redis.call('GET', cache_version)
  if not kept then
    kept = string.format('%.0f', now_us)
    redis.call('SET', cache_version, kept, 'PX', DAY_MS)
  end
  return kept
end

local current_tenant_version = current(tenant_version)
if known_tenant_version ~= '*' and known_tenant_version ~= current_tenant_version then
  return {'credentials', 0, 0, 0, 0, current_tenant_version, ''}
end

-- What a bucket holds follows from how long it would take to be full: one token takes `step_us`.
local function read_bucket(decision, key, rate, burst)
  local step_us = 1000000 / rate
  local missing_us = math.max(0, (tonumber(redis.call('GET', key)) or 0) - now_us)
  local tokens = burst - missing_us / step_us + 0.000001
  return {decision = decision, key = key, burst = burst, step_us = step_us, missing_us = missing_us, tokens = tokens}
end

local buckets, tightest = {}, nil
if address_rate > 0 then
  table.insert(buckets, read_bucket('address', address_bucket, address_rate, address_burst))
end
if tenant_rate > 0 then
  table.insert(buckets, read_bucket('tenant', tenant_bucket, tenant_rate, tenant_burst))
end
for _, bucket in ipairs(buckets) do
  if bucket.tokens < 1 then
    local wait_ms = math.max(1, math.ceil((1 - bucket.tokens) * bucket.step_us / 1000))
    local reset_ms = math.ceil(bucket.missing_us / 1000)
    return {bucket.decision, wait_ms, 0, bucket.burst, reset_ms, current_tenant_version, ''}
  end
  if not tightest or bucket.tokens < tightest.tokens then
    tightest = bucket
  end
end
for _, bucket in ipairs(buckets) do
  bucket.missing_us = bucket.missing_us + bucket.step_us
  local full_us = string.format('%.0f', now_us + bucket.missing_us)
  redis.call('SET', bucket.key, full_us, 'PX', math.ceil(bucket.missing_us / 1000) + 1)
end

local function refuse(decision, limit, current_function_version)
  return {decision, RETRY_MS, 0, limit, RETRY_MS, current_tenant_version, current_function_version}
end

local function say(decision, current_function_version)
  if not tightest then
    return {decision, 0, 0, 0, 0, current_tenant_version, current_function_version}
  end
  local reset_ms, remaining = math.ceil(tightest.missing_us / 1000), math.floor(tightest.tokens - 1)
  return {decision, 0, remaining, tightest.burst, reset_ms, current_tenant_version, current_function_version}
end

if not has_invocation then
  return say('go', '')
end

local current_function_version = current(function_version)
if current_function_version ~= known_function_version then
  return say('record', current_function_version)
end
if permit_ms == 0 then
  return say('go', current_function_version)
end

local function count_held(permits)
  redis.call('ZREMRANGEBYSCORE', permits, '-inf', now_ms)
  return redis.call('ZCARD', permits)
end

local function count_fleet_permits()
  local permits = queue_behind
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', able_workers, now_ms, '+inf')) do
    permits = permits + tonumber(string.match(worker, '|(%d+)$'))
  end
  return permits
end

local has_reserved = reserved >= 0
local own_permits = has_reserved and function_permits or tenant_permits
local own_limit = has_reserved and reserved or shared
if count_held(own_permits) >= own_limit then
  return refuse(has_reserved and 'function' or 'concurrency', own_limit, current_function_version)
end

-- One tenant's flood must not take the last permits, nor the last capacity: a tenant gets another one only while it
-- holds fewer than FAIR times as many as are still free. A flood alone comes to eight ninths, beside another flood to
-- eight seventeenths, and a tenant that holds none finds one free (dynamic thresholds, Choudhury and Hahne, IEEE/ACM
-- Transactions on Networking 6(2), 1998).
local fleet, held = count_fleet_permits(), count_held(tenant_fleet_permits)
local free_permits = fleet - count_held(fleet_permits)
if free_permits <= 0 or held >= FAIR * free_permits then
  return refuse('fleet', free_permits <= 0 and fleet or held, current_function_version)
end
for _, permits in ipairs({own_permits, tenant_fleet_permits, fleet_permits}) do
  redis.call('ZADD', permits, now_ms + permit_ms, invocation_id)
  redis.call('PEXPIRE', permits, DAY_MS)
end
if item == '' then
  return say('go', current_function_version)
end

local function has_lane(worker)
  return (tonumber(redis.call('ZSCORE', able_workers, worker)) or 0) > now_ms
end

local function count_free()
  local free, lanes, scored = 0, 0, redis.call('ZRANGE', free_capacity, 0, -1, 'WITHSCORES')
  for i = 1, #scored, 2 do
    if has_lane(scored[i]) then
      lanes = lanes + 1
      free = free + math.max(0, tonumber(scored[i + 1]))
    end
  end
  return free, lanes
end

local function first_with_capacity(candidates)
  for _, worker in ipairs(redis.call('ZREVRANGE', candidates, 0, LOOKED_AT - 1)) do
    local free = tonumber(redis.call('ZSCORE', free_capacity, worker)) or 0
    if free > 0 and has_lane(worker) then
      return worker
    end
  end
  return nil
end

-- While Invocations wait, only a tenant that holds fewer permits than there is free capacity goes past them: a flood
-- must not overtake its own Invocations. A worker that has the version warm is preferred, then the one with the most
-- capacity.
local free, lanes = count_free()
local most_held = redis.call('EXISTS', waiting) == 1 and free or FAIR * free
local worker = held < most_held and (first_with_capacity(warm_workers) or first_with_capacity(free_capacity))
if worker then
  redis.call('ZINCRBY', free_capacity, -1, worker)
  redis.call('RPUSH', lane_prefix .. worker, item)
  return say('express', current_function_version)
end
if lanes == 0 then
  return say('go', current_function_version)
end
redis.call('RPUSH', waiting, item)
return say('waits', current_function_version)
